package test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// fetchedRule takes the tokens of an issuer, whose keys are at an address.
func fetchedRule(issuer, uri string) string {
	return fmt.Sprintf(`apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: fetched, namespace: istio-system}
spec:
  jwtRules:
  - {issuer: %q, jwksUri: %q}
`, issuer, uri)
}

// keyServer publishes a key set and counts how often it is asked.
type keyServer struct {
	*httptest.Server
	asked atomic.Int64
}

// newKeyServer makes a server that does not serve yet, at an address that is its own.
func newKeyServer(t testing.TB, jwks string) *keyServer {
	t.Helper()
	s := &keyServer{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.asked.Add(1)
		_, _ = fmt.Fprint(w, jwks)
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(s.Close)
	return s
}

func (s *keyServer) uri(scheme, host string) string {
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return fmt.Sprintf("%s://%s/keys", scheme, net.JoinHostPort(host, port))
}

func TestAGatewayFetchesKeys(t *testing.T) {
	envoytest.Require(t)
	key, stranger := newSigningKey(t), newSigningKey(t)
	server := newKeyServer(t, keySet(t, key))
	server.Start()
	rule := fetchedRule("issuer", server.uri("http", "127.0.0.1"))
	s := newScene(t, rule, "--jwks-fetch", "envoy")
	good := key.token(t, "issuer", nil)
	for name, c := range map[string]struct {
		header []string
		want   int
	}{
		"no token":                         {nil, 200},
		"token of the issuer":              {bearer(good), 200},
		"token signed with another key":    {bearer(stranger.token(t, "issuer", nil)), 401},
		"token of another issuer":          {bearer(key.token(t, "other", nil)), 401},
		"token with another key's kid":     {bearer(stranger.as(t, key).token(t, "issuer", nil)), 401},
		"token whose signature is cut off": {bearer(good[:len(good)-4]), 401},
	} {
		if got := ask(t, s.address, "/", c.header...).Status; got != c.want {
			t.Errorf("%s: status %d, want %d", name, got, c.want)
		}
	}

	// An edit of another policy makes the gateway fetch again. No token suffers by it.
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int)
	client := dial(t, s.address)
	go func() {
		n := 0
		for ; ctx.Err() == nil; n++ {
			answer, err := client.Get(context.Background(), "http://"+s.address+"/", bearer(good)...)
			if err != nil || answer.Status != 200 {
				t.Errorf("a valid token is refused over an edit of another policy: %v %v", answer, err)
				break
			}
		}
		done <- n
	}()
	for i := range 10 {
		path := fmt.Sprintf("/guarded-%d", i)
		replace(t, s.policy, rule+"---\n"+denial("guard", "ingressgateway", path))
		eventually(t, "the edit is enforced", func() bool { return ask(t, s.address, path).Status == 403 })
	}
	cancel()
	t.Logf("%d requests over 10 edits, %d fetches", <-done, server.asked.Load())
}

// TestAnIssuerThatIsDownHarmsNobodyElse holds that such an issuer harms nobody but itself: the gateway
// opens, what has no token of it passes, and other policy takes effect.
func TestAnIssuerThatIsDownHarmsNobodyElse(t *testing.T) {
	envoytest.Require(t)
	for name, start := range map[string]func(t *testing.T, jwks string) (uri string, up func()){
		"refuses connections": func(t *testing.T, jwks string) (string, func()) {
			t.Helper()
			address := address(t)
			return "http://" + address + "/keys", func() { serveKeys(t, address, jwks) }
		},
		"accepts and is silent": func(t *testing.T, _ string) (string, func()) {
			t.Helper()
			return silentIssuer(t), nil
		},
		"is no name of DNS": func(t *testing.T, _ string) (string, func()) {
			t.Helper()
			return "http://issuer.invalid/keys", nil
		},
		"has a certificate that nobody trusts": func(t *testing.T, jwks string) (string, func()) {
			t.Helper()
			server := newKeyServer(t, jwks)
			server.StartTLS()
			return server.uri("https", "127.0.0.1"), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			key := newSigningKey(t)
			uri, up := start(t, keySet(t, key))
			rule := strings.TrimSpace(fetchedRule("issuer", uri)) + "\n"
			rule = strings.Replace(rule, "jwksUri:", "timeout: 1s, jwksUri:", 1)
			s := newScene(t, rule, "--jwks-fetch", "envoy")
			token := bearer(key.token(t, "issuer", nil))
			if got := ask(t, s.address, "/", token...).Status; got != 401 {
				t.Errorf("a token without keys: status %d, want 401", got)
			}
			if got := ask(t, s.address, "/").Status; got != 200 {
				t.Errorf("no token: status %d, want 200", got)
			}
			replace(t, s.policy, rule+"---\n"+denial("guard", "ingressgateway", "/guarded"))
			eventually(t, "other policy takes effect", func() bool { return ask(t, s.address, "/guarded").Status == 403 })
			if got := ask(t, s.address, "/", token...).Status; got != 401 {
				t.Errorf("a token without keys after an edit: status %d, want 401", got)
			}
			if up != nil {
				up()
				began := time.Now()
				eventually(t, "the token is accepted", func() bool { return ask(t, s.address, "/", token...).Status == 200 })
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("the token was accepted %v after the issuer was up, want at most 2 s", took)
				}
			}
		})
	}
}

// silentIssuer returns the address of an issuer that takes requests and does not answer.
func silentIssuer(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	return "http://" + l.Addr().String() + "/keys"
}

