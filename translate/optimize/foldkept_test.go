package optimize_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/optimize"
	"github.com/portreeve/portreeve/translate/policy"
)

// TestWhatCannotBeFoldedStays holds that what asks for more than a text, or for a text that an expression does not say
// without doubt, is the same message.
func TestWhatCannotBeFoldedStays(t *testing.T) {
	inverted := func(v string) *routev3.HeaderMatcher {
		h := match.Header("x", v)
		h.InvertMatch = true
		return h
	}
	orEmpty := func(v string) *routev3.HeaderMatcher {
		h := match.Header("x", v)
		h.TreatMissingHeaderAsEmpty = true
		return h
	}
	for name, rules := range map[string][]*rbacv3.Permission{
		"inverted":               {headerIs(inverted("a")), headerIs(inverted("b"))},
		"missing is empty":       {headerIs(orEmpty("a")), headerIs(orEmpty("b"))},
		"only there":             {headerIs(match.Header("x", "*")), headerIs(match.Header("x", "*"))},
		"two headers":            {headerIs(match.Header("x", "a")), headerIs(match.Header("y", "b"))},
		"control characters":     {headerIs(match.Header("x", "a\x00")), headerIs(match.Header("x", "b\n"))},
		"no ASCII in any case":   {headerIs(match.Host("é")), headerIs(match.Host("ü"))},
		"alternatives":           {byPath(match.Regex("a|b")), byPath(match.Regex("c|d"))},
		"what RE2 refuses":       {byPath(match.Regex("a)|(b")), byPath(match.Regex("*"))},
		"classes with a bracket": {byPath(match.Regex("[]a]")), byPath(match.Regex("[[:alpha:]]"))},
		"other escapes":          {byPath(match.Regex(`\Qa\E`)), byPath(match.Regex(`\pL`))},
		"anchors":                {byPath(match.Regex("^a")), byPath(match.Regex("a$"))},
		"counts":                 {byPath(match.Regex("a{2}")), byPath(match.Regex("b{2}"))},
		"other flags":            {byPath(match.Regex("(?U:a)")), byPath(match.Regex("(?P<n>b)"))},
	} {
		p := denies(map[string]*rbacv3.Policy{"a": {Permissions: []*rbacv3.Permission{orRules(rules...)}, Principals: []*rbacv3.Principal{everybody()}}})
		if got := optimize.Policy(p, only("fold"), nil).HTTP[0].Config; got != p.HTTP[0].Config {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestFoldedRulesKeepTheirNames holds that rules which only report are folded too, and are called the same.
func TestFoldedRulesKeepTheirNames(t *testing.T) {
	rule := &rbacv3.Policy{Permissions: []*rbacv3.Permission{orRules(byPath(match.Exact("/a")), byPath(match.Exact("/b")))}, Principals: []*rbacv3.Principal{everybody()}}
	set := &rbacv3.RBAC{Action: rbacv3.RBAC_LOG, Policies: map[string]*rbacv3.Policy{"a": rule, "b": {Principals: rule.Principals}}}
	before := &rbachttpv3.RBAC{Rules: set, ShadowRules: set, ShadowRulesStatPrefix: "prefix"}
	p := policy.Policy{HTTP: []policy.Filter{{Name: policy.AuditFilter, Config: before}}}
	want := proto.CloneOf(before)
	for _, rules := range []*rbacv3.RBAC{want.Rules, want.ShadowRules} {
		rules.Policies["a"].Permissions = []*rbacv3.Permission{orRules(byPath(match.Regex("(?:/a|/b)")))}
	}
	unchanged := proto.CloneOf(before)
	if diff := gocmp.Diff(want, optimize.Policy(p, only("fold"), nil).HTTP[0].Config, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff(unchanged, before, protocmp.Transform()); diff != "" {
		t.Errorf("what was given has changed:\n%s", diff)
	}
}

// TestFoldsAreRemembered holds that what an edit does not touch is the same message again, and that what no program has any
// more is forgotten.
func TestFoldsAreRemembered(t *testing.T) {
	var specs []*securityv1beta1.AuthorizationPolicy
	for i := range 3 {
		specs = append(specs, rules(securityv1beta1.AuthorizationPolicy_DENY, when("request.headers[x]", fmt.Sprint(i), "b")))
	}
	before := written(specs...)
	known := &optimize.Known{}
	first := optimize.Policy(before, only("fold"), known)
	next := maps.Clone(deny(before).GetPolicies())
	keys := slices.Sorted(maps.Keys(next))
	next[keys[0]] = next[keys[1]]
	known = known.Next()
	second := deny(optimize.Policy(denies(next), only("fold"), known)).GetPolicies()
	for _, key := range keys[1:] {
		if deny(first).GetPolicies()[key] != second[key] {
			t.Errorf("%s is folded anew", key)
		}
	}
	known = known.Next()
	optimize.Policy(denies(map[string]*rbacv3.Policy{"other": {Principals: []*rbacv3.Principal{everybody()}}}), only("fold"), known)
	third := deny(optimize.Policy(denies(next), only("fold"), known.Next())).GetPolicies()
	if second[keys[1]] == third[keys[1]] {
		t.Error("what is used no more is remembered")
	}
}
