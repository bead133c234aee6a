package optimize

import (
	"slices"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"

	"github.com/portreeve/portreeve/translate/policy"
)

// IndexFilter is the name of the filter that denies by a match tree. It stands before policy.DenyFilter, which has the rules
// that no index finds: a request is denied where either denies it.
const IndexFilter = policy.DenyFilter + ".index"

// indexed puts match trees in the place of large sets of rules that deny or allow.
//
// A tree decides as the rules do: a request that a rule matches is found under some key of an atom of the rule (index.find),
// and there is asked all that the key does not say; where nothing there decides, the tree goes on. A request that no rule
// matches is decided by no leaf. AUDIT, authorizers and rules that only report keep their form: they write
// metadata also where nothing matches, and a tree would write another.
//
// Of several rules that match Envoy reports the first of the tree: by index, by key, and only then by the name of the rule.
func indexed(filters []policy.Filter, o Options, known *Known) []policy.Filter {
	if len(enabled(o.Rules)) == 0 {
		return filters
	}
	store := known.kept()
	store.mu.Lock()
	defer store.mu.Unlock()
	on := store.ready(o.Rules)
	var out []policy.Filter
	var states []*state
	first := -1
	for _, f := range filters {
		made, looksAt := (&maker{store: store, indexes: on}).filter(f, o, known.turn+1)
		if states = append(states, looksAt...); len(states) > 0 && first < 0 {
			first = len(out)
		}
		out = append(out, made...)
	}
	if first < 0 {
		return out
	}
	return slices.Insert(out, first, sets(states)...)
}

func enabled(rules []string) []*index {
	return slices.DeleteFunc(indexes(), func(x *index) bool { return !slices.Contains(rules, x.name) })
}

// filter returns what stands in the place of a filter, and the states that it looks at.
func (m *maker) filter(f policy.Filter, o Options, turn uint64) ([]policy.Filter, []*state) {
	same := []policy.Filter{f}
	config, ok := f.Config.(*rbachttpv3.RBAC)
	if !ok || f.Name != policy.DenyFilter && f.Name != policy.AllowFilter || config.GetShadowRules() != nil || config.GetRules() == nil {
		return same, nil
	}
	m.action = config.GetRules().GetAction()
	found := m.findAll(turn, config.GetRules().GetPolicies())
	switch {
	case found.atoms < o.Thresholds.Index || found.atoms == 0:
		return same, nil
	case m.action == rbacv3.RBAC_DENY && f.Name == policy.DenyFilter:
		return m.denies(f, found)
	case m.action == rbacv3.RBAC_ALLOW && len(found.left) == 0:
		return m.allows(f, found)
	default:
		return same, nil
	}
}

// denies splits a set of denials: those found by a tree, and the rest. What neither denies passes.
func (m *maker) denies(f policy.Filter, in found) ([]policy.Filter, []*state) {
	tree, states := m.tree(in, decides("none", rbacv3.RBAC_ALLOW))
	byTree, rest := f, f
	byTree.Name, byTree.Config = IndexFilter, &rbachttpv3.RBAC{Matcher: tree}
	rest.Config = &rbachttpv3.RBAC{}
	if len(in.left) > 0 {
		rest.Config = &rbachttpv3.RBAC{Rules: &rbacv3.RBAC{Action: rbacv3.RBAC_DENY, Policies: in.left}}
	}
	return []policy.Filter{byTree, rest}, states
}

// allows puts a tree in the place of all rules: two filters that allow would both have to. What it does not
// allow is refused, since nothing follows where nothing matches.
func (m *maker) allows(f policy.Filter, in found) ([]policy.Filter, []*state) {
	tree, states := m.tree(in, nil)
	f.Config = &rbachttpv3.RBAC{Matcher: tree}
	return []policy.Filter{f}, states
}
