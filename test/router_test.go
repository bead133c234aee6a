package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// router is a control plane and a gateway whose routes a test writes: they lead to services
// on ports of this host.
type router struct {
	*plane
	gateway *envoytest.Envoy
	address string
	routes  string // path of routes.yaml
}

// newRouter starts them with services ("protocol host" to port), VirtualServices and policy.
func newRouter(t *testing.T, services map[string]int, routes, policy string) *router {
	t.Helper()
	envoytest.Require(t)
	port := envoytest.FreePort(t)
	files := map[string]string{"gateway.yaml": front(port), "services.yaml": "# none\n", "routes.yaml": routes}
	var entries []string
	for _, name := range slices.Sorted(maps.Keys(services)) {
		protocol, host, _ := strings.Cut(name, " ")
		entries = append(entries, service(protocol, host, services[name]))
	}
	files["services.yaml"] = strings.Join(entries, "---\n")
	if policy != "" {
		files["policy.yaml"] = policy
	}
	dir := newPolicyDir(t, files)
	r := &router{plane: startPlane(t, dir), routes: filepath.Join(dir, "routes.yaml")}
	if status, err := r.status(t); err != nil || status.Diagnostics.HasErrors() {
		t.Fatalf("the configuration is refused: %v, %v", status.Diagnostics, err)
	}
	r.gateway = r.startGateway(t, envoytest.Options{LogLevel: "warning"})
	r.address = r.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	return r
}

func front(port int) string {
	return fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: %d, name: http, protocol: HTTP}
    bind: 127.0.0.1
    hosts: ["*"]
`, port)
}

// service is a ServiceEntry with one endpoint for each port.
func service(protocol, host string, port int) string {
	return fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: %s}
spec:
  hosts: [%s]
  ports: [{number: 80, name: p, protocol: %s, targetPort: %d}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
`, strings.ReplaceAll(host, ".", "-"), host, protocol, port)
}

// routes is a VirtualService of the Gateway for every host, with HTTP routes in flow style.
func routes(name string, http ...string) string {
	return fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: %s}
spec:
  hosts: ["*"]
  gateways: [front]
  http:
  - %s
`, name, strings.Join(http, "\n  - "))
}

// to is the only destination of a route.
func to(host string) string { return fmt.Sprintf("route: [{destination: {host: %s}}]", host) }

// handler runs a server for a test and returns its port.
func handler(t testing.TB, answer http.HandlerFunc) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	server := &http.Server{Handler: answer, ReadHeaderTimeout: bound}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener) // ends with an error when it is closed
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return listener.Addr().(*net.TCPAddr).Port
}

// names runs a server for each name, which answers with its name, and returns their ports.
func names(t testing.TB, hosts ...string) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, host := range hosts {
		out["HTTP "+host] = handler(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(host)) })
	}
	return out
}

// request is one that a test makes; without a method it is a GET.
type request struct {
	method, host, path string
	header             []string
}

// do makes a request on a connection of its own.
func (r *router) do(t testing.TB, q request) *envoytest.Answer {
	t.Helper()
	return do(t, dial(t, r.address), r.address, q)
}

func do(t testing.TB, c *envoytest.Client, address string, q request) *envoytest.Answer {
	t.Helper()
	if q.method == "" {
		q.method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), q.method, "http://"+address+q.path, nil)
	must(t, err)
	if q.host != "" {
		req.Host = q.host
	}
	for i := 0; i+1 < len(q.header); i += 2 {
		req.Header[q.header[i]] = append(req.Header[q.header[i]], q.header[i+1])
	}
	answer, err := c.Do(req)
	must(t, err)
	return answer
}

// received makes a request and returns what the backend got, which answers with it.
func (r *router) received(t testing.TB, q request) (*envoytest.Answer, envoytest.Received) {
	t.Helper()
	answer := r.do(t, q)
	var out envoytest.Received
	if err := json.Unmarshal(answer.Body, &out); err != nil {
		t.Fatalf("%s: %d %s", q.path, answer.Status, answer.Body)
	}
	return answer, out
}

// edit replaces the routes and waits until the gateway has taken them up.
func (r *router) edit(t testing.TB, routes string) {
	t.Helper()
	before := r.counter(t, `\.rds\..*\.config_reload$`)
	replace(t, r.routes, routes)
	eventually(t, "the gateway has the new routes", func() bool { return r.counter(t, `\.rds\..*\.config_reload$`) > before })
}

// counter sums the counters whose names match.
func (r *router) counter(t testing.TB, pattern string) uint64 {
	t.Helper()
	found, err := r.gateway.Stats(t.Context(), pattern)
	must(t, err)
	var sum uint64
	for _, n := range found {
		sum += n
	}
	return sum
}
