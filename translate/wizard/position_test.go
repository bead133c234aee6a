package wizard_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
	"github.com/portreeve/portreeve/translate/wizard"
)

// form is a JWTPolicy; the positions below are places in it.
const form = `apiVersion: portreeve.dev/v1alpha1
kind: JWTPolicy
metadata:
  name: p
  namespace: istio-system
  labels: {team: a}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwt:
    issuer: me
    jwks: '{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'
    fromHeaders:
    - {name: x-token, prefix: "Token "}
  matching:
    mode: AUTH_IF_MATCHED
    rules:
    - paths: [/a]
    - hosts: [b]
      headers:
      - {name: x-one, values: ["1"]}
      - {name: x-two, values: ["2", "3"]}
`

func decode(t *testing.T, texts ...string) []*resource.Resource {
	t.Helper()
	documents, found := source.Parse([]source.File{{Path: "p.yaml", Content: []byte(strings.Join(texts, "---\n"))}})
	out, more := resource.Decode(documents)
	if diags := append(found, more...); diags.HasErrors() {
		t.Fatal(diags)
	}
	return out
}

func TestPositionsPointIntoTheForm(t *testing.T) {
	out, diags := wizard.Expand(decode(t, form))
	if len(out) != 2 || len(diags) > 0 {
		t.Fatalf("got %v, %v; want two resources", out, diags)
	}
	for name, c := range map[string]struct {
		of   *resource.Resource
		path resource.Path
		want string
	}{
		"the selector":          {out[0], resource.Path{"spec", "selector", "matchLabels", "istio"}, "p.yaml:8:35"},
		"the JWT rules":         {out[0], resource.Path{"spec", "jwtRules"}, "p.yaml:10:5"},
		"a JWT rule":            {out[0], resource.Path{"spec", "jwtRules", 0}, "p.yaml:10:5"},
		"a field of it":         {out[0], resource.Path{"spec", "jwtRules", 0, "jwks"}, "p.yaml:11:11"},
		"an item of a field":    {out[0], resource.Path{"spec", "jwtRules", 0, "fromHeaders", 0, "prefix"}, "p.yaml:13:31"},
		"the action":            {out[1], resource.Path{"spec", "action"}, "p.yaml:15:11"},
		"all rules":             {out[1], resource.Path{"spec", "rules"}, "p.yaml:15:5"},
		"a rule":                {out[1], resource.Path{"spec", "rules", 1}, "p.yaml:18:7"},
		"who sends":             {out[1], resource.Path{"spec", "rules", 1, "from", 0, "source"}, "p.yaml:18:7"},
		"a path":                {out[1], resource.Path{"spec", "rules", 0, "to", 0, "operation", "paths", 0}, "p.yaml:17:15"},
		"a host":                {out[1], resource.Path{"spec", "rules", 1, "to", 0, "operation", "hosts", 0}, "p.yaml:18:15"},
		"the key of a header":   {out[1], resource.Path{"spec", "rules", 1, "when", 1, "key"}, "p.yaml:21:16"},
		"the value of a header": {out[1], resource.Path{"spec", "rules", 1, "when", 1, "values", 1}, "p.yaml:21:37"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.of.Origin.At(c.path).String(); got != c.want {
				t.Errorf("%s is at %s, want %s", c.path, got, c.want)
			}
		})
	}
}

func TestTheComplementPointsAtTheMatching(t *testing.T) {
	out, _ := wizard.Expand(decode(t, strings.Replace(form, "AUTH_IF", "BYPASS_AUTH_IF", 1)))
	if got := out[1].Origin.At(resource.Path{"spec", "rules", 1, "to", 0}).String(); got != "p.yaml:15:5" {
		t.Errorf("got %s, want the matching at p.yaml:15:5", got)
	}
}

func TestNameAndLabelsAreKept(t *testing.T) {
	other := "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: %, namespace: istio-system}\nspec: {rules: [{}]}\n"
	before, after := strings.Replace(other, "%", "a", 1), strings.Replace(other, "%", "z", 1)
	out, diags := wizard.Expand(decode(t, before, form, after))
	var keys []string
	for _, r := range out {
		keys = append(keys, r.String())
	}
	want := []string{"AuthorizationPolicy istio-system/a", "RequestAuthentication istio-system/p", "AuthorizationPolicy istio-system/p", "AuthorizationPolicy istio-system/z"}
	if diff := cmp.Diff(want, keys); diff != "" || len(diags) > 0 {
		t.Fatalf("(-want +got)\n%s%v", diff, diags)
	}
	for _, r := range out[1:3] {
		if r.Labels["team"] != "a" {
			t.Errorf("%s has labels %v", r, r.Labels)
		}
	}
}

// TestANameThatIsTakenIsRefused also holds that the finding reaches what either policy reaches.
func TestANameThatIsTakenIsRefused(t *testing.T) {
	native := "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: istio-system}\n" +
		"spec: {selector: {matchLabels: {app: other}}, rules: [{}]}\n"
	out, diags := wizard.Expand(decode(t, native, form))
	if len(out) != 1 || len(diags) != 1 || diags[0].Code != diag.CodeDuplicateName {
		t.Fatalf("got %v, %v; want the native policy and one %s", out, diags, diag.CodeDuplicateName)
	}
	d := diags[0]
	if d.Pos.String() != "p.yaml:9:9" || !strings.Contains(d.Message, "p.yaml:1:1") {
		t.Errorf("got %s; want it at p.yaml:9:9 with the other's place", d)
	}
	want := []diag.Target{
		{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}},
		{Namespace: "istio-system", Labels: map[string]string{"app": "other"}},
	}
	if diff := cmp.Diff(want, d.Scope.Targets()); diff != "" {
		t.Errorf("reach (-want +got)\n%s", diff)
	}
	if _, diags := wizard.Expand(decode(t, native, strings.Replace(form, "spec:\n", "spec:\n  enabled: false\n", 1))); len(diags) > 0 {
		t.Errorf("a policy that is not enabled needs no name: %v", diags)
	}
}

func TestAllRequests(t *testing.T) {
	all := form[:strings.Index(form, "    rules:")] + "    allRequests: true\n"
	out, _ := wizard.Expand(decode(t, all))
	want := &securityv1beta1.AuthorizationPolicy{
		Action: securityv1beta1.AuthorizationPolicy_DENY,
		Rules:  []*securityv1beta1.Rule{{From: []*securityv1beta1.Rule_From{{Source: &securityv1beta1.Source{NotRequestPrincipals: []string{"*"}}}}}},
	}
	got := out[1].Spec.(*securityv1beta1.AuthorizationPolicy)
	if diff := cmp.Diff(want.GetRules(), got.GetRules(), protocmp.Transform()); diff != "" || got.GetAction() != want.GetAction() {
		t.Errorf("(-want +got)\n%s", diff)
	}
	out, diags := wizard.Expand(decode(t, strings.Replace(all, "AUTH_IF", "BYPASS_AUTH_IF", 1)))
	if len(out) != 1 || out[0].Kind != resource.RequestAuthentication || len(diags) > 0 {
		t.Errorf("nothing needs a token: got %v, %v; want the RequestAuthentication alone", out, diags)
	}
}
