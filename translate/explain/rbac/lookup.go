package rbac

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strconv"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/portreeve/portreeve/translate/explain/matchers"
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

func (in input) exact(entries []entry) branch {
	byKey := make(map[string]branch, len(entries))
	for _, e := range entries {
		byKey[e.key] = e.next
	}
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
	byKey := make(map[string]branch, len(entries))
	for _, e := range entries {
		byKey[e.key] = e.next
	}
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

// ranges looks an address up in blocks, the longest first, and of equal ones in their order.
func (r reader) ranges(in input, m *xdsmatcherv3.IPMatcher) (branch, error) {
	type block struct {
		entry
		bits     int
		contains func(netip.Addr) bool
	}
	var blocks []block
	for _, one := range m.GetRangeMatchers() {
		if one.GetExclusive() {
			return nil, notUnderstood(one)
		}
		next, err := r.onMatch(one.GetOnMatch())
		if err != nil {
			return nil, err
		}
		for _, written := range one.GetRanges() {
			contains, err := matchers.CIDR(blockOf(written))
			if err != nil {
				return nil, err
			}
			bits := int(written.GetPrefixLen().GetValue())
			blocks = append(blocks, block{entry{written.GetAddressPrefix() + "/" + strconv.Itoa(bits), next}, bits, contains})
		}
	}
	slices.SortStableFunc(blocks, func(a, b block) int { return cmp.Compare(b.bits, a.bits) })
	return func(s *traffic.Stream, guard traffic.Condition, d *decision) {
		t := in.get(s)
		address, err := netip.ParseAddr(t.value)
		for _, b := range blocks {
			switch {
			case d.last():
				return
			case t.unknown:
				in.each(s, guard, d, []entry{b.entry}, "in ")
			case t.there && err == nil && b.contains(address):
				b.next(s, guard, d)
			}
		}
	}, nil
}

// blockOf returns a block in Envoy's message, which has the same fields.
func blockOf(m *xdscorev3.CidrRange) *corev3.CidrRange {
	return &corev3.CidrRange{AddressPrefix: m.GetAddressPrefix(), PrefixLen: m.GetPrefixLen()}
}