// TestNobodyWaitsForAnIssuer holds that a gateway opens, and takes up policy, while the
// fetch of keys is under way.
func TestNobodyWaitsForAnIssuer(t *testing.T) {
	envoytest.Require(t)
	rule := strings.Replace(fetchedRule("issuer", silentIssuer(t)), "jwksUri:", "timeout: 60s, jwksUri:", 1)
	s := newScene(t, rule, "--jwks-fetch", "envoy")
	if got := ask(t, s.address, "/").Status; got != 200 {
		t.Errorf("no token: status %d, want 200", got)
	}
	replace(t, s.policy, rule+"---\n"+denial("guard", "ingressgateway", "/guarded"))
	eventually(t, "other policy takes effect", func() bool { return ask(t, s.address, "/guarded").Status == 403 })
}

// serveKeys publishes keys at an address until the test ends.
func serveKeys(t *testing.T, address, jwks string) {
	t.Helper()
	server := newKeyServer(t, jwks)
	must(t, server.Listener.Close())
	var err error
	server.Listener, err = new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	must(t, err)
	server.Start()
}

// TestKeysAreFetchedFromTheRightServerOnly runs the printed configuration. A test cannot
// become one of the authorities that the machine trusts, so their file is replaced in it.
func TestKeysAreFetchedFromTheRightServerOnly(t *testing.T) {
	envoytest.Require(t)
	const roots = "/etc/ssl/certs/ca-certificates.crt"
	ours, theirs := newAuthority(t), newAuthority(t)
	for name, c := range map[string]struct {
		host        string
		certificate tls.Certificate
		version     uint16
		trusted     string
		want        int
	}{
		"certificate for the address":              {"127.0.0.1", ours.issue(t, "127.0.0.1"), tls.VersionTLS13, ours.file, 200},
		"certificate for the name":                 {"localhost", ours.issue(t, "localhost"), tls.VersionTLS12, ours.file, 200},
		"certificate for another name":             {"localhost", ours.issue(t, "other.example", "127.0.0.1"), tls.VersionTLS13, ours.file, 401},
		"certificate for another address":          {"127.0.0.1", ours.issue(t, "localhost", "127.0.0.2"), tls.VersionTLS13, ours.file, 401},
		"certificate of another authority":         {"127.0.0.1", theirs.issue(t, "127.0.0.1"), tls.VersionTLS13, ours.file, 401},
		"certificate of no authority of a machine": {"127.0.0.1", ours.issue(t, "127.0.0.1"), tls.VersionTLS13, roots, 401},
		"a version of TLS that is too old":         {"127.0.0.1", ours.issue(t, "127.0.0.1"), tls.VersionTLS11, ours.file, 401},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := os.Stat(c.trusted); err != nil {
				t.Skipf("NOT RUN: this machine has its authorities elsewhere: %v", err)
			}
			key := newSigningKey(t)
			server := newKeyServer(t, keySet(t, key))
			server.TLS = &tls.Config{Certificates: []tls.Certificate{c.certificate}, MinVersion: c.version, MaxVersion: c.version} //nolint:gosec // an old server is what is tested
			server.StartTLS()
			port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
			dir := newPolicyDir(t, map[string]string{
				"routing.yaml": routing(port, backend.Port()),
				"policy.yaml":  fetchedRule("issuer", server.uri("https", c.host)),
			})
			bootstrap := static(t, dir, "--jwks-fetch", "envoy")
			if !strings.Contains(bootstrap, roots) {
				t.Fatalf("the configuration does not name %s:\n%s", roots, bootstrap)
			}
			e := envoytest.Run(t, envoytest.Options{Bootstrap: []byte(strings.ReplaceAll(bootstrap, roots, c.trusted))})
			address := e.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
			if got := ask(t, address, "/", bearer(key.token(t, "issuer", nil))...).Status; got != c.want {
				t.Errorf("status %d, want %d", got, c.want)
			}
			if c.want == 401 && server.asked.Load() > 0 {
				t.Error("the server was asked for keys")
			}
		})
	}
}

// static prints the whole configuration of the default gateway.
func static(t *testing.T, dir string, flags ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	args := append([]string{"render", "envoy", "--static", "--envoy-admin-address", "127.0.0.1:0", dir}, flags...)
	if code := run(t.Context(), args, &out, &errs); code != exitClean {
		t.Fatalf("render: exit %d: %s", code, errs.String())
	}
	return out.String()
}

// TestSilentNameServersHoldUpNoGateway holds that the gateway opens all the same.
func TestSilentNameServersHoldUpNoGateway(t *testing.T) {
	envoytest.Require(t)
	silent, err := new(net.ListenConfig).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	must(t, err)
	defer func() { must(t, silent.Close()) }()
	_, resolver, err := net.SplitHostPort(silent.LocalAddr().String())
	must(t, err)
	port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	dir := newPolicyDir(t, map[string]string{
		"routing.yaml": routing(port, backend.Port()),
		"policy.yaml":  fetchedRule("issuer", "https://issuer.example/keys"),
	})
	p := startPlane(t, dir, "--jwks-fetch", "envoy")
	bootstrap := append(p.bootstrap(t), fmt.Appendf(nil, `
typed_dns_resolver_config:
  name: envoy.network.dns_resolver.cares
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig
    resolvers: [{socket_address: {address: 127.0.0.1, port_value: %s}}]
`, resolver)...)
	began := time.Now()
	e := envoytest.Run(t, envoytest.Options{Bootstrap: bootstrap})
	address := e.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the gateway opened after %v, want at once", took)
	}
	if got := ask(t, address, "/", bearer(newSigningKey(t).token(t, "issuer", nil))...).Status; got != 401 {
		t.Errorf("a token: status %d, want 401", got)
	}
	if got := ask(t, address, "/").Status; got != 200 {
		t.Errorf("no token: status %d, want 200", got)
	}
}
