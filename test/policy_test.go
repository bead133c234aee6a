package test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The key set and token of the tutorial, Istio's public test key.
func testKeys(t testing.TB) (jwks, token string) {
	t.Helper()
	read := func(name string) string {
		b, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	return read("jwks.json"), read("token.txt")
}

// routing opens a port on which a backend serves every path.
func routing(port, backend int) string {
	return fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: %d, name: http, protocol: HTTP}
    bind: 127.0.0.1
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: backend}
spec:
  hosts: ["*"]
  gateways: [gateway]
  http:
  - route:
    - destination: {host: backend.local, port: {number: 80}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: backend}
spec:
  hosts: [backend.local]
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: %d}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
`, port, backend)
}

// tutorial is the tutorial's policy as a JWTPolicy, in a mode and for a path.
func tutorial(t testing.TB, mode, path string) string {
	t.Helper()
	jwks, _ := testKeys(t)
	return fmt.Sprintf(`apiVersion: portreeve.dev/v1alpha1
kind: JWTPolicy
metadata: {name: tutorial, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwt:
    issuer: testing@secure.istio.io
    jwks: '%s'
  matching:
    mode: %s
    rules: [{paths: [%s]}]
`, jwks, mode, path)
}

// denial refuses the given paths to the gateways with a label.
func denial(name, label string, paths ...string) string {
	return fmt.Sprintf(`apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: %s, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: %s}}
  action: DENY
  rules:
  - to: [{operation: {paths: ["%s"]}}]
`, name, label, strings.Join(paths, `", "`))
}
