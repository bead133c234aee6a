package policytest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policytest"
)

// base opens a port, routes to a backend, and knows an issuer.
// TestCoverage holds when a rule and a condition count as decided.
func TestCoverage(t *testing.T) {
	const policy = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: open, namespace: istio-system}
spec:
  rules:
  - from:
    - source:
        requestPrincipals: ["https://accounts.example/ed"]
    - source:
        ipBlocks: [10.0.0.0/8]
    to:
    - operation:
        methods: [PUT]
    when:
    - key: request.headers[x-team]
      values: [a]
`
	const rule, principal, address, method, team = 6, 8, 10, 13, 16
	const put = `{name: put, request: {method: PUT, url: "http://a/", token: editor, headers: {x-team: a}}, expect: {verdict: allowed}}`
	for name, c := range map[string]struct {
		tests []string
		// want are the lines of what is decided.
		want []int
	}{
		"nothing":                   {[]string{`{name: none, request: {url: "http://a/"}, expect: {verdict: denied}}`}, nil},
		"the rule":                  {[]string{put}, []int{rule}},
		"the method alone":          {[]string{put, `{name: get, request: {url: "http://a/", token: editor, headers: {x-team: a}}, expect: {verdict: denied}}`}, []int{rule, method}},
		"two at once are none":      {[]string{put, `{name: get, request: {url: "http://a/", token: editor}, expect: {verdict: denied}}`}, []int{rule}},
		"either source":             {[]string{put, `{name: who, request: {method: PUT, url: "http://a/", headers: {x-team: a}}, expect: {verdict: denied}}`}, []int{rule, principal, address}},
		"the team":                  {[]string{put, `{name: b, request: {method: PUT, url: "http://a/", token: editor, headers: {x-team: b}}, expect: {verdict: denied}}`}, []int{rule, team}},
		"only where a test matches": {[]string{`{name: b, request: {method: PUT, url: "http://a/", token: editor, headers: {x-team: b}}, expect: {verdict: denied}}`}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			program, results, objects := tested(t, policy, "  - "+strings.Join(c.tests, "\n  - ")+"\n")
			coverage := policytest.NewCoverage(program.Objects(), objects)
			served, _ := program.WithConditions().For(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}})
			if err := coverage.Add(served, results); err != nil {
				t.Fatal(err)
			}
			var got, all []int
			note := func(at diag.Position, decided bool) {
				if all = append(all, at.Line); decided {
					got = append(got, at.Line)
				}
			}
			for _, r := range coverage.Rules() {
				if r.At.File != "policy.yaml" {
					continue
				}
				note(r.At, r.Decided)
				for _, condition := range r.Conditions {
					note(condition.At, condition.Decided)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("decided (-want +got):\n%s", d)
			}
			if d := cmp.Diff([]int{rule, principal, address, method, team}, all); d != "" {
				t.Errorf("rules and conditions (-want +got):\n%s", d)
			}
		})
	}
}

// TestCoverageKnowsRulesOfNobody holds that a rule which applies to no gateway that is tested is not decided, and
// that counting goes by rules and conditions.
func TestCoverageKnowsRulesOfNobody(t *testing.T) {
	program, results, objects := tested(t, strings.Replace(rules, "namespace: istio-system", "namespace: elsewhere", 1), "  - {name: a, request: {url: \"http://a/\"}, expect: {verdict: allowed}}\n")
	coverage := policytest.NewCoverage(program.Objects(), objects)
	served, _ := program.WithConditions().For(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}})
	if err := coverage.Add(served, results); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, r := range coverage.Rules() {
		names[r.Name] = r.Decided
	}
	want := map[string]bool{"elsewhere/shut[0]": false, "istio-system/open[0]": true, "istio-system/open[1]": false, "istio-system/tokens[0]": false}
	if d := cmp.Diff(want, names); d != "" {
		t.Errorf("rules (-want +got):\n%s", d)
	}
	if decided, all := policytest.Count(coverage.Rules()); decided != 1 || all != 7 {
		t.Errorf("%d of %d are decided", decided, all)
	}
}
