package optimize_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/optimize"
	"github.com/portreeve/portreeve/translate/policy"
)

// principalsOf is a rule that asks for principals of tokens, in one list or in a from for each.
func principalsOf(field string, each bool, principals ...string) map[string]any {
	from := []any{map[string]any{"source": map[string]any{field: principals}}}
	if each {
		from = nil
		for _, p := range principals {
			from = append(from, map[string]any{"source": map[string]any{field: []string{p}}})
		}
	}
	return map[string]any{"from": from}
}

func numbered(n int, format string) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(format, i))
	}
	return out
}

// folding is what is done to rules that no index finds.
func folding() optimize.Options {
	o := always()
	o.Rules = []string{"fold"}
	return o
}

func TestPrincipalsOfTokensAreFolded(t *testing.T) {
	for name, c := range map[string]struct {
		rule map[string]any
		most int // bytes of what it becomes
	}{
		"one issuer":         {principalsOf("requestPrincipals", false, numbered(1300, "one/user-%d")...), 20_000},
		"one issuer, froms":  {principalsOf("requestPrincipals", true, numbered(500, "one/user-%d")...), 8_000},
		"one subject":        {principalsOf("requestPrincipals", false, numbered(1300, "issuer-%d/user")...), 25_000},
		"all but of issuers": {principalsOf("notRequestPrincipals", false, append(numbered(600, "one/user-%d"), numbered(600, "two/user-%d")...)...), 25_000},
	} {
		t.Run(name, func(t *testing.T) {
			filters := filtersOf(t, authentication("one", "two"), authorization("p", "DENY", c.rule))
			folded := optimize.Policy(policy.Policy{HTTP: filters}, folding(), nil).HTTP
			for _, f := range folded {
				if size := proto.Size(f.Config); f.Name == policy.DenyFilter && size > c.most {
					t.Errorf("%d bytes", size)
				}
			}
		})
	}
}

// TestFactoredPrincipalsDecideAsTheyDid asks Envoy, DENY and ALLOW, about pairs that are there, and such that are put together of two.
func TestFactoredPrincipalsDecideAsTheyDid(t *testing.T) {
	for name, principals := range map[string][]string{
		"one issuer":         numbered(40, "one/user-%d"),
		"issuers":            append(numbered(40, "one/user-%d"), "two/user-90", "two/user-91"),
		"each of its own":    {"one/user-1", "two/user-2", "i-3/user-3", "i-4/user-4", "i-5/user-5", "i-6/user-6"},
		"ends and beginning": {"one/user-1", "one/user-2", "*/user-3", "two/*", "one/us*", "one/user-4"},
	} {
		for _, field := range []string{"requestPrincipals", "notRequestPrincipals"} {
			for _, action := range []string{"DENY", "ALLOW"} {
				t.Run(strings.Join([]string{name, field, action}, " "), func(t *testing.T) {
					filters := filtersOf(t, authentication("one", "two", "i-3", "i-4"), authorization("p", action, principalsOf(field, field == "requestPrincipals" && len(name)%2 == 0, principals...)))
					both := runForms(t, filters, optimize.Policy(policy.Policy{HTTP: filters}, folding(), nil).HTTP)
					verdicts := map[int]int{}
					for _, issuer := range []string{"one", "two", "i-3", "i-4"} {
						for _, subject := range []string{"user-1", "user-2", "user-3", "user-4", "user-39", "user-40", "user-90", "u", ""} {
							rules, _ := both.ask(t, bearer(fmt.Sprintf(`{"iss":%q,"sub":%q}`, issuer, subject)))
							verdicts[rules.status]++
						}
					}
					if rules, _ := both.ask(t, question{path: "/"}); rules.status != http.StatusOK && rules.status != http.StatusForbidden {
						t.Errorf("no token: %v", rules)
					}
					if verdicts[http.StatusOK] == 0 || verdicts[http.StatusForbidden] == 0 {
						t.Errorf("verdicts %v say little", verdicts)
					}
				})
			}
		}
	}
}

func TestFewPrincipalsStayTheSame(t *testing.T) {
	rule := &rbacv3.Policy{Permissions: []*rbacv3.Permission{{Rule: &rbacv3.Permission_Any{Any: true}}}, Principals: []*rbacv3.Principal{{Identifier: &rbacv3.Principal_OrIds{OrIds: &rbacv3.Principal_Set{Ids: []*rbacv3.Principal{
		pairOf("a", "b"), pairOf("a", "c"),
	}}}}}}
	o := folding()
	o.Thresholds.Fold = 3
	got := optimize.Policy(denies(map[string]*rbacv3.Policy{"rule": rule}), o, nil).HTTP[0].Config.(*rbachttpv3.RBAC)
	if got.GetRules().GetPolicies()["rule"] != rule {
		t.Error("a rule with fewer principals than are worth it is another")
	}
}

func pairOf(issuer, subject string) *rbacv3.Principal {
	claim := func(name, value string) *rbacv3.Principal {
		m := match.Metadata("envoy.filters.http.jwt_authn", []string{"payload", name}, match.StringValue(match.Exact(value)))
		return &rbacv3.Principal{Identifier: &rbacv3.Principal_SourcedMetadata{SourcedMetadata: &rbacv3.SourcedMetadata{MetadataMatcher: m}}}
	}
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_AndIds{AndIds: &rbacv3.Principal_Set{Ids: []*rbacv3.Principal{claim("iss", issuer), claim("sub", subject)}}}}
}
