package test

import (
	"fmt"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestARedirectIsForTheHostsOfItsServerOnly holds that httpsRedirect is for the hosts of its server, also
// where another server of the port has the rest, and that no route gets around it.
func TestARedirectIsForTheHostsOfItsServerOnly(t *testing.T) {
	envoytest.Require(t)
	port := envoytest.FreePort(t)
	gateway := func(name, hosts, further string) string {
		return fmt.Sprintf("---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: %s}\nspec: {selector: {istio: ingressgateway}, servers: [{port: {number: %d, name: http, protocol: HTTP}, bind: 127.0.0.1, hosts: [%s]%s}]}\n", name, port, hosts, further)
	}
	const redirects = ", tls: {httpsRedirect: true}"
	dir := newPolicyDir(t, map[string]string{"routing.yaml": gateway("plain", `plain.test, open.wide.test, "*.narrow.test"`, "") +
		gateway("redirecting", `secure.test, "*.wide.test", closed.narrow.test`, redirects) +
		answers("all", `hosts: ["*"], gateways: [plain, redirecting]`)})
	e := startPlane(t, dir).startGateway(t, envoytest.Options{})
	address := e.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	for host, want := range map[string]string{
		"plain.test": "all", "secure.test": "", "a.wide.test": "", "open.wide.test": "all", "a.narrow.test": "all", "closed.narrow.test": "",
		"SECURE.test": "", "secure.test:80": "", "closed.narrow.test:8080": "",
	} {
		for _, path := range []string{"/", "/a?b=c"} {
			answer := do(t, dial(t, address), address, request{host: host, path: path, header: []string{"X-Forwarded-Proto", "https"}})
			redirected := answer.Status == 301 && len(answer.Body) == 0
			if redirected != (want == "") || string(answer.Body) != want {
				t.Errorf("%s%s: %d %q to %s, want %q", host, path, answer.Status, answer.Body, answer.Header.Get("Location"), want)
			}
		}
	}
}
