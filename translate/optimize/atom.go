package optimize

import (
	"slices"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
)

// The bounds of what is made of one rule. A rule that would be more stays as it is.
const (
	// maxAtoms bounds the pairs of an alternative of what is asked for and one of who asks.
	maxAtoms = 64
	// maxPlaces bounds the values by which one rule can be found.
	maxPlaces = 16 << 10
	// maxSpread bounds how often what a rule asks is said, beyond placeBytes for each place: each leaf says all that its key
	// does not, so of a rule about n paths and n principals n² would be said.
	maxSpread, placeBytes = 4, 1 << 10
)

// atom is one way in which a rule matches: one of its permissions with one of its principals. It matches where
// all of its conditions hold.
type atom struct {
	conditions []condition
	// ways are how a request that the atom matches can be found, one for each of the conditions that
	// allow it. There is one at least.
	ways []way
}

// way is how an atom is found by one of its conditions: by any of the places, each of an alternative of the condition.
type way struct {
	places []*place
}

// atoms returns what a rule is made of, without what never matches. It is false where that cannot be said, or is
// more than is good.
func (m *maker) atoms(rule string, p *rbacv3.Policy) ([]atom, bool) {
	if p.GetCondition() != nil || p.GetCheckedCondition() != nil || p.GetCelConfig() != nil ||
		len(p.GetPermissions())*len(p.GetPrincipals()) > maxAtoms {
		return nil, false
	}
	m.pairs = len(p.GetPermissions()) * len(p.GetPrincipals())
	var out []atom
	for _, permission := range ofPermissions(p.GetPermissions()) {
		for _, principal := range ofPrincipals(p.GetPrincipals()) {
			all := slices.Concat(permission.conjuncts(), principal.conjuncts())
			if slices.ContainsFunc(all, condition.never) {
				continue
			}
			a := atom{conditions: slices.DeleteFunc(all, condition.always)}
			if !m.findable(rule, len(out), &a) {
				return nil, false
			}
			out = append(out, a)
		}
	}
	return out, true
}

// room is how many bytes the leaves of an atom may have that stands in so many places. All atoms of a rule share it.
func (m *maker) room(places int) int {
	return placeBytes + (maxSpread*m.said+placeBytes*places)/m.pairs
}

// findable works out the ways of an atom. It is false where it has none, where a matcher cannot say all that
// it asks, or where that would be said too often.
func (m *maker) findable(rule string, position int, a *atom) bool {
	whole := m.leaf(rule, position, a.conditions)
	if whole == nil {
		return false
	}
	m.said = len(whole.encoded)
	for i, c := range a.conditions {
		others := slices.Delete(slices.Clone(a.conditions), i, i+1)
		alternatives := m.alternatives(c)
		if w, ok := m.way(rule, position, alternatives, others, m.find); ok {
			a.ways = append(a.ways, w)
		}
		if slices.ContainsFunc(alternatives, m.foundTwice) {
			if w, ok := m.way(rule, position, alternatives, others, m.findLast); ok {
				a.ways = append(a.ways, w)
			}
		}
	}
	return len(a.ways) > 0
}

// alternatives returns those of a condition in the form in which indexes find them.
func (m *maker) alternatives(c condition) []condition {
	out := c.alternatives()
	if m.uses(plainPathsName) {
		out = withoutParameters(out)
	}
	if m.uses("host-maps") && m.uses("host-beginnings") && m.uses("capital-hosts") {
		out = byCase(out)
	}
	return eachSpelling(out)
}

// uses reports whether an index is switched on.
func (m *maker) uses(name string) bool {
	return slices.ContainsFunc(m.indexes, func(x *index) bool { return x.name == name })
}
