package test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// sockets opens a server on a socket in the file system and one in the abstract namespace,
// and leads their requests to a backend on a third socket.
func sockets(file, abstract, backend string) string {
	return fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: sockets}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 0, name: http, protocol: HTTP}, bind: "unix://%[1]s", hosts: ["*"]}
  - {port: {name: tcp, protocol: TCP}, bind: "unix://%[2]s", hosts: ["*"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: sockets}
spec:
  hosts: ["*"]
  gateways: [sockets]
  http: [{route: [{destination: {host: backend.local, port: {number: 80}}}]}]
  tcp: [{route: [{destination: {host: backend.local, port: {number: 81}}}]}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: backend}
spec:
  hosts: [backend.local]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: "unix://%[3]s"}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: backend-tcp}
spec:
  hosts: [backend.local]
  ports: [{number: 81, name: tcp, protocol: TCP}]
  resolution: STATIC
  endpoints: [{address: "unix://%[3]s"}]
`, file, abstract, backend)
}

// shortDir is a directory whose path leaves room for the name of a socket.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "s") //nolint:usetesting // the path of a socket has to be short
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// overSocket asks for a path over a unix socket and returns the answer.
func overSocket(t testing.TB, socket, path string) (int, string) {
	t.Helper()
	client := http.Client{Timeout: bound, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	response, err := client.Get("http://shop.example" + path) //nolint:noctx // bounded by the client
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	must(t, err)
	return response.StatusCode, string(body)
}

// TestPolicyIsEnforcedOnUnixSockets asks servers that listen on unix sockets, whose backend listens on
// one too, and holds that policy works there: what asks for an address of the internet finds none.
func TestPolicyIsEnforcedOnUnixSockets(t *testing.T) {
	envoytest.Require(t)
	dir := shortDir(t)
	file, abstract, backend := filepath.Join(dir, "g"), "@portreeve"+filepath.Base(dir), filepath.Join(dir, "b")
	listener, err := net.Listen("unix", backend) //nolint:noctx // closed by the server
	must(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:gosec // a test's
		_, _ = fmt.Fprintf(w, "%s %s", r.Host, r.URL.Path)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	config := newPolicyDir(t, map[string]string{"routing.yaml": sockets(file, abstract, backend), "policy.yaml": ruled("DENY", `[{to: [{operation: {paths: [/no]}}]}, {from: [{source: {ipBlocks: [0.0.0.0/0, "::/0"]}}]}]`)})
	s := startPlane(t, config)
	gateway := s.startGateway(t, envoytest.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	for _, name := range []string{file, abstract} {
		_, err := gateway.WaitListener(ctx, "unix://"+name+"_0")
		must(t, err)
	}
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/yes": {200, "shop.example /yes"},
		"/no":  {403, "RBAC: access denied"},
	} {
		if status, body := overSocket(t, file, path); status != want.status || body != want.body {
			t.Errorf("%s: %d %q, want %d %q", path, status, body, want.status, want.body)
		}
	}
	replace(t, filepath.Join(config, "policy.yaml"), ruled("ALLOW", `[{from: [{source: {ipBlocks: [0.0.0.0/0, "::/0"]}}]}]`))
	eventually(t, "a policy that allows by address allows nobody on a socket", func() bool {
		status, _ := overSocket(t, file, "/yes")
		return status == http.StatusForbidden
	})
	replace(t, filepath.Join(config, "policy.yaml"), ruled("ALLOW", "[{}]"))
	eventually(t, "connections over the abstract socket reach the backend", func() bool {
		c, err := net.Dial("unix", abstract) //nolint:noctx // bounded by the test
		must(t, err)
		defer func() { _ = c.Close() }()
		_, err = io.WriteString(c, "GET /over HTTP/1.1\r\nHost: raw\r\nConnection: close\r\n\r\n")
		must(t, err)
		answer, _ := io.ReadAll(c)
		return len(answer) > 0 && string(answer[len(answer)-9:]) == "raw /over"
	})
}
