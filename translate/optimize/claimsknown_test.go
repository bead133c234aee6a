package optimize_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/optimize"
	"github.com/portreeve/portreeve/translate/policy"
)

// claimRule denies who has a claim, or comes from an address.
func claimRule(claim, value, block string) *rbacv3.Policy {
	v := match.StringValue(match.String(value))
	m := match.Metadata("envoy.filters.http.jwt_authn", []string{"payload", claim}, match.AnyValue(match.InList(v), v))
	principal := &rbacv3.Principal{Identifier: &rbacv3.Principal_SourcedMetadata{SourcedMetadata: &rbacv3.SourcedMetadata{MetadataMatcher: m}}}
	if claim == "" {
		principal = &rbacv3.Principal{Identifier: &rbacv3.Principal_RemoteIp{RemoteIp: match.CIDR(block)}}
	}
	return &rbacv3.Policy{Permissions: []*rbacv3.Permission{{Rule: &rbacv3.Permission_Any{Any: true}}}, Principals: []*rbacv3.Principal{principal}}
}

// TestMoreClaimsThanAreLookedUpStayRules has rules about more and more claims: what is asked of each request has a bound.
func TestMoreClaimsThanAreLookedUpStayRules(t *testing.T) {
	rules := map[string]*rbacv3.Policy{}
	for claim := range 40 {
		for i := range 3 + claim%3 { // no two rules of one claim and one value
			rules[fmt.Sprintf("rule-%d-%d", claim, i)] = claimRule(fmt.Sprint("claim-", claim), fmt.Sprint("value-", i), "")
		}
	}
	out := optimize.Policy(denies(rules), always(), nil).HTTP
	states := bytes.Count(match.Any(out[0].Config).GetValue(), []byte("%DYNAMIC_METADATA"))
	if states != 6 {
		t.Errorf("%d claims are looked up", states)
	}
	if n := left(out, policy.DenyFilter); n != len(rules)-6*5 { // those that most rules ask for
		t.Errorf("%d of %d rules are left", n, len(rules))
	}
}

// TestKnownClaimsChangeNoByte edits rules about many claims and addresses again and again.
func TestKnownClaimsChangeNoByte(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6)) //nolint:gosec // a test that can be repeated
	known, rules := (*optimize.Known)(nil).Next(), map[string]*rbacv3.Policy{}
	for step := range 300 {
		rules = maps.Clone(rules)
		for range 1 + random.IntN(9) {
			name := fmt.Sprint("rule-", random.IntN(120))
			if delete(rules, name); random.IntN(5) > 0 {
				claim := oneOf(random, "", fmt.Sprint("claim-", random.IntN(30+step)))
				rules[name] = claimRule(claim, oneOf(random, "a", "b", "c*", "*d"), fmt.Sprintf("10.%d.0.0/%d", random.IntN(4), 12+random.IntN(6)))
			}
		}
		if want, got := encoded(optimize.Policy(denies(rules), always(), nil)), encoded(optimize.Policy(denies(rules), always(), known)); !bytes.Equal(want, got) {
			t.Fatalf("step %d: another outcome with what is known", step)
		}
		known = known.Next()
	}
}

// TestKnownClaimsAreForgotten has every program ask for other claims than the one before.
func TestKnownClaimsAreForgotten(t *testing.T) {
	known := (*optimize.Known)(nil).Next()
	for program := range 60 {
		rules := map[string]*rbacv3.Policy{}
		for i := range 100 {
			rules[fmt.Sprint("rule-", i)] = claimRule(fmt.Sprintf("claim-%d-%d", program, i), "a", "")
		}
		if want, got := encoded(optimize.Policy(denies(rules), always(), nil)), encoded(optimize.Policy(denies(rules), always(), known)); !bytes.Equal(want, got) {
			t.Fatalf("program %d: another outcome with what is known", program)
		}
		if known = known.Next(); optimize.KnownIndexes(known) > 1600 {
			t.Fatalf("program %d: %d indexes are known", program, optimize.KnownIndexes(known))
		}
	}
}
