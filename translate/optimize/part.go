package optimize

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Some indexes look at something else for each of their keys, such as another claim: they are made as they are needed, as
// parts of the index that makes them.

const (
	// maxParts bounds at how many such things a tree looks, since each costs every request, and its sections lie deeper
	// than those before them: see maxDepth.
	maxParts = 6
	// maxKnownParts bounds the parts that are remembered. Beyond it all is forgotten.
	maxKnownParts = 1024
)

// crowded reports whether there may be more parts than are good.
func (m *maker) crowded() bool { return len(m.store.indexes) > m.store.fixed+maxParts }

// choose notes which indexes may be used: those that are always there, and all that look at what the most atoms can be found by.
func (m *maker) choose() {
	x := m.store.indexes
	m.chosen = make([]bool, len(x))
	counted := map[string]int{}
	for i := range x {
		if m.chosen[i] = i < m.store.fixed; !m.chosen[i] {
			counted[x[i].part] += m.counted[i]
		}
	}
	parts := slices.Collect(maps.Keys(counted))
	slices.SortFunc(parts, func(a, b string) int { return cmp.Or(cmp.Compare(counted[b], counted[a]), strings.Compare(a, b)) })
	for i := m.store.fixed; i < len(x); i++ {
		m.chosen[i] = counted[x[i].part] > 0 && slices.Contains(parts[:min(len(parts), maxParts)], x[i].part)
	}
}

// usable reports whether places are found by indexes that may be used. Where none were chosen all may.
func (m *maker) usable(places []*place) bool {
	return m.chosen == nil || !slices.ContainsFunc(places, func(p *place) bool { return !m.chosen[p.index] })
}
