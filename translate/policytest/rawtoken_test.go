package policytest_test

import (
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policytest"
	"github.com/portreeve/portreeve/translate/source"
)

// base opens a port, routes to a backend, and knows an issuer.
// TestARawTokenIsVerified holds that the signature of a raw token counts: it is refused where its keys are to be
// fetched, whatever it says.
func TestARawTokenIsVerified(t *testing.T) {
	_, made, _ := tested(t, rules, "  - {name: a, request: {url: http://a/, token: editor}, expect: {verdict: allowed}}\n")
	compact := strings.TrimPrefix(made[0].Request.Ask.Headers[0].Value, "Bearer ")
	if made[0].Failed() {
		t.Fatalf("a token that is made: %v", made[0].Faults)
	}
	raw := "apiVersion: portreeve.dev/v1alpha1\nkind: PolicyTest\nmetadata: {name: t}\nspec:\n  time: 2026-01-01T00:00:00Z\n  tokens: {raw: {raw: " + compact + "}}\n  tests:\n"
	program := translate.Compile([]source.File{
		{Path: "base.yaml", Content: []byte(base)},
		{Path: "test.yaml", Content: []byte(raw + "  - {name: a, request: {url: http://a/, token: raw}, expect: {verdict: denied, status: 401}}\n")},
	}, model.DefaultSettings())
	test := policytest.Of(program.Tests(), policytest.Making{})[0]
	served, refused := program.WithConditions().For(test.Gateways[0])
	if len(refused) > 0 {
		t.Fatal(refused)
	}
	gateway, err := explain.New(served)
	if err != nil {
		t.Fatal(err)
	}
	if r := test.Run(gateway, policytest.NewObjects(program.Objects()))[0]; r.Failed() {
		t.Errorf("the same token, raw: %v", r.Faults)
	}
}

// TestATokenOfAnotherIssuerIsToldOf holds that a provider says whose token there is, and of no slash where the
// issuers differ by more.
func TestATokenOfAnotherIssuerIsToldOf(t *testing.T) {
	const other = `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: others, namespace: istio-system}
spec: {jwtRules: [{issuer: https://machines.example, jwksUri: "https://machines.example/keys"}]}
`
	_, results, objects := tested(t, other, "  - {name: a, request: {url: http://a/, token: editor}, expect: {verdict: denied}}\n")
	text := strings.Join(results[0].Reasons(objects), "\n")
	if !strings.Contains(text, `istio-system/others[0] (policy.yaml:4:19) verifies, but not this`) || !strings.Contains(text, `is of issuer "https://accounts.example"`) || strings.Contains(text, "slash") {
		t.Errorf("it says:\n%s", text)
	}
}

// TestAHeaderThatIsNotKnownIsNotAbsent holds that no expectation holds about a header which depends on the cluster that is
// chosen, or whose value the gateway alone knows.
func TestAHeaderThatIsNotKnownIsNotAbsent(t *testing.T) {
	const routes = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: two, namespace: istio-system}
spec:
  hosts: [two.example, known.example]
  gateways: [front]
  http:
  - match: [{uri: {prefix: /weighted}}]
    route:
    - {destination: {host: shop.default.svc.cluster.local}, weight: 50, headers: {request: {set: {x-leak: a}}}}
    - {destination: {host: shop.default.svc.cluster.local}, weight: 50, headers: {request: {set: {x-leak: b}}}}
  - headers: {request: {set: {x-leak: "%START_TIME%"}}}
    route: [{destination: {host: shop.default.svc.cluster.local}}]
`
	for _, path := range []string{"/weighted", "/other"} {
		_, results, _ := tested(t, routes, "  - {name: a, request: {url: \"http://two.example"+path+"\"}, expect: {absentHeaders: [x-leak]}}\n")
		if len(results) != 1 || !results[0].Failed() {
			t.Errorf("%s: x-leak is taken for absent", path)
		}
	}
}
