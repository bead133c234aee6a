package matchers

import (
	"fmt"
	"net/netip"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// CIDR is a matcher of an address by a block. An address of the other version of IP is not in it; one of IPv4 that
// is written as IPv6 (::ffff:10.0.0.1), as x-forwarded-for may have it, is of IPv6 to Envoy.
func CIDR(m *corev3.CidrRange) (func(netip.Addr) bool, error) {
	block, err := Block(m)
	if err != nil {
		return nil, err
	}
	return block.Contains, nil
}

// Block is a block of addresses, without the bits that do not count.
func Block(m *corev3.CidrRange) (netip.Prefix, error) {
	address, err := netip.ParseAddr(m.GetAddressPrefix())
	if err != nil || address.Zone() != "" {
		return netip.Prefix{}, notUnderstood(m)
	}
	// As in Envoy no length is none of the bits, and one that is too long all of them.
	bits := min(int(m.GetPrefixLen().GetValue()), address.BitLen())
	block, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("read a block of addresses: %w", err)
	}
	return block, nil
}

// Address is a matcher of an address of a connection by a block; subject says which in words, and of
// returns it, or one that is not valid where it is not known.
func Address(subject string, m *corev3.CidrRange, of func(*traffic.Stream) netip.Addr) (Matcher, error) {
	matches, err := CIDR(m)
	if err != nil {
		return Matcher{}, err
	}
	block, err := Block(m)
	if err != nil {
		return Matcher{}, err
	}
	object, in := block.String(), "in "
	if block.IsSingleIP() {
		object, in = block.Addr().String(), ""
	}
	wants := subject + " is " + in + object
	unknown := traffic.DependsOn(wants)
	decide := func(s *traffic.Stream) traffic.Condition {
		a := of(s)
		if !a.IsValid() {
			return unknown
		}
		return traffic.Known(matches(a))
	}
	saw := func(s *traffic.Stream) string {
		if a := of(s); a.IsValid() {
			return a.String()
		}
		return subject + " is not known"
	}
	return Matcher{Wants: wants, Subject: subject, Object: object, Decide: decide, Saw: saw}, nil
}
