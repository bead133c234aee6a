package test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// closer serves one host by itself, beside the routes for every host.
const closer = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: closer}
spec:
  hosts: [closer.test.]
  gateways: [front]
  http: [{directResponse: {status: 201}}]
`

// TestAHostWithADotBehindItIsThatHost holds that a host with a dot behind it is that host, to policy,
// to routes and to the backend: many backends take the two names for one. What is no host goes
// nowhere.
func TestAHostWithADotBehindItIsThatHost(t *testing.T) {
	host := handler(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.Host)) })
	denied := ruled("DENY", `[{to: [{operation: {hosts: [admin.test, "admin.test:*"]}}]}]`)
	r := newRouter(t, map[string]int{"HTTP host.test": host}, routes("any", `{`+to("host.test")+`}`)+closer, denied)
	const refused = "RBAC: access denied"
	for _, c := range []struct {
		host   string
		status int
		body   string
	}{
		{"other.test", 200, "other.test"},
		{"other.test.", 200, "other.test"},
		{"other.test.:80", 200, "other.test:80"},
		{"under_score.test:", 200, "under_score.test:"},
		{"10.0.0.1", 200, "10.0.0.1"},
		{"[::1]:80", 200, "[::1]:80"},
		{"", 200, ""},
		{"admin.test", 403, refused},
		{"admin.test.", 403, refused},
		{"admin.test.:8080", 403, refused},
		{"admin.test:80:80", 403, refused},
		{"admin.test..", 403, refused},
		{"admin.test..:8080", 403, refused},
		{"admin.test...", 403, refused},
		{"other.test:80:80", 403, refused},
		{"x@admin.test", 403, refused},
		{"other.test,admin.test", 403, refused},
		{"admin.test%2e", 403, refused},
		{"closer.test", 201, ""},
		{"closer.test.", 201, ""},
		{"closer.test..", 403, refused},
	} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.address)
		must(t, err)
		if status, body := askAsWritten(t, conn, c.host); status != c.status || body != c.body {
			t.Errorf("%s: %d %q, want %d %q", c.host, status, body, c.status, c.body)
		}
	}
}

// askAsWritten sends a host that no client library would, and closes the connection.
func askAsWritten(t *testing.T, conn net.Conn, host string) (status int, body string) {
	t.Helper()
	defer func() { _ = conn.Close() }()
	must(t, conn.SetDeadline(time.Now().Add(bound)))
	_, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", host)
	must(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(answer.Body)
	must(t, err)
	return answer.StatusCode, string(content)
}

// TestNoFormOfAHostIsUnguarded holds that a host whose server demands a client certificate
// is not to be had through servers for more hosts, however it is written.
func TestNoFormOfAHostIsUnguarded(t *testing.T) {
	a, clients := newAuthority(t), newAuthority(t)
	secrets := secretOf(t, "strict", a.issue(t, "admin.wide.test"), clients.pem()) + secretOf(t, "wide", a.issue(t, "x.wide.test")) + secretOf(t, "any", a.issue(t, "x.any.test"))
	s := newSecureScene(t, a, secrets, func(port int) []string {
		return []string{
			server(port, "strict", "HTTPS", "admin.wide.test", "mode: MUTUAL, credentialName: strict"),
			server(port, "wide", "HTTPS", `"*.wide.test"`, "mode: SIMPLE, credentialName: wide"),
			server(port, "any", "HTTPS", `"*"`, "mode: SIMPLE, credentialName: any"),
		}
	})
	for host, want := range map[string][2]int{
		"x.wide.test":             {200, 200},
		"admin.wide.test":         {421, 421},
		"admin.wide.test.":        {421, 421},
		"ADMIN.wide.test.:443":    {421, 421},
		"admin.wide.test..":       {421, 400},
		"admin.wide.test:443:443": {421, 400},
		"x@admin.wide.test":       {400, 400},
		"admin.wide.test,x":       {421, 400},
		"x,admin.wide.test":       {400, 400},
	} {
		for i, name := range []string{"x.wide.test", "x.any.test"} {
			c, err := s.handshake(t, name, nil)
			must(t, err)
			if got, _ := askAsWritten(t, c.Conn, host); got != want[i] {
				t.Errorf("%s by the name %s: %d, want %d", host, name, got, want[i])
			}
		}
	}
	if got := s.secureStatus(t, "admin.wide.test", "admin.wide.test", clients.client(t, "spiffe://cluster.local/ns/shop/sa/client")); got != 200 {
		t.Errorf("with the certificate that is asked for: %d, want 200", got)
	}
}
