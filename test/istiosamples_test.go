package test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// sample returns one of Istio's gateway manifests, unchanged but for the port and the
// address that it listens on: a test has neither port 80 nor other interfaces.
func sample(t *testing.T, name string, port int) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../../shared/conformance/samples", name))
	if os.IsNotExist(err) {
		t.Skip("NOT RUN: Istio's samples are not there")
	}
	must(t, err)
	server := regexp.MustCompile(`(?m)^  - port:\n      number: \d+$`)
	if n := len(server.FindAllIndex(content, -1)); n != 1 {
		t.Fatalf("%s has %d servers, want 1", name, n)
	}
	return server.ReplaceAllString(string(content), fmt.Sprintf("  - bind: 127.0.0.1\n    port:\n      number: %d", port))
}

// sampleService stands for a Kubernetes Service of the namespace default.
func sampleService(name string, port, backend int) string {
	return fmt.Sprintf(`---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: %s}
spec:
  hosts: [%s.default.svc.cluster.local]
  ports: [{number: %d, name: http, protocol: HTTP, targetPort: %d}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
`, name, name, port, backend)
}

// TestIstiosSampleGatewaysServeTheirRoutes holds that the gateways of Istio's samples serve their
// routes, and no other, and that two on one port share it: the route that takes everything comes last.
func TestIstiosSampleGatewaysServeTheirRoutes(t *testing.T) {
	envoytest.Require(t)
	const none = ""
	for name, c := range map[string]struct {
		files    []string
		services map[string]int // with the port that the routes name
		want     map[string]string
	}{
		"bookinfo": {[]string{"bookinfo_networking_bookinfo-gateway.yaml"}, map[string]int{"productpage": 9080}, map[string]string{
			"/productpage": "productpage", "/productpage?u=test": "productpage", "/productpage/x": none, "/static/a.css": "productpage", "/staticX": "productpage",
			"/login": "productpage", "/logout": "productpage", "/logout/": none, "/api/v1/products": "productpage", "/api/v1/products/0/reviews": "productpage",
			"/static": "productpage", "/x/static": none, "/login/x": none, "/Productpage": none, "/api/v1": none, "/": none,
		}},
		"helloworld": {[]string{"helloworld_helloworld-gateway.yaml"}, map[string]int{"helloworld": 5000}, map[string]string{
			"/hello": "helloworld", "/hello?a=b": "helloworld", "/hello/x": none, "/helloX": none, "/": none,
		}},
		"httpbin": {[]string{"httpbin_httpbin-gateway.yaml"}, map[string]int{"httpbin": 8000}, map[string]string{
			"/": "httpbin", "/status/200": "httpbin", "/hello": "httpbin",
		}},
		"both on one port": {[]string{"helloworld_helloworld-gateway.yaml", "httpbin_httpbin-gateway.yaml"}, map[string]int{"helloworld": 5000, "httpbin": 8000}, map[string]string{
			"/hello": "helloworld", "/": "httpbin", "/hello/x": "httpbin",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			port := envoytest.FreePort(t)
			backends, dir := map[string]*envoytest.Backend{}, map[string]string{"services.yaml": ""}
			for service, number := range c.services {
				backends[service] = envoytest.RunBackend(t)
				dir["services.yaml"] += sampleService(service, number, backends[service].Port())
			}
			for _, file := range c.files {
				dir[file] = sample(t, file, port)
			}
			p := startPlane(t, newPolicyDir(t, dir))
			gateway := p.startGateway(t, envoytest.Options{})
			address := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
			for path, service := range c.want {
				before := map[string]int64{}
				for name, b := range backends {
					before[name] = b.Requests()
				}
				answer := ask(t, address, path, "User-Agent", "test")
				got := none
				for name, b := range backends {
					if b.Requests() > before[name] {
						got += name
					}
				}
				if status := map[bool]int{true: 200, false: 404}[service != none]; got != service || answer.Status != status {
					t.Errorf("%s: %d by %q, want %d by %q", path, answer.Status, got, status, service)
				}
			}
		})
	}
}
