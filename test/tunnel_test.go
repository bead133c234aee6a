package test

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// tunnelProxy runs a proxy that leads what comes by a method to the host that is asked for,
// and refuses every other request, over TLS where a certificate is given. It returns its port
// and hands over what it was asked for.
func tunnelProxy(t testing.TB, method string, certificates ...tls.Certificate) (string, <-chan string) {
	t.Helper()
	asked := make(chan string, 100)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		target, err := net.Dial("tcp", r.Host) //nolint:noctx // of the test itself
		if err != nil || r.Method != method {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer func() { _ = target.Close() }()
		if method == http.MethodConnect {
			client, buffered, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer func() { _ = client.Close() }()
			_, _ = io.WriteString(client, "HTTP/1.1 200 OK\r\n\r\n")
			go func() {
				_, _ = io.Copy(target, buffered)
				_ = target.(*net.TCPConn).CloseWrite()
			}()
			_, _ = io.Copy(client, target)
			return
		}
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex()
		w.WriteHeader(http.StatusOK)
		_ = control.Flush()
		go func() {
			_, _ = io.Copy(target, r.Body)
			_ = target.(*net.TCPConn).CloseWrite()
		}()
		for buffer := make([]byte, 4096); ; {
			n, err := target.Read(buffer)
			if n > 0 {
				_, _ = w.Write(buffer[:n])
				_ = control.Flush()
			}
			if err != nil {
				return
			}
		}
	}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	if len(certificates) > 0 {
		s.TLS = &tls.Config{Certificates: certificates, MinVersion: tls.VersionTLS12}
		s.StartTLS()
	} else {
		s.Start()
	}
	t.Cleanup(s.Close)
	return portOf(s), asked
}

// tunnelled is a DestinationRule with a tunnel.
func tunnelled(host, tunnel string) string {
	return fmt.Sprintf(`---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: %s}
spec: {host: %s, %s}
`, host, host, tunnel)
}

// TestConnectionsReachTheirTargetThroughAProxy holds that connections reach the target through the
// proxy, by CONNECT and by POST, of a host and of its subset, and that a route whose destinations
// differ is closed.
func TestConnectionsReachTheirTargetThroughAProxy(t *testing.T) {
	envoytest.Require(t)
	config := certificate(t)
	plain, secure := echo(t, "plain", nil), echo(t, "secure", config)
	connecting, connects := tunnelProxy(t, http.MethodConnect)
	posting, posts := tunnelProxy(t, http.MethodPost)
	a := newAuthority(t)
	verified, verifies := tunnelProxy(t, http.MethodConnect, a.issue(t, "verified.local"))
	tcp, passing := envoytest.FreePort(t), envoytest.FreePort(t)
	entry := func(host, port string) string {
		return fmt.Sprintf(`---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: %s}
spec:
  hosts: [%s]
  ports: [{number: 80, name: tcp, protocol: TCP, targetPort: %s}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1, labels: {of: proxy}}]
`, host, host, port)
	}
	overTLS := fmt.Sprintf("trafficPolicy: {tls: {mode: SIMPLE, caCertificates: %s}, tunnel: {targetHost: 127.0.0.1, targetPort: %d}}", a.file, secure)
	dir := newPolicyDir(t, map[string]string{"routing.yaml": fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: tunnels}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: %d, name: tcp, protocol: TCP}, bind: 127.0.0.1, hosts: ["*"]}
  - {port: {number: %d, name: tls, protocol: TLS}, bind: 127.0.0.1, hosts: ["*"], tls: {mode: PASSTHROUGH}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: tunnels}
spec:
  hosts: ["*"]
  gateways: [tunnels]
  tcp: [{route: [{destination: {host: connecting.local}}]}]
  tls:
  - match: [{sniHosts: [post.test]}]
    route: [{destination: {host: posting.local}}]
  - match: [{sniHosts: [subset.test]}]
    route: [{destination: {host: connecting.local, subset: secure}}]
  - match: [{sniHosts: [verified.test]}]
    route: [{destination: {host: verified.local}}]
  - match: [{sniHosts: [impostor.test]}]
    route: [{destination: {host: impostor.local}}]
  - match: [{sniHosts: [mixed.test]}]
    route: [{destination: {host: posting.local}, weight: 1}, {destination: {host: connecting.local, subset: secure}, weight: 1}]
`, tcp, passing) + entry("connecting.local", connecting) + entry("posting.local", posting) + entry("verified.local", verified) + entry("impostor.local", verified) +
		tunnelled("verified.local", overTLS) + tunnelled("impostor.local", overTLS) +
		tunnelled("posting.local", fmt.Sprintf("trafficPolicy: {tunnel: {protocol: POST, targetHost: 127.0.0.1, targetPort: %d}}", secure)) +
		tunnelled("connecting.local", fmt.Sprintf("trafficPolicy: {tunnel: {targetHost: 127.0.0.1, targetPort: %d}}, subsets: [{name: secure, labels: {of: proxy}, trafficPolicy: {tunnel: {protocol: CONNECT, targetHost: 127.0.0.1, targetPort: %d}}}]", plain, secure))})
	// What the mesh configuration says of every service must not take a tunnel away.
	s := startPlane(t, dir, "--mesh-config", meshFile(t, "defaultTrafficPolicy: {connectionPool: {http: {maxRetries: 3}}}\n"))
	gateway := s.startGateway(t, envoytest.Options{})
	tcpAddress, tlsAddress := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", tcp)), gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", passing))
	for name, c := range map[string]struct {
		answer, want, wantAsked string
		asked                   <-chan string
	}{
		"connect": {connect(t, tcpAddress), "plain hello", fmt.Sprintf("CONNECT 127.0.0.1:%d", plain), connects},
		"post":    {connectTLS(t, tlsAddress, "post.test"), "secure hello", fmt.Sprintf("POST 127.0.0.1:%d", secure), posts},
	} {
		check(t, name, c.answer, c.want, c.asked, c.wantAsked)
	}
	check(t, "subset", connectTLS(t, tlsAddress, "subset.test"), "secure hello", connects, fmt.Sprintf("CONNECT 127.0.0.1:%d", secure))
	check(t, "a proxy over TLS", connectTLS(t, tlsAddress, "verified.test"), "secure hello", verifies, fmt.Sprintf("CONNECT 127.0.0.1:%d", secure))
	check(t, "a proxy of another name", connectTLS(t, tlsAddress, "impostor.test"), "", verifies, "")
	if got := connectTLS(t, tlsAddress, "mixed.test"); got != "" || len(connects)+len(posts) > 0 {
		t.Errorf("destinations that differ: answer %q, and %d requests at the proxies, want none", got, len(connects)+len(posts))
	}
	if !strings.Contains(s.log.String(), "PR0936") {
		t.Error("no warning of destinations that differ")
	}
}

// check compares an answer, and the last thing that a proxy was asked for. MustListener has
// connected before, so that the proxy was asked more than once.
func check(t testing.TB, name, answer, want string, asked <-chan string, wantAsked string) {
	t.Helper()
	if answer != want {
		t.Errorf("%s: answer %q, want %q", name, answer, want)
	}
	last := ""
	for len(asked) > 0 {
		last = <-asked
	}
	if last != wantAsked {
		t.Errorf("%s: the proxy was asked for %q, want %q", name, last, wantAsked)
	}
}
