package test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestTheServerNameDecidesTheCertificate serves two hosts on one port with a certificate each. The
// client verifies both, speaks HTTP/2 where it can, and a name that no server has gets no connection.
func TestTheServerNameDecidesTheCertificate(t *testing.T) {
	a := newAuthority(t)
	one, two := a.issue(t, "one.test"), a.issue(t, "*.two.test")
	s := newSecureScene(t, a, secretOf(t, "one", one)+secretOf(t, "two", two), func(port int) []string {
		return []string{
			server(port, "one", "HTTPS", "one.test", "mode: SIMPLE, credentialName: one"),
			server(port, "two", "HTTPS", `"*.two.test"`, "mode: SIMPLE, credentialName: two, minProtocolVersion: TLSV1_3"),
		}
	})
	for name, want := range map[string]tls.Certificate{"one.test": one, "ONE.test": one, "a.two.test": two} {
		if got := s.shownCertificate(t, name); got != string(want.Certificate[0]) {
			t.Errorf("%s does not have its certificate", name)
		}
		if got := s.secureStatus(t, name, strings.ToLower(name), nil); got != 200 {
			t.Errorf("%s: %d", name, got)
		}
	}
	for name, config := range map[string]*tls.Config{
		"another name":                 {ServerName: "three.test"},
		"no name":                      {},
		"a version below the server's": {ServerName: "a.two.test", MaxVersion: tls.VersionTLS12},
	} {
		config.InsecureSkipVerify = true                              //nolint:gosec // nothing answers
		if c, err := tls.Dial("tcp", s.address, config); err == nil { //nolint:noctx // loopback
			_ = c.Close()
			t.Errorf("%s: connected", name)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.certificate)
	c, err := tls.Dial("tcp", s.address, &tls.Config{ServerName: "one.test", RootCAs: roots, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}) //nolint:noctx // loopback
	must(t, err)
	defer func() { _ = c.Close() }()
	if got := c.ConnectionState().NegotiatedProtocol; got != "h2" {
		t.Errorf("the protocol is %q, want h2", got)
	}
	// A host of the other server is not to be had here, whatever name the handshake had.
	if got := s.secureStatus(t, "one.test", "a.two.test", nil); got != 421 {
		t.Errorf("another server's host: %d, want 421", got)
	}
}

// TestPolicySeesTheIdentityOfAClientCertificate asks with the right, a wrong and no client
// certificate, and holds that the identity in the right one is the one that policies see.
func TestPolicySeesTheIdentityOfAClientCertificate(t *testing.T) {
	a, clients, others := newAuthority(t), newAuthority(t), newAuthority(t)
	secrets := secretOf(t, "server", a.issue(t, "mutual.test", "optional.test", "pinned.test", "*.wild.test"), clients.pem()) +
		secretOf(t, "apart", a.issue(t, "apart.test")) + secretWith("apart-cacert", "cacert", clients.pem())
	s := newSecureScene(t, a, secrets, func(port int) []string {
		return []string{
			server(port, "mutual", "HTTPS", "mutual.test, admin.wild.test", "mode: MUTUAL, credentialName: server"),
			server(port, "optional", "HTTPS", "optional.test", "mode: OPTIONAL_MUTUAL, credentialName: server"),
			server(port, "pinned", "HTTPS", "pinned.test", `mode: MUTUAL, credentialName: server, subjectAltNames: ["spiffe://cluster.local/ns/shop/sa/client"]`),
			server(port, "apart", "HTTPS", "apart.test", "mode: MUTUAL, credentialName: apart"),
			server(port, "wild", "HTTPS", `"*.wild.test"`, "mode: SIMPLE, credentialName: server"),
		}
	})
	right := clients.client(t, "spiffe://cluster.local/ns/shop/sa/client")
	other := clients.client(t, "spiffe://cluster.local/ns/shop/sa/other")
	wrong := others.client(t, "spiffe://cluster.local/ns/shop/sa/client")
	type question struct {
		name        string
		certificate *tls.Certificate
		want        int
	}
	hold := func(policy string, questions map[string]question) {
		t.Helper()
		for what, q := range questions {
			if got := s.secureStatus(t, q.name, q.name, q.certificate); got != q.want {
				t.Errorf("%s: %s at %s: %d, want %d", policy, what, q.name, got, q.want)
			}
		}
	}
	hold("without policy", map[string]question{
		"the right certificate": {"mutual.test", right, 200}, "a wrong one": {"mutual.test", wrong, 0}, "none": {"mutual.test", nil, 0},
		"right, where it is optional": {"optional.test", right, 200}, "wrong, where it is optional": {"optional.test", wrong, 0}, "none, where it is optional": {"optional.test", nil, 200},
		"the name that is pinned": {"pinned.test", right, 200}, "another name": {"pinned.test", other, 0}, "the pinned name of another authority": {"pinned.test", wrong, 0},
		"by authorities in a Secret of their own": {"apart.test", other, 200}, "not by these": {"apart.test", wrong, 0},
		"where none is asked for": {"a.wild.test", nil, 200},
	})
	// The name of the handshake and the host of the request are the client's to choose.
	if got := s.secureStatus(t, "a.wild.test", "admin.wild.test", nil); got != 421 {
		t.Errorf("a host that wants a certificate, through a server that does not: %d, want 421", got)
	}
	c, err := s.handshake(t, "mutual.test", right)
	must(t, err)
	if _, _, body, err := c.get("mutual.test", "/", "X-Forwarded-Client-Cert", "URI=spiffe://forged"); err != nil || strings.Contains(body, "forged") || !strings.Contains(body, "URI=spiffe://cluster.local/ns/shop/sa/client") {
		t.Errorf("the backend is told %s, %v", body, err)
	}
	replace(t, s.policy, ruled("ALLOW", `[{from: [{source: {principals: ["cluster.local/ns/shop/sa/client"]}}]}]`))
	eventually(t, "the policy is enforced", func() bool { return s.secureStatus(t, "optional.test", "optional.test", nil) == 403 })
	hold("one identity is allowed", map[string]question{
		"the right one": {"mutual.test", right, 200}, "another one": {"mutual.test", other, 403}, "of another authority": {"mutual.test", wrong, 0},
		"the right one, where it is optional": {"optional.test", right, 200}, "none, where it is optional": {"optional.test", nil, 403}, "none at all": {"a.wild.test", nil, 403},
	})
}

// TestPlainTextIsRedirectedToHTTPS holds that a server in plain text sends every request to HTTPS, also
// those for hosts that no VirtualService serves.
func TestPlainTextIsRedirectedToHTTPS(t *testing.T) {
	a := newAuthority(t)
	plain := envoytest.FreePort(t)
	s := newSecureScene(t, a, secretOf(t, "one", a.issue(t, "one.test")), func(port int) []string {
		return []string{
			server(port, "one", "HTTPS", "one.test", "mode: SIMPLE, credentialName: one"),
			server(plain, "http", "HTTP", `one.test, "*.none.test"`, "httpsRedirect: true"),
		}
	})
	address := s.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", plain))
	for host, want := range map[string]string{"one.test": "https://one.test/a?b=c", "x.none.test": "https://x.none.test/a?b=c", "other.test": ""} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/a?b=c", http.NoBody)
		must(t, err)
		r.Host = host
		// A client does not talk itself out of the redirect.
		r.Header.Set("X-Forwarded-Proto", "https")
		answer, err := dial(t, address).Do(r)
		must(t, err)
		status := 301
		if want == "" {
			status = 404
		}
		if answer.Status != status || answer.Header.Get("Location") != want {
			t.Errorf("%s: %d to %q, want %d to %q", host, answer.Status, answer.Header.Get("Location"), status, want)
		}
	}
	if got := s.secureStatus(t, "one.test", "one.test", nil); got != 200 {
		t.Errorf("over HTTPS: %d", got)
	}
}

