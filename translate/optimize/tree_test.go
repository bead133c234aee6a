package optimize_test

import (
	"testing"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	setfilterstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/set_filter_state/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/optimize"
	"github.com/portreeve/portreeve/translate/policy"
)

// names are those of filters, in their order.
func names(p policy.Policy) []string {
	var out []string
	for _, f := range p.HTTP {
		out = append(out, f.Name)
	}
	return out
}

// TestSmallSetsStay holds that nothing is rewritten that would not cost less.
func TestSmallSetsStay(t *testing.T) {
	for n, want := range map[int][]string{
		63: {policy.DenyFilter},
		64: {optimize.PlainPathFilter, optimize.StateFilter, optimize.IndexFilter, policy.DenyFilter},
	} {
		got := names(optimize.Policy(denies(denying(n, func(i int) string { return "/" + string(rune('a'+i%26)) })), optimize.Standard(), nil))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d rules (-want +got):\n%s", n, diff)
		}
	}
}

// TestOffLeavesAll holds that without rules everything stays what it is.
func TestOffLeavesAll(t *testing.T) {
	p := denies(denying(100, func(int) string { return "/a" }))
	o := optimize.Standard()
	o.Rules = nil
	if got := optimize.Policy(p, o, nil); got.HTTP[0].Config != p.HTTP[0].Config || len(got.HTTP) != 1 {
		t.Error(names(got))
	}
}

// TestWhatATreeCannotSayStays holds where rules stay that look at the lines of a header: of DENY beside the tree, of
// ALLOW all of them.
func TestWhatATreeCannotSayStays(t *testing.T) {
	header := &rbacv3.Policy{
		Permissions: []*rbacv3.Permission{andRules(headerIs(match.Header("x-user", "a")))}, Principals: []*rbacv3.Principal{everybody()},
	}
	rules := map[string]*rbacv3.Policy{"path": denying(1, func(int) string { return "/a" })["ns[default]-policy[deny-0]-rule[0]"], "header": header}
	denied := optimize.Policy(denies(rules), everyForm("exact-paths", "other-spellings"), nil)
	if diff := cmp.Diff([]string{optimize.StateFilter, optimize.IndexFilter, policy.DenyFilter}, names(denied)); diff != "" {
		t.Fatal(diff)
	}
	left := denied.HTTP[2].Config.(*rbachttpv3.RBAC).GetRules().GetPolicies()
	if len(left) != 1 || left["header"] != header {
		t.Errorf("left are %v, want the very rule about the header", left)
	}
	allowed := allOrDenies(rules, false)
	if got := optimize.Policy(allowed, everyForm("exact-paths", "other-spellings"), nil); got.HTTP[0].Config != allowed.HTTP[0].Config {
		t.Error("a set that allows is split")
	}
}

// TestARuleAboveTheBoundsStays holds that a rule which would be a great many atoms is none.
func TestARuleAboveTheBoundsStays(t *testing.T) {
	one := &rbacv3.Policy{}
	for range 65 {
		one.Permissions = append(one.Permissions, andRules(pathsOf(false, "/a")))
		one.Principals = []*rbacv3.Principal{everybody()}
	}
	p := denies(map[string]*rbacv3.Policy{"many": one})
	if got := optimize.Policy(p, everyForm("exact-paths"), nil); got.HTTP[0].Config != p.HTTP[0].Config {
		t.Error("65 pairs are rewritten")
	}
}

// TestOneKeyHasTheRulesInTheirOrder holds which rule of one path decides: the first by name whose other conditions hold.
func TestOneKeyHasTheRulesInTheirOrder(t *testing.T) {
	at := func(parts ...*rbacv3.Permission) *rbacv3.Policy {
		return &rbacv3.Policy{Permissions: []*rbacv3.Permission{andRules(append(parts, pathsOf(false, "/a"))...)}, Principals: []*rbacv3.Principal{everybody()}}
	}
	get := headerIs(match.Header(":method", "GET"))
	p := allOrDenies(map[string]*rbacv3.Policy{"b": at(), "a": at(get), "c": at(get)}, false)
	tree := &rbachttpv3.RBAC{}
	config := optimize.Policy(p, everyForm("exact-paths"), nil).HTTP[1].Config
	if err := proto.Unmarshal(match.Any(config).GetValue(), tree); err != nil {
		t.Fatal(err)
	}
	leaf := tree.GetMatcher().GetMatcherTree().GetExactMatchMap().GetMap()["/a"].GetMatcher()
	if n := len(leaf.GetMatcherList().GetMatchers()); n != 1 || tree.GetMatcher().GetOnNoMatch() != nil {
		t.Errorf("%d leaves ask something, want that of a; behind b, which asks nothing, c is never reached", n)
	}
	if got := decidedBy(t, leaf.GetMatcherList().GetMatchers()[0].GetOnMatch()) + decidedBy(t, leaf.GetOnNoMatch()); got != "ab" {
		t.Errorf("the order is %s", got)
	}
}

func decidedBy(t *testing.T, m *xdsmatcherv3.Matcher_OnMatch) string {
	t.Helper()
	out := &rbacv3.Action{}
	if err := m.GetAction().GetTypedConfig().UnmarshalTo(out); err != nil {
		t.Fatal(err)
	}
	return out.GetName()
}

// TestStatesThatLeavesAskForAreSet holds that the path is set where a leaf asks for it, whatever finds the leaf: it would
// never match otherwise. Where none does it is not set, which would cost each request.
func TestStatesThatLeavesAskForAreSet(t *testing.T) {
	for want, permission := range map[string]*rbacv3.Permission{
		"portreeve.plain_path portreeve.plain_path ":                andRules(pathsOf(true, "/a/b")),
		"portreeve.path portreeve.plain_path portreeve.plain_path ": andRules(pathsOf(true, "/a/b"), notRule(pathsOf(false, "/a/b"))),
	} {
		p := denies(map[string]*rbacv3.Policy{"a": {Permissions: []*rbacv3.Permission{permission}, Principals: []*rbacv3.Principal{everybody()}}})
		got := ""
		for _, v := range optimize.Policy(p, everyForm("plain-paths"), nil).HTTP[1].Config.(*setfilterstatev3.Config).GetOnRequestHeaders() {
			got += v.GetObjectKey() + " "
		}
		if got != want {
			t.Errorf("the states are %s, want %s", got, want)
		}
	}
}
