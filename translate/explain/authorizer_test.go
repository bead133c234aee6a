package explain_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/explain"
)

const authorizers = `extensionProviders:
- name: there
  envoyExtAuthzHttp: {service: backend.example, port: 80, statusOnError: "500"}
- name: open
  envoyExtAuthzHttp: {service: backend.example, port: 80, failOpen: true, headersToUpstreamOnAllow: [x-user]}
- name: rpc
  envoyExtAuthzGrpc: {service: empty.example, port: 80, statusOnError: "500"}
- name: rpc-open
  envoyExtAuthzGrpc: {service: empty.example, port: 80, failOpen: true}
`

const nobodyThere = `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: empty, namespace: istio-system}
spec:
  hosts: [empty.example]
  ports: [{number: 80, name: grpc, protocol: GRPC}]
  resolution: STATIC
`

func custom(provider, path string) string {
	return `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask-` + provider + `, namespace: istio-system}
spec: {action: CUSTOM, provider: {name: ` + provider + `}, rules: [{to: [{operation: {paths: ["` + path + `"]}}]}]}
`
}

// TestAuthorizersAreAskedWhereARuleSaysSo holds what their answers, assumed or not, come to.
func TestAuthorizersAreAskedWhereARuleSaysSo(t *testing.T) {
	policy := custom("there", "/there") + custom("open", "/open") + custom("rpc", "/rpc") + custom("rpc-open", "/rpc-open")
	g := gateway(t, policy, routing+nobodyThere, authorizers)
	deny := map[string]explain.Decision{"there": explain.AssumeDeny, "rpc-open": explain.AssumeDeny}
	allow := map[string]explain.Decision{"there": explain.AssumeAllow, "rpc": explain.AssumeAllow, "open": explain.AssumeAllow}
	for name, c := range map[string]struct {
		path   string
		assume map[string]explain.Decision
		want   string
		open   string
	}{
		"nobody is asked":            {"/", nil, "allowed", ""},
		"no answer":                  {"/there", nil, "depends | ext_authz_denied | UAEX", "authorizer there denies"},
		"denied":                     {"/there", deny, "denied | 403 | ext_authz_denied | UAEX", ""},
		"allowed":                    {"/there", allow, "allowed", ""},
		"another is assumed":         {"/open", deny, "depends", "authorizer open denies"},
		"nobody could answer":        {"/rpc", allow, "denied | 500 | ext_authz_error | UAEX", ""},
		"nobody could, and it opens": {"/rpc-open", deny, "allowed", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := farAway("GET", "a.example"+c.path)
			r.Assume = c.assume
			a := g.Ask(r)
			if got := slices.ContainsFunc(a.NotLookedAt, func(what string) bool { return strings.HasPrefix(what, "status, body") }); got != (name == "denied") {
				t.Errorf("not looked at are %q: what an authorizer refuses with is its own", a.NotLookedAt)
			}
			if got := said(a); c.open == "" && got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if c.open != "" && (a.Verdict != explain.Depends || len(a.Ends) != 2 || a.Ends[0].If != c.open || a.Ends[0].Status != 0) {
				t.Errorf("%+v, want it to depend on %q", a.Ends, c.open)
			}
		})
	}
	r := farAway("GET", "a.example/open")
	r.Assume = allow
	if a := g.Ask(r); len(a.NotLookedAt) != 1 {
		t.Errorf("not looked at are %q, want the headers that the authorizer adds", a.NotLookedAt)
	}
}

// TestAnAssumptionAboutNobodyIsTold holds that a mistyped provider is seen, and decides nothing.
func TestAnAssumptionAboutNobodyIsTold(t *testing.T) {
	g := gateway(t, "", routing)
	r := farAway("GET", "a.example/")
	r.Assume = map[string]explain.Decision{"opa": explain.AssumeAllow}
	if a := g.Ask(r); !slices.Contains(a.NotLookedAt, `what "opa" is assumed to answer: this gateway asks no authorizer`) {
		t.Errorf("not looked at are %q", a.NotLookedAt)
	}
}

// TestWhatAnAuthorizerMayWriteIsNotKnown holds that a rule about a header that an authorizer may write for the backend
// decides nothing once the request was allowed by it: Envoy asks the rules after it.
func TestWhatAnAuthorizerMayWriteIsNotKnown(t *testing.T) {
	const rules = `---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: closed, namespace: istio-system}
spec: {action: DENY, rules: [{to: [{operation: {paths: [/open/deny, /other]}}], when: [{key: "request.headers[x-user]", values: [evil]}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: opened, namespace: istio-system}
spec: {rules: [{to: [{operation: {notPaths: [/open/allow]}}]}, {when: [{key: "request.headers[x-user]", values: [admin]}]}]}
`
	g := gateway(t, custom("open", "/open/*")+rules, routing, authorizers)
	for path, want := range map[string]explain.Verdict{"/open/allow": explain.Depends, "/open/deny": explain.Depends, "/open/x": explain.Allowed, "/other": explain.Allowed} {
		r := farAway("GET", "a.example"+path, "x-user", "somebody")
		r.Assume = map[string]explain.Decision{"open": explain.AssumeAllow}
		a := g.Ask(r)
		if a.Verdict != want {
			t.Errorf("%s: %s, want %s", path, a.Verdict, want)
		}
		if unsure := path != "/other"; a.Destination != nil && a.Destination.Unsure("x-user") != unsure {
			t.Errorf("%s: what the backend sees of x-user is unsure: %t", path, !unsure)
		}
	}
}
