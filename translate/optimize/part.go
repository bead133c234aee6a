package optimize

import (
	"cmp"
	"slices"
	"strings"
)

// Some indexes look at something else for each of their keys, such as another claim: they are made as they are needed, as
// parts of the index that makes them.

const (
	// maxParts bounds how many parts of an index a tree has, since each costs every request.
	maxParts = 16
	// maxKnownParts bounds the parts that are remembered. Beyond it all is forgotten.
	maxKnownParts = 1024
)

// crowded reports whether there may be more parts than are good.
func (m *maker) crowded() bool { return len(m.store.indexes) > m.store.fixed+maxParts }

// choose notes which indexes may be used: those that are always there, and of the parts of each those by which the most
// atoms can be found.
func (m *maker) choose() {
	x := m.store.indexes
	m.chosen = make([]bool, len(x))
	parts := map[string][]int{}
	for i := range x {
		if m.chosen[i] = i < m.store.fixed; !m.chosen[i] && m.counted[i] > 0 {
			parts[x[i].part] = append(parts[x[i].part], i)
		}
	}
	for _, of := range parts {
		slices.SortFunc(of, func(a, b int) int {
			return cmp.Or(cmp.Compare(m.counted[b], m.counted[a]), strings.Compare(x[a].name, x[b].name))
		})
		for _, i := range of[:min(len(of), maxParts)] {
			m.chosen[i] = true
		}
	}
}

// usable reports whether places are found by indexes that may be used. Where none were chosen all may.
func (m *maker) usable(places []*place) bool {
	return m.chosen == nil || !slices.ContainsFunc(places, func(p *place) bool { return !m.chosen[p.index] })
}
