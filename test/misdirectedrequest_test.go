package test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestAMisdirectedRequestIsAnsweredWith421 holds that a connection in HTTP/2 which a browser uses for
// another server's host, because the certificate is for it too, is answered with 421, upon which
// browsers ask again on a connection of their own: that one is served. A host that nobody has is 404.
func TestAMisdirectedRequestIsAnsweredWith421(t *testing.T) {
	envoytest.Require(t)
	a, clients := newAuthority(t), newAuthority(t)
	names := []string{"one.test", "a.two.test", "pass.test", "strict.test", "x.wide.test", "strict.wide.test"}
	s := newSecureScene(t, a, secretOf(t, "all", a.issue(t, names...), clients.pem()), func(port int) []string {
		return []string{
			server(port, "one", "HTTPS", "one.test", "mode: SIMPLE, credentialName: all"),
			server(port, "two", "HTTPS", `"*.two.test"`, "mode: SIMPLE, credentialName: all"),
			server(port, "wide", "HTTPS", `"*.wide.test"`, "mode: SIMPLE, credentialName: all"),
			server(port, "strict", "HTTPS", "strict.test, strict.wide.test", "mode: MUTUAL, credentialName: all"),
			server(port, "pass", "TLS", "pass.test", "mode: PASSTHROUGH"),
		}
	})
	for connection, hosts := range map[string]map[string]int{
		"one.test":    {"one.test": 200, "ONE.test:443": 200, "a.two.test": 421, "A.two.test:443": 421, "strict.test": 421, "pass.test": 421, "nobody.test": 404, "two.test": 404},
		"a.two.test":  {"a.two.test": 200, "b.two.test": 200, "one.test": 421, "nobody.test": 404},
		"x.wide.test": {"x.wide.test": 200, "strict.wide.test": 421, "one.test": 421, "nobody.test": 404},
	} {
		client := s.browser(t, connection)
		for host, want := range hosts {
			if got := misdirectedStatus(t, client, host); got != want {
				t.Errorf("%s on a connection for %s: %d, want %d", host, connection, got, want)
			}
		}
	}
	if got := misdirectedStatus(t, s.browser(t, "a.two.test"), "a.two.test"); got != 200 {
		t.Errorf("asked again on its own connection: %d, want 200", got)
	}
	// Policy has its word before.
	replace(t, s.policy, ruled("DENY", `[{to: [{operation: {hosts: [a.two.test]}}]}]`))
	client := s.browser(t, "one.test")
	eventually(t, "the policy counts", func() bool { return misdirectedStatus(t, client, "a.two.test") == 403 })
}

// browser is a client whose connections all have a name in their handshake and speak HTTP/2,
// whatever host it asks for.
func (s *secureScene) browser(t *testing.T, name string) *http.Client {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.authority.certificate)
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, ServerName: name, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", s.address)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: bound}
}

func misdirectedStatus(t *testing.T, client *http.Client, host string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://gateway.test/", nil)
	must(t, err)
	request.Host = host
	answer, err := client.Do(request)
	must(t, err)
	must(t, answer.Body.Close())
	if answer.ProtoMajor != 2 {
		t.Fatalf("the answer is in %s", answer.Proto)
	}
	return answer.StatusCode
}
