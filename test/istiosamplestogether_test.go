package test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestIstiosSampleGatewaysShareAPort puts the three gateways of Istio's samples on one port, with the
// samples' own Services where there are any: their manifests are as Istio has them, and only the
// endpoints are the test's. Each backend says who it is and what it was asked for.
func TestIstiosSampleGatewaysShareAPort(t *testing.T) {
	envoytest.Require(t)
	slice := func(service string, port int) string {
		return fmt.Sprintf("---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: %s, labels: {kubernetes.io/service-name: %s}}\naddressType: IPv4\nports: [{name: http, port: %d}]\nendpoints: [{addresses: [127.0.0.1]}]\n", service, service, port)
	}
	saying := func(name string) int {
		return handler(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, "%s %s %s%s", name, r.Method, r.Host, r.URL)
		})
	}
	port := envoytest.FreePort(t)
	files := map[string]string{"endpoints.yaml": slice("helloworld", saying("helloworld")) + slice("httpbin", saying("httpbin")) + sampleService("productpage", 9080, saying("productpage"))}
	for _, name := range []string{"bookinfo_networking_bookinfo-gateway.yaml", "helloworld_helloworld-gateway.yaml", "httpbin_httpbin-gateway.yaml"} {
		files[name] = sample(t, name, port)
	}
	for _, name := range []string{"helloworld_helloworld.yaml", "httpbin_httpbin.yaml", "bookinfo_networking_destination-rule-all.yaml"} {
		content, err := os.ReadFile(filepath.Join("../../shared/conformance/samples", name))
		must(t, err)
		files[name] = string(content)
	}
	e := startPlane(t, newPolicyDir(t, files)).startGateway(t, envoytest.Options{})
	address := e.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	for _, c := range []struct{ method, host, path, want string }{
		// Each match of bookinfo, and what is next to it.
		{"GET", "a.test", "/productpage?u=test", "productpage"}, {"POST", "b.test", "/productpage", "productpage"}, {"GET", "a.test", "/productpage/", "httpbin"}, {"GET", "a.test", "/Productpage", "httpbin"},
		{"GET", "a.test", "/static", "productpage"}, {"GET", "a.test", "/static/a/b.css", "productpage"}, {"GET", "a.test", "/staticX", "productpage"}, {"GET", "a.test", "/x/static", "httpbin"},
		{"POST", "a.test", "/login", "productpage"}, {"GET", "a.test", "/login/x", "httpbin"}, {"GET", "a.test", "/logout", "productpage"}, {"GET", "a.test", "/logoutX", "httpbin"},
		{"GET", "a.test", "/api/v1/products/0/ratings?a=%2f", "productpage"}, {"GET", "a.test", "/api/v1/product", "httpbin"},
		// That of helloworld, and the one of httpbin, which takes the rest.
		{"GET", "a.test", "/hello?name=b", "helloworld"}, {"GET", "a.test", "/hello/", "httpbin"}, {"GET", "a.test", "/helloX", "httpbin"},
		{"GET", "a.test", "/", "httpbin"}, {"DELETE", "a.test:80", "/status/418", "httpbin"},
	} {
		answer := do(t, dial(t, address), address, request{method: c.method, host: c.host, path: c.path})
		if want := fmt.Sprintf("%s %s %s%s", c.want, c.method, c.host, c.path); answer.Status != http.StatusOK || string(answer.Body) != want {
			t.Errorf("%s %s%s: %d %q, want %q", c.method, c.host, c.path, answer.Status, answer.Body, want)
		}
	}
}
