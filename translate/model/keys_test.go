package model_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

const keyPolicies = `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: here, namespace: istio-system}
spec:
  selector: {matchLabels: {app: one}}
  jwtRules:
  - {issuer: a, jwksUri: "https://a.example/keys", audiences: [x]}
  - {issuer: b, jwksUri: "https://b.example/keys"}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: there, namespace: istio-system}
spec:
  selector: {matchLabels: {app: two}}
  jwtRules:
  - {issuer: a, jwksUri: "https://a.example/keys", timeout: 7s}
  - {issuer: "https://c.example"}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: other, namespace: istio-system}
spec: {rules: [{to: [{operation: {paths: [/x]}}]}]}
`

func programOf(t *testing.T, text string) *translate.Program {
	t.Helper()
	return programWith(t, text, model.DefaultSettings())
}

func programWith(t *testing.T, text string, settings model.Settings) *translate.Program {
	t.Helper()
	p := translate.Compile([]source.File{{Path: "policy.yaml", Content: []byte(text)}}, settings)
	if p.Diags.HasErrors() {
		t.Fatal(p.Diags)
	}
	return p
}

func revisions(t *testing.T, text string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, r := range programOf(t, text).KeyRequests() {
		out[r.URI+r.Issuer] = r.Revision
	}
	return out
}

// TestRevisionsFollowTheRulesThatNameASource holds that a change of such a rule, or of its
// policy's name, is seen at that source, and a change elsewhere at none.
func TestRevisionsFollowTheRulesThatNameASource(t *testing.T) {
	const a, b, c = "https://a.example/keys", "https://b.example/keys", "https://c.example"
	before := revisions(t, keyPolicies)
	for name, tc := range map[string]struct {
		old, new string
		changed  []string
	}{
		"nothing":              {"", "", nil},
		"audiences":            {"audiences: [x]", "audiences: [y]", []string{a}},
		"audiences of another": {`"https://b.example/keys"}`, `"https://b.example/keys", audiences: [y]}`, []string{b}},
		"the other policy":     {"timeout: 7s", "timeout: 8s", []string{a}},
		"name of the policy":   {"name: there", "name: elsewhere", []string{a, c}},
		"authorization":        {"paths: [/x]", "paths: [/y]", nil},
		"a comment":            {"---\n", "---\n# nothing\n", nil},
		"one rule fewer": {`  - {issuer: b, jwksUri: "https://b.example/keys"}
`, "", []string{b}},
	} {
		after := revisions(t, strings.Replace(keyPolicies, tc.old, tc.new, 1))
		var changed []string
		for _, source := range []string{a, b, c} {
			if before[source] == "" || after[source] != before[source] {
				changed = append(changed, source)
			}
		}
		if diff := cmp.Diff(tc.changed, changed); diff != "" {
			t.Errorf("%s: other revisions (-want +got):\n%s", name, diff)
		}
	}
}

// TestKeySourcesOfAGateway holds that a gateway needs the keys of its own policy only.
func TestKeySourcesOfAGateway(t *testing.T) {
	p := programOf(t, keyPolicies)
	for app, want := range map[string][]model.KeySource{
		"one":   {{URI: "https://a.example/keys"}, {URI: "https://b.example/keys"}},
		"two":   {{Issuer: "https://c.example"}, {URI: "https://a.example/keys"}},
		"three": nil,
	} {
		got := p.KeySourcesFor(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"app": app}})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", app, diff)
		}
	}
}

// TestKeysThatTheGatewayFetchesAreNotTheControlPlanes holds that it neither fetches them nor
// waits for them, but for what it has to discover.
func TestKeysThatTheGatewayFetchesAreNotTheControlPlanes(t *testing.T) {
	settings := model.DefaultSettings()
	settings.KeyFetch = model.FetchByGateway
	p := programWith(t, keyPolicies, settings)
	if got := p.KeyRequests(); len(got) != 1 || got[0].Issuer != "https://c.example" {
		t.Errorf("requests %v", got)
	}
	for app, want := range map[string][]model.KeySource{"one": nil, "two": {{Issuer: "https://c.example"}}} {
		got := p.KeySourcesFor(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"app": app}})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", app, diff)
		}
	}
}
