package translate_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// TestWhatIsSaidToBeDeniedIsNeverAllowed holds PR0987 against the answers of gateways: of ALLOW rules that
// are made up, those that are said to allow nothing because of a DENY rule allow none of many requests, and
// some of the others do.
func TestWhatIsSaidToBeDeniedIsNeverAllowed(t *testing.T) {
	if underRace {
		t.Skip("make full runs it")
	}
	random := rand.New(rand.NewPCG(14, 7))
	said, allowed := 0, 0
	for range 1000 {
		text := policyOf("DENY", madeUpRule(random)) + policyOf("ALLOW", madeUpRule(random))
		files := append(fleet(0, nil), source.File{Path: "policy.yaml", Content: []byte(text)})
		program := translate.Compile(files, model.DefaultSettings())
		resources, refused := program.For(ingress())
		if program.Diags.HasErrors() || len(refused) > 0 {
			t.Fatal(program.Diags, refused, text)
		}
		gateway, err := explain.New(resources)
		if err != nil {
			t.Fatal(err)
		}
		never := count(program.Diags, diag.CodeAllowDenied) > 0
		if never {
			said++
		}
		for range 40 {
			request := madeUpRequest(random)
			answer := gateway.Ask(request)
			passes := answer.Verdict != explain.Denied
			if passes {
				allowed++
			}
			if passes && never {
				t.Fatalf("%+v is %s under\n%s", request, answer.Verdict, text)
			}
		}
	}
	if said < 50 || allowed < 1000 {
		t.Errorf("%d rules are said to allow nothing, and %d requests are allowed: the test decides nothing", said, allowed)
	}
}

func policyOf(action, rule string) string {
	return fmt.Sprintf("---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: %s, namespace: istio-system}\nspec: {action: %s, rules: [%s]}\n", strings.ToLower(action), action, rule)
}

// madeUpRule returns a rule of a few fields, whose values often cover each other.
func madeUpRule(r *rand.Rand) string {
	operation := optional(r, "hosts", hostValues()) + optional(r, "methods", []string{"GET", "G*", `"*"`, "POST"}) + optional(r, "paths", []string{"/a", "/a*", `"*b"`, `"*"`, "/a/b", `"/a/{*}"`})
	from := optional(r, "ipBlocks", []string{"10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "192.0.2.0/24"})
	when := optional(r, "values", []string{"red", "re*", `"*"`, `"*d"`})
	var parts []string
	if operation != "" {
		parts = append(parts, "to: [{operation: {"+operation+"}}]")
	}
	if from != "" {
		parts = append(parts, "from: [{source: {"+from+"}}]")
	}
	if when != "" {
		parts = append(parts, `when: [{key: "request.headers[x-team]", `+when+"}]")
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func hostValues() []string {
	return []string{"a.example", "A.example", `"*.example"`, `"a.*"`, `"a.example:*"`, "b.example"}
}

// optional returns a field and its negation with some of the values, each or neither.
func optional(r *rand.Rand, name string, values []string) string {
	out := ""
	for _, field := range []string{name, "not" + strings.ToUpper(name[:1]) + name[1:]} {
		if r.IntN(4) == 0 {
			some := make([]string, 1+r.IntN(2))
			for i := range some {
				some[i] = values[r.IntN(len(values))]
			}
			out += field + ": [" + strings.Join(some, ", ") + "], "
		}
	}
	return out
}

func madeUpRequest(r *rand.Rand) explain.Request {
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	out := explain.Request{
		Port: 8080, Method: one("GET", "POST", "PUT"), Path: one("/a", "/a/b", "/ab", "/b", "/c", "/a;x", "/a/b;x=y", "/%61"),
		Authority: one("a.example", "A.Example", "b.example", "a.example:80", "a.test", "c.example:8080", "a.example."),
		Client:    netip.AddrPortFrom(netip.MustParseAddr(one("10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.7", "203.0.113.9")), 4711),
	}
	if team := one("", "red", "reed", "blue"); team != "" {
		out.Headers = []traffic.Header{{Name: "x-team", Value: team}}
	}
	return out
}
