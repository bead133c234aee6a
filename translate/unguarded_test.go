package translate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

const (
	guard  = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: guard, namespace: istio-system}\nspec: {selector: {matchLabels: {istio: ingressgateway}}, action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}\n"
	tokens = "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: tokens, namespace: istio-system}\nspec: {jwtRules: [{issuer: a, jwksUri: 'https://a.example/keys'}]}\n"
	jwt    = "apiVersion: portreeve.dev/v1alpha1\nkind: JWTPolicy\nmetadata: {name: jwt, namespace: istio-system}\nspec: {selector: {matchLabels: {istio: ingressgateway}}, jwt: {issuer: a, jwksUri: 'https://a.example/keys'}, matching: {mode: AUTH_IF_MATCHED, allRequests: true}}\n"
	custom = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: ask, namespace: istio-system}\nspec: {action: CUSTOM, provider: {name: authorizer}, rules: [{}]}\n"
)

// with replaces a piece of a text, which has to be there.
func with(t *testing.T, text, old, replacement string) string {
	t.Helper()
	if !strings.Contains(text, old) {
		t.Fatalf("%q is not in %s", old, text)
	}
	return strings.Replace(text, old, replacement, 1)
}

// TestAGatewayIsNotLeftWithoutPolicy holds, for each way in which a gateway comes to have
// nothing that is enforced, whether it is refused there, where the finding stands and what it
// says became of what was enforced.
func TestAGatewayIsNotLeftWithoutPolicy(t *testing.T) {
	off := with(t, jwt, "spec: {", "spec: {enabled: false, ")
	other := with(t, openGateway, "name: opening", "name: other")
	noRules := with(t, tokens, "{jwtRules: [{issuer: a, jwksUri: 'https://a.example/keys'}]}", "{}")
	dryRun := with(t, guard, "istio-system}", "istio-system, annotations: {istio.io/dry-run: 'true'}}")
	for name, c := range map[string]struct {
		served, next string
		// path is that of the next file, where it is not policy.yaml; - is none.
		path string
		// root is the root namespace of the next program, which was corp before.
		root string
		// want is what the finding says; without it there is none.
		want string
	}{
		"the same":                            {served: guard, next: guard},
		"moved to another file":               {served: guard, next: guard, path: "other.yaml"},
		"the file is gone":                    {guard, "", "-", "", "policy.yaml is not among the files that are read any more"},
		"the document is gone":                {tokens, other, "", "", "it does not stand in policy.yaml any more"},
		"typo in a namespace":                 {guard, with(t, guard, "istio-system", "istio-systen"), "", "", "its namespace is istio-systen now (policy.yaml:3:36)"},
		"typo in a selector":                  {guard, with(t, guard, "ingressgateway", "ingresgateway"), "", "", "it does not select them any more (policy.yaml:4:18)"},
		"typo in a namespace, expanded":       {jwt, with(t, jwt, "istio-system", "istio-systen"), "", "", "JWTPolicy istio-system/jwt is enforced on gateways that nothing would be enforced on any more: its namespace is istio-systen now"},
		"typo in a selector, expanded":        {jwt, with(t, jwt, "ingressgateway", "ingresgateway"), "", "", "it does not select them any more"},
		"no rules any more":                   {tokens, noRules, "", "", "it has no jwtRules any more"},
		"AUDIT":                               {guard, with(t, guard, "DENY", "AUDIT"), "", "", "its action is AUDIT now (policy.yaml:4:66)"},
		"a dry run":                           {guard, dryRun, "", "", "it is a dry run now (policy.yaml:3:82)"},
		"CUSTOM":                              {custom, other, "", "", "it does not stand in policy.yaml any more"},
		"another root namespace":              {with(t, guard, "istio-system", "corp"), with(t, guard, "istio-system", "corp"), "", "cor", "its namespace is neither theirs, shop, nor the root namespace, which is cor now"},
		"an error of its own":                 {guard, with(t, guard, "[/admin]", "['']"), "", "", "it has errors and is left out"},
		"another one stays":                   {served: guard + "---\n" + tokens, next: tokens},
		"another one comes":                   {served: guard, next: tokens},
		"everything may pass":                 {served: guard, next: with(t, guard, "DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]", "ALLOW, rules: [{}]")},
		"switched off":                        {served: jwt, next: off},
		"another is switched off":             {served: guard, next: off},
		"switched off elsewhere":              {guard, with(t, off, "ingressgateway", "other"), "", "", "it does not stand in policy.yaml any more"},
		"switched off in another namespace":   {guard, with(t, off, "istio-system", "shop"), "", "", "it does not stand in policy.yaml any more"},
		"switched off, and there was nothing": {served: off, next: other},
		"AUDIT, and there was nothing":        {served: with(t, guard, "DENY", "AUDIT"), next: other},
		"a dry run, and there was nothing":    {served: dryRun, next: other},
		"no rules, and there was nothing":     {served: noRules, next: other},
		"of other gateways":                   {served: with(t, guard, "ingressgateway", "other"), next: other},
	} {
		t.Run(name, func(t *testing.T) {
			gateway := ingress()
			settings := model.DefaultSettings()
			if c.root != "" {
				settings.RootNamespace, gateway.Namespace = "corp", "shop"
			}
			served := translate.Compile(withRouting(t, "policy.yaml", c.served), settings)
			settings.RootNamespace = c.root
			if c.path == "" {
				c.path = "policy.yaml"
			}
			next := served.Recompile(withRouting(t, c.path, c.next), settings)
			got := next.Unguarded(gateway, served)
			switch {
			case c.want == "" && len(got) == 0:
			case len(got) != 1, c.want == "":
				t.Errorf("got %v, want %q", got, c.want)
			case got[0].Code != diag.CodeUnguarded, got[0].Severity != diag.Error, got[0].Pos.String() != "policy.yaml:3:18",
				!strings.Contains(got[0].Message, c.want), !strings.Contains(got[0].Hint, "rules: [{}]"), !strings.Contains(got[0].Hint, "enabled: false"):
				t.Errorf("got %v, want %q", got, c.want)
			}
		})
	}
}

