package optimize_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/optimize"
	"github.com/portreeve/portreeve/translate/policy"
)

// claimed is a rule that asks for a claim, and where path is not empty for a path.
func claimed(claim, path string, values ...string) map[string]any {
	out := map[string]any{"when": []any{map[string]any{"key": "request.auth.claims[" + claim + "]", "values": values}}}
	if path != "" {
		out["to"] = []any{map[string]any{"operation": map[string]any{"paths": []string{path}}}}
	}
	return out
}

// claimedOften are claims that enough rules ask for to be looked up.
func claimedOften(claim, action string) []string {
	var out []string
	for i := range 10 {
		out = append(out, authorization(fmt.Sprintf("often-%s-%d", strings.ReplaceAll(claim, "_", "-"), i), action, claimed(claim, "", fmt.Sprintf("other-%d", i))))
	}
	return out
}

// texts are values of claims that could be mistaken on their way through a format, an expression or a map.
func texts() []string {
	return []string{
		"a", "-", "5", "true", "null", `["a"]`, `{"a":1}`, "a b", " a", "a\"b", `a\b`, `\Q`, "a'b", "a,b", "%REQ(:PATH)%", "%", "é", "日本", "😀", "a.b", "a|b", "(a", "[a", "a+", ".*b", "^a$", "<&>", strings.Repeat("x", 5000),
	}
}

func TestAClaimOfAnyTextIsFound(t *testing.T) {
	documents := append(claimedOften("role", "DENY"), authentication("issuer"))
	for i, text := range texts() {
		documents = append(documents, authorization(fmt.Sprintf("text-%d", i), "DENY", claimed("role", "", text)))
	}
	filters := filtersOf(t, documents...)
	if n := left(optimize.Policy(policy.Policy{HTTP: filters}, always(), nil).HTTP, policy.DenyFilter); n != 0 {
		t.Fatalf("%d rules are not found by an index", n)
	}
	both := runBoth(t, filters)
	for i, text := range texts() {
		quoted := fmt.Sprintf("%q", "x")
		if b, err := jsonText(text); err == nil {
			quoted = b
		}
		name := fmt.Sprintf("rbac_access_denied_matched_policy[ns[istio-system]-policy[text-%d]-rule[0]]", i)
		for _, claim := range []string{quoted, "[" + quoted + "]", `["none",` + quoted + "]", `[5,null,` + quoted + "]"} {
			_, got := both.ask(t, bearer(`{"iss":"issuer","role":`+claim+`}`))
			if got.status != http.StatusForbidden || got.details != name {
				t.Errorf("%s: %v", claim, got)
			}
		}
		for _, claim := range []string{`"none"`, `["none"]`, "{" + quoted + ":" + quoted + "}", "[[" + quoted + "]]", `[{"role":` + quoted + `}]`} {
			if rules, _ := both.ask(t, bearer(`{"iss":"issuer","role":`+claim+`}`)); rules.status != http.StatusOK {
				t.Errorf("%s: %v", claim, rules)
			}
		}
	}
}

// TestWhatPrintsAlikeIsNoClaim asks for values that are spelled as a text that is denied, and are none.
func TestWhatPrintsAlikeIsNoClaim(t *testing.T) {
	documents := append(claimedOften("role", "DENY"), authentication("issuer"),
		authorization("number", "DENY", claimed("role", "", "5")), authorization("bool", "DENY", claimed("role", "", "true")),
		authorization("list", "DENY", claimed("role", "", `["a"]`)), authorization("null", "DENY", claimed("role", "", "null")),
		authorization("dash", "DENY", claimed("role", "", "-")), authorization("object", "DENY", claimed("role", "", `{"a":1}`)))
	both := runBoth(t, filtersOf(t, documents...))
	for _, claim := range []string{"5", "5.0", "true", `["a"]`, "null", `""`, "[]", "{}", `{"a":1}`, "[5]", "[true]", "[null]", `[""]`, "1e400", "-5", "12345678901234567890"} {
		rules, _ := both.ask(t, bearer(`{"iss":"issuer","role":`+claim+`}`))
		if rules.status == http.StatusForbidden {
			t.Errorf("%s: %v", claim, rules)
		}
	}
	if rules, _ := both.ask(t, bearer(`{"iss":"issuer"}`)); rules.status != http.StatusOK {
		t.Errorf("no claim: %v", rules)
	}
	if rules, _ := both.ask(t, question{path: "/"}); rules.status != http.StatusOK {
		t.Errorf("no token: %v", rules)
	}
	if _, got := both.ask(t, bearer(`{"iss":"issuer","role":"5"}`)); got.status != http.StatusForbidden {
		t.Errorf("a text of one digit: %v", got)
	}
}

// TestNoSubjectIsAList asks Envoy: rules about it are not looked for in lists.
func TestNoSubjectIsAList(t *testing.T) {
	documents := []string{authentication("issuer"), authorization("subject", "DENY", claimed("sub", "", "a")), authorization("issuer", "DENY", claimed("iss", "", "a"))}
	both := runBoth(t, filtersOf(t, documents...))
	for _, payload := range []string{`{"iss":"issuer","sub":["a"]}`, `{"iss":["issuer","a"]}`, `{"iss":["a"]}`, `{"iss":"issuer","sub":["b","a"]}`, `{"iss":"issuer","sub":{"a":"a"}}`, `{"iss":"issuer","sub":5}`} {
		if rules, _ := both.ask(t, bearer(payload)); rules.status != http.StatusUnauthorized {
			t.Errorf("%s: %v", payload, rules)
		}
	}
	if _, got := both.ask(t, bearer(`{"iss":"issuer","sub":"a"}`)); got.status != http.StatusForbidden {
		t.Errorf("a subject that is denied: %v", got)
	}
}