// TestPolicyIsEnforcedOnDecryptedConnections decrypts connections whose requests nobody reads, and
// holds that policies about connections, and about the clients' certificates, are enforced on them.
func TestPolicyIsEnforcedOnDecryptedConnections(t *testing.T) {
	a, clients := newAuthority(t), newAuthority(t)
	s := newSecureScene(t, a, secretOf(t, "server", a.issue(t, "tcp.test"), clients.pem()), func(port int) []string {
		return []string{server(port, "tcp", "TLS", "tcp.test", "mode: OPTIONAL_MUTUAL, credentialName: server")}
	})
	say := func(certificate *tls.Certificate) string {
		c, err := s.handshake(t, "tcp.test", certificate)
		if err != nil {
			return ""
		}
		defer func() { _ = c.Close() }()
		return line(t, c, "hello")
	}
	right, other := clients.client(t, "spiffe://cluster.local/ns/shop/sa/client"), clients.client(t, "spiffe://cluster.local/ns/shop/sa/other")
	wrong := newAuthority(t).client(t, "spiffe://cluster.local/ns/shop/sa/client")
	for what, c := range map[string]struct {
		certificate *tls.Certificate
		want        string
	}{"right": {right, "echo hello"}, "none": {nil, "echo hello"}, "wrong": {wrong, ""}} {
		if got := say(c.certificate); got != c.want {
			t.Errorf("without policy, %s: %q, want %q", what, got, c.want)
		}
	}
	before := listenerCounters(t, s.gateway)
	replace(t, s.policy, ruled("DENY", `[{from: [{source: {notPrincipals: ["cluster.local/ns/shop/sa/client"]}}]}]`))
	eventually(t, "no certificate is denied", func() bool { return say(nil) == "" })
	if got := say(right); got != "echo hello" {
		t.Errorf("the right certificate: %q", got)
	}
	if got := say(other); got != "" {
		t.Errorf("another certificate: %q", got)
	}
	replace(t, s.policy, ruled("ALLOW", `[{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}]`))
	eventually(t, "another address is not allowed", func() bool { return say(right) == "" })
	if diff := cmp.Diff(before, listenerCounters(t, s.gateway)); diff != "" {
		t.Errorf("an edit of policy changed a listener (-before +after):\n%s", diff)
	}
}