// withRouting returns a file, or none where it is called -, beside one of routing.
func withRouting(t *testing.T, path, content string) []source.File {
	t.Helper()
	out := []source.File{{Path: "routing.yaml", Content: []byte(openGateway)}}
	if path != "-" {
		out = append(out, source.File{Path: path, Content: []byte(content)})
	}
	return out
}

// TestWhatIsLostIsNamedWithinABound holds for many objects at once.
func TestWhatIsLostIsNamedWithinABound(t *testing.T) {
	var many strings.Builder
	for i := range 500 {
		many.WriteString(strings.Replace(guard, "name: guard", fmt.Sprintf("name: guard-%03d", i), 1) + "---\n")
	}
	served := translate.Compile([]source.File{{Path: "routing.yaml", Content: []byte(openGateway)}, {Path: "policy.yaml", Content: []byte(many.String())}}, model.DefaultSettings())
	next := translate.Compile([]source.File{{Path: "routing.yaml", Content: []byte(openGateway)}}, model.DefaultSettings())
	got := next.Unguarded(ingress(), served)
	if len(got) != 10 || !strings.Contains(got[0].Message, "guard-000 (one of 500) is enforced") {
		t.Errorf("%d findings: %v", len(got), got.Lines())
	}
	var optional strings.Builder
	for i := range 20 {
		optional.WriteString(strings.Replace(tokens, "name: tokens", fmt.Sprintf("name: tokens-%02d", i), 1) + "---\n")
	}
	if effect := translate.Compile(withRouting(t, "policy.yaml", optional.String()), model.DefaultSettings()).EffectOn(ingress()); len(effect.Diagnostics) != 10 {
		t.Errorf("%d findings of 20", len(effect.Diagnostics))
	}
	if effect := served.EffectOn(ingress()); effect.Enforcing != 500 || len(effect.By) != 10 {
		t.Errorf("%d enforce something, %d of them named", effect.Enforcing, len(effect.By))
	}
}

// TestTheEffectOnAGateway holds what is said of the gateway that is connected, whatever
// another one with more labels might have.
func TestTheEffectOnAGateway(t *testing.T) {
	elsewhere := "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: need, namespace: istio-system}\nspec: {selector: {matchLabels: {app: shop}}, action: DENY, rules: [{from: [{source: {notRequestPrincipals: ['*']}}]}]}\n"
	for name, c := range map[string]struct {
		policy string
		want   translate.Effect
	}{
		"nothing":                  {"", translate.Effect{}},
		"no tokens":                {guard, translate.Effect{Enforcing: 1}},
		"tokens, optional":         {tokens, translate.Effect{Enforcing: 1, Diagnostics: diag.List{{Code: diag.CodeTokenOptional}}}},
		"tokens, needed by others": {tokens + "---\n" + elsewhere, translate.Effect{Enforcing: 1, Diagnostics: diag.List{{Code: diag.CodeTokenOptional}}}},
		"tokens, needed":           {jwt, translate.Effect{Enforcing: 1, AsksForToken: true}},
		"switched off":             {with(t, jwt, "spec: {", "spec: {enabled: false, "), translate.Effect{}},
		"an unverified token":      {with(t, elsewhere, "app: shop", "istio: ingressgateway"), translate.Effect{Enforcing: 1, AsksForToken: true}},
		"in a dry run":             {tokens + "---\n" + with(t, with(t, elsewhere, "app: shop", "istio: ingressgateway"), "istio-system}", "istio-system, annotations: {istio.io/dry-run: 'true'}}"), translate.Effect{Enforcing: 1, Diagnostics: diag.List{{Code: diag.CodeTokenOptional}}}},
		"presence":                 {with(t, tokens, "{issuer", "{presence: REQUIRED, issuer"), translate.Effect{Enforcing: 1, AsksForToken: true}},
	} {
		t.Run(name, func(t *testing.T) {
			files := []source.File{{Path: "routing.yaml", Content: []byte(openGateway)}}
			if c.policy != "" {
				files = append(files, source.File{Path: "policy.yaml", Content: []byte(c.policy)})
			}
			program := translate.Compile(files, model.DefaultSettings())
			got := program.EffectOn(ingress())
			var codes []diag.Code
			for _, f := range got.Diagnostics {
				codes = append(codes, f.Code)
			}
			var want []diag.Code
			for _, f := range c.want.Diagnostics {
				want = append(want, f.Code)
			}
			if d := cmp.Diff(want, codes); d != "" || got.Enforcing != c.want.Enforcing || got.AsksForToken != c.want.AsksForToken || len(got.By) != got.Enforcing {
				t.Errorf("%+v, want %+v; findings %v", got, c.want, program.Diags)
			}
		})
	}
	// The check of all files together is about any gateway that there may be, and finds none wrong.
	if program := translate.Compile([]source.File{{Path: "p.yaml", Content: []byte(tokens + "---\n" + elsewhere)}}, model.DefaultSettings()); strings.Contains(strings.Join(program.Diags.Lines(), "\n"), string(diag.CodeTokenOptional)) {
		t.Errorf("findings %v", program.Diags)
	}
}
