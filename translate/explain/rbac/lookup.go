package rbac

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// entry is a key of a map, or a block of addresses, and what follows it.
type entry struct {
	key  string
	next branch
}

// lookup makes a map or a custom matcher ready. Where what follows an entry decides nothing, the next one that
// matches is tried: shorter prefixes, wider blocks.
func (r reader) lookup(m *xdsmatcherv3.Matcher_MatcherTree) (branch, error) {
	in, err := r.input(m.GetInput())
	if err != nil {
		return nil, err
	}
	switch kind := m.GetTreeType().(type) {
	case *xdsmatcherv3.Matcher_MatcherTree_ExactMatchMap:
		entries, err := r.entries(kind.ExactMatchMap)
		return in.exact(entries), err
	case *xdsmatcherv3.Matcher_MatcherTree_PrefixMatchMap:
		entries, err := r.entries(kind.PrefixMatchMap)
		return in.prefix(entries), err
	case *xdsmatcherv3.Matcher_MatcherTree_CustomMatch:
		ranges := &xdsmatcherv3.IPMatcher{}
		if kind.CustomMatch.GetTypedConfig().UnmarshalTo(ranges) != nil {
			return nil, notUnderstood(kind.CustomMatch)
		}
		return r.ranges(in, ranges)
	default:
		return nil, notUnderstood(m)
	}
}

// entries are those of a map, in the order of their keys.
func (r reader) entries(m *xdsmatcherv3.Matcher_MatcherTree_MatchMap) ([]entry, error) {
	var out []entry
	for _, key := range slices.Sorted(maps.Keys(m.GetMap())) {
		next, err := r.onMatch(m.GetMap()[key])
		if err != nil {
			return nil, err
		}
		out = append(out, entry{key, next})
	}
	return out, nil
}

func keyed(entries []entry) map[string]branch {
	out := make(map[string]branch, len(entries))
	for _, e := range entries {
		out[e.key] = e.next
	}
	return out
}

func (in input) exact(entries []entry) branch {
	byKey := keyed(entries)
	return func(s *traffic.Stream, guard traffic.Condition, d *decision) {
		t := in.get(s)
		if t.unknown {
			in.each(s, guard, d, entries, "")
			return
		}
		if next, ok := byKey[t.value]; ok && t.there {
			next(s, guard, d)
		}
	}
}

// each takes every entry for possible: what is looked at is not known.
func (in input) each(s *traffic.Stream, guard traffic.Condition, d *decision, entries []entry, form string) {
	for _, e := range entries {
		if d.last() {
			return
		}
		e.next(s, guard.And(traffic.DependsOn(in.name+" is "+form+strconv.Quote(e.key))), d)
	}
}

func (in input) prefix(entries []entry) branch {
	// The longest first: that is the one that Envoy takes.
	longest := slices.Clone(entries)
	slices.SortStableFunc(longest, func(a, b entry) int { return cmp.Compare(len(b.key), len(a.key)) })
	byKey := keyed(entries)
	return func(s *traffic.Stream, guard traffic.Condition, d *decision) {
		t := in.get(s)
		if t.unknown {
			in.each(s, guard, d, longest, "a text that begins with ")
			return
		}
		if !t.there || len(longest) == 0 {
			return
		}
		for n := min(len(t.value), len(longest[0].key)); n >= 0 && !d.last(); n-- {
			if next, ok := byKey[t.value[:n]]; ok {
				next(s, guard, d)
			}
		}
	}
}