// TestPolicyIsEnforcedOnHTTPS enforces tokens and rules on an HTTPS server as on one in plain text.
func TestPolicyIsEnforcedOnHTTPS(t *testing.T) {
	a := newAuthority(t)
	s := newSecureScene(t, a, secretOf(t, "one", a.issue(t, "one.test", "two.test")), func(port int) []string {
		return []string{
			server(port, "one", "HTTPS", "one.test", "mode: SIMPLE, credentialName: one"),
			server(port, "rest", "HTTPS", `"*"`, "mode: SIMPLE, credentialName: one"),
		}
	})
	key, forged := newSigningKey(t), newSigningKey(t)
	before := listenerCounters(t, s.gateway)
	replace(t, s.policy, fmt.Sprintf(`apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: istio-system}
spec: {jwtRules: [{issuer: a, jwks: '%s'}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: tokens, namespace: istio-system}
spec: {rules: [{from: [{source: {requestPrincipals: ["a/*"]}}]}]}
`, keySet(t, key)))
	for _, name := range []string{"one.test", "two.test"} {
		eventually(t, "the policy is enforced at "+name, func() bool { return s.secureStatus(t, name, name, nil) == 403 })
		if got := s.secureStatus(t, name, name, nil, bearer(forged.as(t, key).token(t, "a", nil))...); got != 401 {
			t.Errorf("%s: a forged token: %d, want 401", name, got)
		}
		if got := s.secureStatus(t, name, name, nil, bearer(key.token(t, "a", nil))...); got != 200 {
			t.Errorf("%s: a good token: %d, want 200", name, got)
		}
	}
	if diff := cmp.Diff(before, listenerCounters(t, s.gateway)); diff != "" {
		t.Errorf("an edit of policy changed a listener (-before +after):\n%s", diff)
	}
}

// listenerCounters are the counters that move when a listener does.
func listenerCounters(t *testing.T, gateway *envoytest.Envoy) map[string]uint64 {
	t.Helper()
	return (&connectionScene{gateway: gateway}).listeners(t)
}

// TestANewCertificateInTheGatewaysFilesIsTakenUp has Envoy read certificates from its own machine, and
// holds that it takes up a new one by itself.
func TestANewCertificateInTheGatewaysFilesIsTakenUp(t *testing.T) {
	a := newAuthority(t)
	dir := t.TempDir()
	put := func(c tls.Certificate) {
		certificate, key := pems(t, c)
		both := filepath.Join(dir, "..new")
		must(t, os.Mkdir(both, 0o700))
		write(t, filepath.Join(both, "tls.crt"), certificate)
		write(t, filepath.Join(both, "tls.key"), key)
		must(t, os.Rename(filepath.Join(both, "tls.key"), filepath.Join(dir, "tls.key")))
		must(t, os.Rename(filepath.Join(both, "tls.crt"), filepath.Join(dir, "tls.crt")))
		must(t, os.Remove(both))
	}
	first, second := a.issue(t, "one.test"), a.issue(t, "one.test")
	put(first)
	s := newSecureScene(t, a, secretWith("unused", "password", "a"), func(port int) []string {
		return []string{server(port, "one", "HTTPS", "one.test", fmt.Sprintf("mode: SIMPLE, serverCertificate: %s/tls.crt, privateKey: %s/tls.key", dir, dir))}
	})
	if got := s.shownCertificate(t, "one.test"); got != string(first.Certificate[0]) {
		t.Error("the first certificate is not served")
	}
	put(second)
	eventually(t, "the second certificate is served", func() bool { return s.shownCertificate(t, "one.test") == string(second.Certificate[0]) })
}

// TestAPrintedBootstrapServesHTTPSOnlyWithItsKeys starts an Envoy with a printed bootstrap that has
// the keys, and none with one that has them not.
func TestAPrintedBootstrapServesHTTPSOnlyWithItsKeys(t *testing.T) {
	envoytest.Require(t)
	a := newAuthority(t)
	port := envoytest.FreePort(t)
	_, key := pems(t, a.issue(t, "unused.test"))
	dir := newPolicyDir(t, map[string]string{
		"routing.yaml": secureRouting(envoytest.RunBackend(t).Port(), 1, server(port, "one", "HTTPS", "one.test", "mode: SIMPLE, credentialName: one")),
		"secrets.yaml": secretOf(t, "one", a.issue(t, "one.test")) + secretWith("unused", "key", key),
	})
	bootstrap := static(t, dir, "--with-secrets")
	e := envoytest.Run(t, envoytest.Options{Bootstrap: []byte(bootstrap)})
	s := &secureScene{authority: a, gateway: e, address: e.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))}
	if got := s.secureStatus(t, "one.test", "one.test", nil); got != 200 {
		t.Errorf("the printed gateway answers %d", got)
	}
	if without := static(t, dir); strings.Contains(without, "PRIVATE KEY") || !strings.Contains(without, "[redacted]") {
		t.Error("without the flag the key is printed")
	}
	if strings.Contains(bootstrap, strings.Split(key, "\n")[1]) {
		t.Error("a Secret that no Gateway names is printed")
	}
}