func bearer(payload string) question {
	return question{path: "/", headers: []string{"Authorization: Bearer " + tokenOf(payload)}}
}

// TestClaimsDecideAsRulesDo asks both forms of random rules about claims, who asks and where from.
func TestClaimsDecideAsRulesDo(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := random{rand.New(rand.NewPCG(seed, 1))}
			action := []string{"DENY", "ALLOW"}[seed%2]
			issuers := []string{"one", "two"}
			if seed >= 4 { // several tokens in one request
				issuers = []string{"one@x-one", "two@x-two"}
			}
			documents := []string{authentication(issuers...)}
			for i := range 60 {
				documents = append(documents, authorization(fmt.Sprintf("random-%d", i), action, r.rule()))
			}
			filters := filtersOf(t, documents...)
			optimized := optimize.Policy(policy.Policy{HTTP: filters}, always(), nil).HTTP
			if action == "ALLOW" && left(optimized, policy.AllowFilter) != 0 || action == "DENY" && left(optimized, policy.DenyFilter) > 20 {
				t.Fatalf("few rules are found by an index: %d are left", left(optimized, "envoy.filters.http.rbac."+strings.ToLower(action)))
			}
			both := runBoth(t, filters)
			verdicts := map[int]int{}
			for range 400 {
				rules, _ := both.ask(t, r.request())
				verdicts[rules.status]++
			}
			if verdicts[http.StatusOK] < 10 || verdicts[http.StatusForbidden] < 10 {
				t.Errorf("verdicts %v say little", verdicts)
			}
		})
	}
}

// random makes rules and requests of few values, so that they meet.
type random struct{ *rand.Rand }

func (r random) of(from ...string) string { return from[r.IntN(len(from))] }

func (r random) some(from ...string) []string {
	out := []string{r.of(from...)}
	for r.IntN(2) == 0 {
		out = append(out, r.of(from...))
	}
	return out
}

func (r random) rule() map[string]any {
	out := map[string]any{}
	source := map[string]any{}
	switch r.IntN(4) {
	case 0:
		source["requestPrincipals"] = r.some("one/a", "one/b", "two/a", "two/c", "one/d/e", "two/*", "*/c", "tw*")
	case 1:
		source["remoteIpBlocks"] = r.some("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "2001:db8::/32", "10.1.99.99/16", "::ffff:10.1.0.0/112")
	case 2:
		source["ipBlocks"] = r.some("127.0.0.2", "127.0.0.2/31", "127.0.0.4/30", "::1")
	default:
		out["when"] = []any{map[string]any{"key": r.of("request.auth.claims[role]", "request.auth.claims[role]", "request.auth.audiences", "request.auth.presenter", "request.auth.claims[o][p]"), "values": r.some("a", "b", "5", "c", "d e", "a*", "*b", "x*", "*")}}
	}
	if r.IntN(3) == 0 {
		source["not"+r.of("RemoteIpBlocks")] = r.some("10.1.2.0/24", "10.2.0.0/16")
	}
	if r.IntN(4) == 0 {
		source["notRequestPrincipals"] = r.some("one/a", "two/c", "one/*")
	}
	if len(source) > 0 {
		out["from"] = []any{map[string]any{"source": source}}
	}
	if r.IntN(2) == 0 {
		out["to"] = []any{map[string]any{"operation": map[string]any{"paths": r.some("/a", "/b", "/c/*")}}}
	}
	return out
}

func (r random) request() question {
	out := question{path: r.of("/a", "/b", "/c/d", "/"), from: r.of("", "127.0.0.2", "127.0.0.3", "127.0.0.5")}
	for _, place := range []string{"Authorization: Bearer ", "X-One: ", "X-Two: "} {
		if r.IntN(2) == 0 {
			issuer := r.of("one", "two")
			if place == "X-One: " {
				issuer = "one"
			} else if place == "X-Two: " {
				issuer = "two"
			}
			claim := func() string {
				return r.of(`"a"`, `"b"`, `"5"`, `5`, `["a"]`, `["x","b"]`, `["c","a"]`, `[]`, `"x"`, `{"p":"a"}`, `"d e"`, `"a b"`)
			}
			payload := fmt.Sprintf(`{"iss":%q,"sub":%q,"role":%s,"azp":%s,"o":{"p":%s}}`, issuer, r.of("a", "b", "c", "d/e", "e"), claim(), claim(), claim())
			out.headers = append(out.headers, place+tokenOf(payload))
		}
	}
	if r.IntN(3) > 0 {
		out.headers = append(out.headers, "X-Forwarded-For: "+r.of("10.1.2.3", "10.1.2.9", "10.1.9.9", "10.2.0.1", "10.9.9.9", "11.0.0.1", "2001:db8::1", "::ffff:10.1.2.3", "fe80::1%1", "none"))
	}
	return out
}

func jsonText(s string) (string, error) {
	b, err := json.Marshal(s)
	return string(b), err
}
