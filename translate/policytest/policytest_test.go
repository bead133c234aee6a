package policytest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policytest"
	"github.com/portreeve/portreeve/translate/source"
)

// base opens a port, routes to a backend, and knows an issuer.
const base = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: istio-system}
spec:
  hosts: ["*"]
  gateways: [front]
  http:
  - match: [{uri: {exact: /old}}]
    redirect: {uri: /new}
  - headers: {request: {set: {x-tier: gold}, remove: [x-gone]}}
    route: [{destination: {host: shop.default.svc.cluster.local}}]
---
apiVersion: v1
kind: Service
metadata: {name: shop, namespace: default}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: shop, namespace: default}
subsets: [{addresses: [{ip: 10.1.2.3}], ports: [{name: http, port: 8080}]}]
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: istio-system}
spec: {jwtRules: [{issuer: https://accounts.example, jwksUri: "https://accounts.example/keys", forwardOriginalToken: true, outputClaimToHeaders: [{header: x-user, claim: sub}]}]}
`

// rules are one policy of each action that enforces.
const rules = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: shut, namespace: istio-system}
spec: {action: DENY, rules: [{to: [{operation: {paths: [/shut, "/shut/*"]}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: open, namespace: istio-system}
spec:
  rules:
  - to: [{operation: {methods: [GET]}}]
  - from: [{source: {requestPrincipals: ["*"]}}]
    when: [{key: "request.auth.claims[role]", values: [editor]}]
`

// header begins a PolicyTest.
const header = `apiVersion: portreeve.dev/v1alpha1
kind: PolicyTest
metadata: {name: t, namespace: istio-system}
spec:
  issuers: [{name: accounts, issuer: https://accounts.example}]
  tokens:
    editor: {issuer: accounts, claims: {sub: ed, role: editor, big: 9007199254740993}}
    late: {issuer: accounts, claims: {sub: ed, role: editor}, expires: -5m}
  tests:
`

// tested compiles policy and a PolicyTest, and runs it.
func tested(t *testing.T, policy, tests string) (*translate.Program, []policytest.Result, *policytest.Objects) {
	t.Helper()
	program := translate.Compile([]source.File{
		{Path: "base.yaml", Content: []byte(base)}, {Path: "policy.yaml", Content: []byte(policy)}, {Path: "test.yaml", Content: []byte(header + tests)},
	}, model.DefaultSettings())
	if program.Diags.HasErrors() {
		t.Fatal(program.Diags.Errors())
	}
	objects := policytest.NewObjects(program.Objects())
	all := policytest.Of(program.Tests(), policytest.Making{})
	if len(all) != 1 || len(all[0].Faults) > 0 {
		t.Fatalf("%d tests, %v", len(all), all[0].Faults)
	}
	served, refused := program.WithConditions().For(all[0].Gateways[0])
	if len(refused) > 0 {
		t.Fatal(refused)
	}
	gateway, err := explain.New(served)
	if err != nil {
		t.Fatal(err)
	}
	return program, all[0].Run(gateway, objects), objects
}

// TestExpectations holds each part of an expectation to what comes, and how a failure is told.
func TestExpectations(t *testing.T) {
	for name, c := range map[string]struct {
		request, expect string
		// want are the faults; none where the test passes.
		want []string
	}{
		"allowed":                {`{url: "http://a/"}`, `{verdict: allowed, rule: "open[0]", destination: shop, headers: {x-tier: gold, ":path": /, ":authority": a}, absentHeaders: [x-gone, x-user]}`, nil},
		"by its whole name":      {`{url: "http://a/"}`, `{rule: "istio-system/open[0]", destination: "shop.default.svc.cluster.local:80"}`, nil},
		"by the cluster":         {`{url: "http://a/"}`, `{destination: "outbound|80||shop.default.svc.cluster.local"}`, nil},
		"another destination":    {`{url: "http://a/"}`, `{destination: sho}`, []string{"destination: expected sho, got outbound|80||shop.default.svc.cluster.local"}},
		"another rule of it":     {`{url: "http://a/"}`, `{rule: "open[1]"}`, []string{"decided by: expected istio-system/open[1], got istio-system/open[0]"}},
		"no such object":         {`{url: "http://a/"}`, `{rule: opem}`, []string{"rule: there is no object istio-system/opem; did you mean istio-system/open?"}},
		"of another namespace":   {`{url: "http://a/"}`, `{rule: apps/open}`, []string{"rule: there is no object apps/open; a name alone is one of the test's namespace: did you mean istio-system/open?"}},
		"denied":                 {`{url: "http://a/shut"}`, `{verdict: denied, status: 403, body: "RBAC: access denied", rule: shut, details: "rbac_access_denied_matched_policy[ns[istio-system]-policy[shut]-rule[0]]"}`, nil},
		"expected to be denied":  {`{url: "http://a/"}`, `{verdict: denied, status: 403}`, []string{"verdict: expected denied, got allowed", "status: expected 403, got the backend's, as it is allowed"}},
		"expected to be allowed": {`{url: "http://a/shut"}`, `{verdict: allowed, headers: {x-tier: gold}}`, []string{"verdict: expected allowed, got denied", "it reaches no backend"}},
		"by no rule":             {`{method: POST, url: "http://a/"}`, `{verdict: denied, rule: none}`, nil},
		"not by no rule":         {`{url: "http://a/shut"}`, `{rule: none}`, []string{"decided by: expected a refusal because no rule allows it, got istio-system/shut[0]"}},
		"by a guard":             {`{url: "http://a/x/%2e%2e;/shut"}`, `{verdict: denied, rule: malformed-path}`, nil},
		"by a token":             {`{method: POST, url: "http://a/", token: editor}`, `{verdict: allowed, rule: "open[1]", headers: {x-user: ed, authorization: "Bearer ${token.editor}"}}`, nil},
		"by a token elsewhere":   {`{method: POST, url: "http://a/?access_token=${token.editor}"}`, `{verdict: allowed}`, nil},
		"a token that is late":   {`{url: "http://a/", token: late}`, `{verdict: denied, status: 401, body: Jwt is expired, responseHeaders: {www-authenticate: 'Bearer realm="http://a/", error="invalid_token"'}}`, nil},
		"answered":               {`{url: "http://a/old"}`, `{verdict: answered, status: 301, responseHeaders: {location: "http://a/new"}}`, nil},
		"another location":       {`{url: "http://a/old"}`, `{responseHeaders: {location: /elsewhere}}`, []string{`header location of the answer: expected "/elsewhere", got "http://a/new"`}},
		"closed":                 {`{url: "http://a:81/"}`, `{verdict: closed}`, nil},
		"another header":         {`{url: "http://a/", headers: {x-a: "1"}}`, `{headers: {x-a: "2"}, absentHeaders: [x-a]}`, []string{`header x-a at the backend: expected "2", got "1"`, `header x-a at the backend: expected none, got "1"`}},
		"headers sent twice":     {`{url: "http://a/", headers: {x-a: "1"}, furtherHeaders: [{name: X-A, value: "2"}]}`, `{headers: {x-a: "1,2"}}`, nil},
		"no token is shown":      {`{url: "http://a/", headers: {x-a: "${token.late}"}}`, `{absentHeaders: [x-a]}`, []string{"header x-a at the backend: expected none, got a token, or what holds one"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, results, _ := tested(t, rules, "  - {name: a, request: "+c.request+", expect: "+c.expect+"}\n")
			if d := cmp.Diff(c.want, results[0].Faults); d != "" {
				t.Errorf("faults (-want +got):\n%s\nit got %s", d, results[0].Got())
			}
		})
	}
}

// TestWhatIsClosedSaysWhy holds what people read who forget a port, or a Gateway.
func TestWhatIsClosedSaysWhy(t *testing.T) {
	_, results, _ := tested(t, rules, `  - {name: a, request: {url: "http://a:81/"}, expect: {verdict: allowed}}`+"\n")
	if got := results[0].Got(); got != "closed: nothing listens on port 81; the gateway's ports: 80" {
		t.Error(got)
	}
}

// TestWhatDependsFails holds that a test which cannot be decided fails, whatever it expects.
func TestWhatDependsFails(t *testing.T) {
	const custom = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: istio-system}
spec: {action: CUSTOM, provider: {name: opa}, rules: [{to: [{operation: {paths: [/asked]}}]}]}
`
	settings := model.DefaultSettings()
	settings.MeshFile = "mesh.yaml"
	for verdict, c := range map[string]struct{ assume, want string }{
		"allowed": {"", "it depends on"}, "denied": {"", "it depends on"}, "allowed ": {", assume: {opa: allow}", ""}, "denied ": {", assume: {opa: deny}", ""},
	} {
		program := translate.Compile([]source.File{
			{Path: "base.yaml", Content: []byte(base)}, {Path: "policy.yaml", Content: []byte(custom)}, {Path: "mesh.yaml", Content: []byte("extensionProviders: [{name: opa, envoyExtAuthzHttp: {service: shop.default.svc.cluster.local, port: 80}}]")},
			{Path: "test.yaml", Content: []byte(header + "  - {name: a, request: {url: http://a/asked" + c.assume + "}, expect: {verdict: " + strings.TrimSpace(verdict) + "}}\n")},
		}, settings)
		test := policytest.Of(program.Tests(), policytest.Making{})[0]
		served, refused := program.WithConditions().For(test.Gateways[0])
		if len(refused) > 0 {
			t.Fatal(refused)
		}
		gateway, err := explain.New(served)
		if err != nil {
			t.Fatal(err)
		}
		faults := strings.Join(test.Run(gateway, policytest.NewObjects(program.Objects()))[0].Faults, "\n")
		if strings.HasPrefix(faults, c.want) != true || c.want == "" && faults != "" || c.want != "" && !strings.Contains(faults, "opa") {
			t.Errorf("%s%s: %q, want %q", verdict, c.assume, faults, c.want)
		}
	}
}

// TestReasonsOfAFailure holds that a failure says which rules match, and by which condition others do not, with
// their places.
func TestReasonsOfAFailure(t *testing.T) {
	_, results, objects := tested(t, rules, "  - {name: a, request: {method: POST, url: \"http://a/shu\"}, expect: {verdict: allowed}}\n")
	text := results[0].Got() + "\n" + strings.Join(results[0].Reasons(objects), "\n")
	for _, want := range []string{"denied, status 403, rbac_access_denied_matched_policy[none]: no rule allows it", "istio-system/shut[0] (policy.yaml:4:30) denies, but not this", "/shu", "istio-system/open[0] (policy.yaml:11:5) allows, but not this", "(policy.yaml:11:32)"} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing says %q:\n%s", want, text)
		}
	}
}

// TestATestMeansTheSameTomorrow holds that tokens and requests are the same whenever a test is made ready: its
// time is its own.
func TestATestMeansTheSameTomorrow(t *testing.T) {
	const request = "  - {name: a, request: {url: http://a/, token: editor}, expect: {verdict: allowed}}\n"
	_, one, _ := tested(t, rules, request)
	_, two, _ := tested(t, rules, request)
	if d := cmp.Diff(one[0].Request.Ask.Headers, two[0].Request.Ask.Headers); d != "" {
		t.Errorf("two requests of one test differ:\n%s", d)
	}
	if at := one[0].Request.Ask.At; !at.Equal(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("judged at %s", at)
	}
}

// TestAbout holds which gateways a test is about.
func TestAbout(t *testing.T) {
	test := policytest.Test{Gateways: []model.Gateway{{Namespace: "edge", Labels: map[string]string{"a": "1"}}, {Namespace: "other"}}}
	for name, c := range map[string]struct {
		gateway model.Gateway
		want    bool
	}{
		"as it is named":    {model.Gateway{Namespace: "edge", Labels: map[string]string{"a": "1"}}, true},
		"with more labels":  {model.Gateway{Namespace: "edge", Labels: map[string]string{"a": "1", "b": "2"}}, true},
		"without labels":    {model.Gateway{Namespace: "edge"}, false},
		"of the namespace":  {model.Gateway{Namespace: "other", Labels: map[string]string{"x": "y"}}, true},
		"another namespace": {model.Gateway{Namespace: "istio-system", Labels: map[string]string{"a": "1"}}, false},
	} {
		if got := test.About(c.gateway); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestConnections holds that connections whose requests nobody reads can be tested too.
func TestConnections(t *testing.T) {
	const tcp = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: data, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 5432, name: tcp, protocol: TCP}, hosts: ["*"]}, {port: {number: 8443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: [db.example]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: data, namespace: istio-system}
spec:
  hosts: ["*"]
  gateways: [data]
  tcp: [{match: [{port: 5432}], route: [{destination: {host: shop.default.svc.cluster.local}}]}]
  tls: [{match: [{port: 8443, sniHosts: [db.example]}], route: [{destination: {host: shop.default.svc.cluster.local}}]}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: inside, namespace: istio-system}
spec: {rules: [{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}]}
`
	for name, c := range map[string]struct{ request, expect string }{
		"from inside":      {`{url: "tcp://:5432", clientIP: 10.1.2.3}`, `{verdict: allowed, rule: inside, destination: shop}`},
		"from outside":     {`{url: "tcp://:5432", clientIP: 192.0.2.7}`, `{verdict: denied, rule: none}`},
		"by its name":      {`{url: "tls://db.example:8443", clientIP: 10.1.2.3}`, `{verdict: allowed, destination: shop}`},
		"by another name":  {`{url: "tls://other.example:8443", clientIP: 10.1.2.3}`, `{verdict: closed}`},
		"without TLS":      {`{url: "tcp://:8443", clientIP: 10.1.2.3}`, `{verdict: closed}`},
		"no server":        {`{url: "tcp://:5433"}`, `{verdict: closed}`},
		"HTTP from inside": {`{url: "http://a/", clientIP: 10.1.2.3}`, `{verdict: allowed, rule: "inside[0]"}`},
	} {
		t.Run(name, func(t *testing.T) {
			_, results, _ := tested(t, tcp, "  - {name: a, request: "+c.request+", expect: "+c.expect+"}\n")
			if len(results[0].Faults) > 0 {
				t.Errorf("%v; it got %s", results[0].Faults, results[0].Got())
			}
		})
	}
}
