package test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// scoped is a VirtualService of the Gateway front for one host, with what it says beside that.
func scoped(name, namespace, gateway, more, status string) string {
	return "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: " + name + ", namespace: " + namespace + "}\n" +
		"spec:\n  hosts: [scopes.test]\n  gateways: [" + gateway + "]\n" + more + "  http: [{directResponse: {status: " + status + "}}]\n"
}

// TestWhatIsMeantForTheGatewayComesFirst holds that a VirtualService that the gateway's own
// namespace keeps to itself comes before those of others, however old they are, and that
// the older form of a Gateway's name leads there.
func TestWhatIsMeantForTheGatewayComesFirst(t *testing.T) {
	everybody := scoped("a-everybody", "default", "front", "", "201")
	named := scoped("b-named", "default", "front.default", "  exportTo: [istio-system]\n", "202")
	private := scoped("c-private", "istio-system", "front.default.svc.cluster.local", "  exportTo: [\".\"]\n", "203")
	for want, routing := range map[int]string{201: everybody, 202: everybody + named, 203: everybody + named + private} {
		r := newRouter(t, map[string]int{"HTTP unused.test": 1}, routing, "")
		if got := r.do(t, request{path: "/", host: "scopes.test"}).Status; got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
}

// TestARuleForTheGatewayIsNotOverruled holds that TLS of a DestinationRule that is exported to the
// gateway's namespace counts there, beside an older rule for everybody without TLS.
func TestARuleForTheGatewayIsNotOverruled(t *testing.T) {
	envoytest.Require(t)
	right := newAuthority(t)
	younger := strings.NewReplacer("{name: web}", "{name: younger}", "spec:\n", "spec:\n  exportTo: [istio-system]\n").
		Replace(ruleFor("  trafficPolicy: {tls: {mode: SIMPLE, sni: web.example, caCertificates: " + right.file + "}}\n"))
	s := openShop(t, toWeb, web(tlsBackend(t, right, nil, "web.example"))+ruleFor("  trafficPolicy: {loadBalancer: {simple: RANDOM}}\n")+younger)
	answer := ask(t, s.address, "/")
	var got handshake
	if err := json.Unmarshal(answer.Body, &got); err != nil || answer.Status != http.StatusOK || got.ServerName != "web.example" {
		t.Errorf("status %d %s, want an answer over TLS", answer.Status, answer.Body)
	}
}
