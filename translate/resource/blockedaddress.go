package resource

import (
	"net/netip"
	"slices"
	"strings"
)

// BlockedAddress reports whether an address is one that keys are never fetched from: the
// link-local ones, and those at which clouds hand a machine its own credentials. An IPv4
// address counts in every form in which IPv6 carries it.
func BlockedAddress(a netip.Addr) bool {
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
// IPv4 addresses that it carries: mapped, compatible, translated (RFC 2765), NAT64 with the
// prefixes that are known (RFC 6052 and 8215), 6to4, Teredo's client, and ISATAP. The unspecified
// address stands for this machine.
func AddressForms(a netip.Addr) []netip.Addr {
	a = a.WithZone("").Unmap()
	out := []netip.Addr{a}
	if a.IsUnspecified() {
		return append(out, netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback())
	}
	if !a.Is4() {
		out = append(out, carried(a)...)
	}
	return out
}

// carried returns the IPv4 addresses that are written into an IPv6 address.
func carried(a netip.Addr) []netip.Addr {
	b := a.As16()
	within := func(prefix string) bool { return netip.MustParsePrefix(prefix).Contains(a) }
	four := func(b ...byte) netip.Addr { return netip.AddrFrom4([4]byte(b)) }
	switch {
	case within("64:ff9b::/96"), within("::/96"), within("::ffff:0:0:0/96"):
		return []netip.Addr{four(b[12:]...)}
	case within("64:ff9b:1::/48"):
		// The whole prefix, around the byte that is nobody's, or one of 96 bits within it.
		return []netip.Addr{four(b[6], b[7], b[9], b[10]), four(b[12:]...)}
	case within("2002::/16"):
		return []netip.Addr{four(b[2:6]...)}
	case within("2001::/32"):
		return []netip.Addr{four(^b[12], ^b[13], ^b[14], ^b[15])}
	case b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe:
		return []netip.Addr{four(b[12:]...)}
	}
	return nil
}

// EndsInNumber reports whether the last part of a name is a number, as in 127.1 or 0xa9fea9fe, which resolvers may read as an address. No top-level domain is one.
func EndsInNumber(host string) bool {
	last := strings.ToLower(host[strings.LastIndexByte(host, '.')+1:])
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}
