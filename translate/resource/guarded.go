package resource

import (
	"net/netip"
	"slices"
	"strings"
)

// GuardedAddress reports whether an address is one that keys are never fetched from: the
// link-local ones, and those at which clouds hand a machine its own credentials. An IPv4
// address counts in every form in which IPv6 carries it.
func GuardedAddress(a netip.Addr) bool {
	return slices.ContainsFunc(AddressForms(a), func(form netip.Addr) bool {
		return form.IsLinkLocalUnicast() || form.IsLinkLocalMulticast() || slices.Contains(MetadataAddresses(), form)
	})
}

// MetadataAddresses are those of the clouds' metadata services that are not link-local.
func MetadataAddresses() []netip.Addr {
	return []netip.Addr{
		netip.MustParseAddr("100.100.100.200"), // Alibaba Cloud
		netip.MustParseAddr("168.63.129.16"),   // Azure
		netip.MustParseAddr("192.0.0.192"),     // Oracle Cloud
		netip.MustParseAddr("fd00:ec2::254"),   // AWS
		netip.MustParseAddr("fd20:ce::254"),    // Google Cloud
		netip.MustParseAddr("fd00:42::42"),     // Scaleway
	}
}

// MetadataHost reports a name by which clouds call their metadata services.
func MetadataHost(host string) bool {
	return slices.Contains([]string{"metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"}, strings.ToLower(host))
}

// AddressForms returns the addresses that one stands for: itself, without a zone, and the
// IPv4 address that it carries (mapped, compatible, NAT64, 6to4). The unspecified address
// stands for this machine.
func AddressForms(a netip.Addr) []netip.Addr {
	a = a.WithZone("").Unmap()
	out := []netip.Addr{a}
	if a.IsUnspecified() {
		return append(out, netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback())
	}
	b := a.As16()
	switch {
	case a.Is4():
	case netip.MustParsePrefix("64:ff9b::/96").Contains(a), netip.MustParsePrefix("::/96").Contains(a):
		out = append(out, netip.AddrFrom4([4]byte(b[12:16])))
	case netip.MustParsePrefix("2002::/16").Contains(a):
		out = append(out, netip.AddrFrom4([4]byte(b[2:6])))
	}
	return out
}

// EndsInNumber reports whether the last part of a name is a number, as in 127.1 or 0xa9fea9fe, which resolvers may read as an address. No top-level domain is one.
func EndsInNumber(host string) bool {
	last := strings.ToLower(host[strings.LastIndexByte(host, '.')+1:])
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}
