package rbac

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// ranges looks an address up in blocks, the longest first, and of equal ones in their order.
func (r reader) ranges(in input, m *xdsmatcherv3.IPMatcher) (branch, error) {
	blocks := map[netip.Prefix][]branch{}
	for _, one := range m.GetRangeMatchers() {
		if one.GetExclusive() {
			return nil, notUnderstood(one)
		}
		next, err := r.onMatch(one.GetOnMatch())
		if err != nil {
			return nil, err
		}
		for _, written := range one.GetRanges() {
			block, err := matchers.Block(blockOf(written))
			if err != nil {
				return nil, err
			}
			if int(written.GetPrefixLen().GetValue()) != block.Bits() {
				return nil, fmt.Errorf("more bits than there are: %w", notUnderstood(written))
			}
			blocks[block] = append(blocks[block], next)
		}
	}
	return in.in(blocks), nil
}

// in looks an address up by each length that a block has.
func (in input) in(blocks map[netip.Prefix][]branch) branch {
	longest := slices.SortedFunc(maps.Keys(blocks), func(a, b netip.Prefix) int {
		return cmp.Or(cmp.Compare(b.Bits(), a.Bits()), a.Addr().Compare(b.Addr()))
	})
	var lengths []int
	for _, b := range longest {
		lengths = append(lengths, b.Bits())
	}
	lengths = slices.Compact(lengths)
	return func(s *traffic.Stream, guard traffic.Condition, d *decision) {
		t := in.get(s)
		if t.unknown {
			in.each(s, guard, d, written(blocks, longest), "in ")
			return
		}
		address, err := netip.ParseAddr(t.value)
		if !t.there || err != nil || address.Zone() != "" {
			return
		}
		for _, bits := range lengths {
			block, err := address.Prefix(bits)
			if err != nil {
				continue // longer than an address of this version is
			}
			for _, next := range blocks[block] {
				next(s, guard, d)
			}
		}
	}
}

// written are the blocks in their order, as entries by how they are written.
func written(blocks map[netip.Prefix][]branch, longest []netip.Prefix) []entry {
	var out []entry
	for _, b := range longest {
		for _, next := range blocks[b] {
			out = append(out, entry{b.String(), next})
		}
	}
	return out
}

// blockOf returns a block in Envoy's message, which has the same fields.
func blockOf(m *xdscorev3.CidrRange) *corev3.CidrRange {
	return &corev3.CidrRange{AddressPrefix: m.GetAddressPrefix(), PrefixLen: m.GetPrefixLen()}
}
