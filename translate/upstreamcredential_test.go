package translate_test

import (
	"os"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// TestABackendsSecretInAnotherNamespaceRefusesTheGateway holds that the namespace of the
// gateway counts, not that of the DestinationRule, and only where the rule does.
func TestABackendsSecretInAnotherNamespaceRefusesTheGateway(t *testing.T) {
	secrets, err := os.ReadFile("testdata/gateway-tls/in/secrets.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const policy = `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: web, namespace: apps}
spec: {hosts: [web.example], exportTo: [istio-system, shop], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: apps}
spec: {host: web.example, trafficPolicy: {tls: {mode: SIMPLE, credentialName: two}}}
`
	program := translate.Compile([]source.File{{Path: "policy.yaml", Content: []byte(policy)}, {Path: "secrets.yaml", Content: secrets}}, model.DefaultSettings())
	for namespace, want := range map[string]string{
		"istio-system": "",
		"shop":         "no Secret two is in the namespace shop, in which the gateway runs",
		"unrelated":    "",
	} {
		g := ingress()
		g.Namespace = namespace
		resources, refused := program.For(g)
		if (want == "") != (len(refused) == 0) || !strings.Contains(findings(refused), want) {
			t.Errorf("%s: refused for\n%s", namespace, findings(refused))
		}
		if given := len(resources.Secrets) > 0; given != (namespace == "istio-system") {
			t.Errorf("%s: is given secrets: %v", namespace, given)
		}
	}
}
