package optimize

import (
	"slices"
	"strings"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
)

// found are the rules of one filter, as indexes find them.
type found struct {
	// places are where the atoms are found, by the position of the index.
	places [][]*place
	atoms  int
	// asksPath says that a leaf does.
	asksPath bool
	// left are the rules that no index finds.
	left map[string]*rbacv3.Policy
}

// findAll places all atoms of a set of rules: each by the condition that has it held against the fewest requests.
func (m *maker) findAll(turn uint64, policies map[string]*rbacv3.Policy) found {
	m.store.run++
	out := found{left: map[string]*rbacv3.Policy{}}
	all := make([]*made, 0, len(policies))
	several := false
	for rule, p := range policies {
		if one := m.of(turn, rule, p); one.whole {
			all = append(all, one)
			several = several || len(one.several) > 0
		} else {
			out.left[rule] = p
		}
	}
	if crowded := m.crowded(); several || crowded {
		m.count(all)
		if crowded {
			m.choose()
		}
	}
	out.places = make([][]*place, len(m.store.indexes))
	for _, one := range all {
		if !m.place(one, &out) {
			out.left[one.rule] = policies[one.rule]
		}
	}
	return out
}

// place puts each atom of a rule where it is found best. It is false, and nothing is put anywhere, where one can only be found
// by an index that may not be used.
func (m *maker) place(one *made, in *found) bool {
	if !m.usable(one.places) {
		return false
	}
	ways := make([]*way, 0, len(one.several))
	for _, a := range one.several {
		best := m.best(a.ways)
		if best == nil {
			return false
		}
		ways = append(ways, best)
	}
	in.atoms, in.asksPath = in.atoms+one.atoms, in.asksPath || one.asksPath
	in.add(one.places)
	for _, w := range ways {
		in.add(w.places)
	}
	return true
}

func (f *found) add(places []*place) {
	for _, p := range places {
		f.places[p.index] = append(f.places[p.index], p)
	}
}

// count counts the atoms that can be found by each literal, and by each index.
func (m *maker) count(all []*made) {
	m.counted = make([]int, len(m.store.indexes))
	for _, one := range all {
		for p := range one.all() {
			m.counted[p.index]++
			if l := p.literal; l.run != m.store.run {
				l.run, l.shared = m.store.run, 1
			} else {
				l.shared++
			}
		}
	}
}

// best returns the way whose literals the fewest share; of equal ones the first. It is nil where all need an index that may not
// be used.
func (m *maker) best(ways []way) *way {
	var best *way
	least := 0
	for i := range ways {
		if !m.usable(ways[i].places) {
			continue
		}
		cost := 0
		for _, p := range ways[i].places {
			cost = max(cost, p.shared*m.store.indexes[p.index].weight)
		}
		if best == nil || cost < least {
			best, least = &ways[i], cost
		}
	}
	return best
}

// tree returns the match tree of what was found: a section for each index that found something, each followed by
// the next where nothing in it decides, the last by otherwise. States are those that it looks at.
func (m *maker) tree(f found, otherwise *xdsmatcherv3.Matcher_OnMatch) (*xdsmatcherv3.Matcher, []*state) {
	var out *xdsmatcherv3.Matcher
	var states []*state
	if f.asksPath { // whatever finds them: without the state they would never match
		states = append(states, pathState())
	}
	for _, i := range slices.Backward(m.order()) {
		if len(f.places[i]) == 0 {
			continue
		}
		x := m.store.indexes[i]
		section := x.section(x.content(f.places[i]))
		section.OnNoMatch = otherwise
		out, otherwise = section, follows(section)
		if x.state != nil {
			states = append(states, x.state)
		}
	}
	return out, states
}

// order returns the positions of indexes in the order of their sections, which does not depend on what was known.
func (m *maker) order() []int {
	var out []int
	for i := range m.store.indexes {
		out = append(out, i)
	}
	slices.SortFunc(out[m.store.fixed:], func(a, b int) int {
		return strings.Compare(m.store.indexes[a].name, m.store.indexes[b].name)
	})
	return out
}
