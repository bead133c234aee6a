package optimize

import (
	"net/netip"
	"slices"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	networkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/common_inputs/network/v3"
	ipv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/input_matchers/ip/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// remoteAddresses finds atoms by a block of addresses in which the client is, as the gateway sees it.
//
//	remote IP is in 10.0.0.0/8 and …  ─▶  where it is in any of 2,000 blocks: where it is in any of some of
//	                                      these: … where it is in 10.0.0.0/8: …
//
// A guard looks an address up in all of its blocks at once. One has the blocks of all that stands behind it, and each block
// is asked for by itself in the end, so the key says all of the condition. The same address is read as by rules,
// and compared in the same way: the version counts too, an IPv4 address within IPv6 is IPv6 to both, and what is no
// IP address is in no block. (IPMatcher, which does it at once, is not finished: Envoy logs lines for each of its blocks.)
//
// Of several rules that match Envoy reports one whose block is among the first.
func remoteAddresses() *index {
	return addresses("remote-addresses", &networkv3.SourceIPInput{}, func(c condition) *corev3.CidrRange { return c.principal.GetRemoteIp() })
}

// directAddresses finds atoms by a block of addresses in which the other end of the connection is, as remoteAddresses does by the
// other address.
func directAddresses() *index {
	return addresses("direct-addresses", &networkv3.DirectSourceIPInput{}, func(c condition) *corev3.CidrRange { return c.principal.GetDirectRemoteIp() })
}

// guardedBlocks is how many blocks stand behind the first guard, guardsAtOnce how many guards behind another.
const (
	guardedBlocks = 2048
	guardsAtOnce  = 12
)

func addresses(name string, input proto.Message, asked func(condition) *corev3.CidrRange) *index {
	return &index{
		name: name, weight: 2, bucket: guardedBlocks,
		find: func(c condition) (key, bool) {
			text, ok := blockOf(asked(c))
			return key{text: text}, ok
		},
		encode:  func(entries []entry) []byte { return guardBlocks(input, blocksOf(entries)) },
		section: listTree,
	}
}

// blockOf writes a block as Envoy reads it, so that equal ones are equal: host bits do not count, and bits beyond the
// address are all of it.
func blockOf(r *corev3.CidrRange) (string, bool) {
	a, err := netip.ParseAddr(r.GetAddressPrefix())
	if err != nil || a.Zone() != "" {
		return "", false
	}
	block, err := a.Prefix(min(int(r.GetPrefixLen().GetValue()), a.BitLen()))
	return block.String(), err == nil
}

// block is a block of addresses and what follows it, both encoded: the block as a field of a guard.
type block struct {
	of      netip.Prefix
	field   []byte
	onMatch []byte
}

const rangesField protowire.Number = 1 // of Ip

// blocksOf returns the blocks of entries, in the order of their addresses: neighbours stand behind the same guards.
func blocksOf(entries []entry) []block {
	out := make([]block, 0, len(entries))
	for _, e := range entries {
		of := netip.MustParsePrefix(e.key)
		r := &corev3.CidrRange{AddressPrefix: of.Addr().String(), PrefixLen: wrapperspb.UInt32(uint32(of.Bits()))} //nolint:gosec // 128 at most
		out = append(out, block{of, appendField(nil, rangesField, marshal(r)), e.onMatch()})
	}
	slices.SortFunc(out, func(a, b block) int { return a.of.Compare(b.of) })
	return out
}

// guardBlocks encodes, as one of a list, a guard of blocks and what stands behind it: guards of fewer, and in the end what
// follows one block.
func guardBlocks(input proto.Message, blocks []block) []byte {
	var ranges []byte
	for _, b := range blocks {
		ranges = append(ranges, b.field...)
	}
	within := custom(input, withContent(&ipv3.Ip{StatPrefix: addressPrefix}, ranges))
	if len(blocks) == 1 {
		next := withContent(&xdsmatcherv3.Matcher_OnMatch{}, blocks[0].onMatch)
		return appendField(nil, matchersField, marshal(&fieldMatcher{Predicate: within, OnMatch: next}))
	}
	var behind []byte
	for some := range slices.Chunk(blocks, (len(blocks)+guardsAtOnce-1)/guardsAtOnce) {
		behind = append(behind, guardBlocks(input, some)...)
	}
	return appendField(nil, matchersField, marshal(&fieldMatcher{Predicate: within, OnMatch: follows(listTree(behind))}))
}
