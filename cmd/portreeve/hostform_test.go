package main

import (
	"net/http"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestADotAtTheEndOfAHost holds that a host with a dot behind it is that host, to policy, to
// routes and to the backend: many backends take the two names for one. With more dots it is none.
func TestADotAtTheEndOfAHost(t *testing.T) {
	host := handler(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.Host)) })
	denied := ruled("DENY", `[{to: [{operation: {hosts: [admin.test, "admin.test:*"]}}]}]`)
	r := newRouter(t, map[string]int{"HTTP host.test": host}, routes("any", `{`+to("host.test")+`}`)+"---\n"+`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: closer}
spec:
  hosts: [closer.test.]
  gateways: [front]
  http: [{directResponse: {status: 201}}]
`, denied)
	for _, c := range []struct {
		host   string
		status int
		body   string
	}{
		{"other.test", 200, "other.test"},
		{"other.test.", 200, "other.test"},
		{"other.test.:80", 200, "other.test:80"},
		{"admin.test", 403, "RBAC: access denied"},
		{"admin.test.", 403, "RBAC: access denied"},
		{"admin.test.:8080", 403, "RBAC: access denied"},
		{"admin.test..", 404, ""},
		{"admin.test..:8080", 404, ""},
		{"admin.test...", 404, ""},
		{"closer.test..", 404, ""},
		{"closer.test", 201, ""},
		{"closer.test.", 201, ""},
	} {
		if got := r.do(t, request{path: "/", host: c.host}); got.Status != c.status || string(got.Body) != c.body {
			t.Errorf("%s: %d %q, want %d %q", c.host, got.Status, got.Body, c.status, c.body)
		}
	}
}

// TestADotHidesNoGuardedHost holds that a host whose server demands a client certificate is
// not to be had through a server for every host by writing it with a dot.
func TestADotHidesNoGuardedHost(t *testing.T) {
	envoytest.Require(t)
	a, clients := newAuthority(t), newAuthority(t)
	secrets := secretOf(t, "strict", a.issue(t, "admin.wide.test"), clients.pem()) + secretOf(t, "any", a.issue(t, "x.wide.test"))
	s := newSecureScene(t, a, secrets, func(port int) []string {
		return []string{
			server(port, "strict", "HTTPS", "admin.wide.test", "mode: MUTUAL, credentialName: strict"),
			server(port, "any", "HTTPS", `"*"`, "mode: SIMPLE, credentialName: any"),
		}
	})
	for host, want := range map[string]int{"x.wide.test": 200, "admin.wide.test": 404, "admin.wide.test.": 404, "ADMIN.wide.test.:443": 404, "admin.wide.test..": 404} {
		if got := s.secureStatus(t, "x.wide.test", host, nil); got != want {
			t.Errorf("%s by the name of another host: %d, want %d", host, got, want)
		}
	}
	if got := s.secureStatus(t, "admin.wide.test", "admin.wide.test", clients.client(t, "spiffe://cluster.local/ns/shop/sa/client")); got != 200 {
		t.Errorf("with the certificate that is asked for: %d, want 200", got)
	}
}
