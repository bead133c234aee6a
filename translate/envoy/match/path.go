package match

import (
	"net/netip"
	"strings"

	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// Template returns a path with the operators {*} and {**} in Envoy's syntax, and whether
// the path has any.
func Template(v string) (string, bool) {
	if !strings.Contains(v, "{*}") && !strings.Contains(v, "{**}") {
		return "", false
	}
	return strings.NewReplacer("{**}", "**", "{*}", "*").Replace(v), true
}

// Path matches a path without its query and fragment.
func Path(v string) *matcherv3.PathMatcher {
	return &matcherv3.PathMatcher{Rule: &matcherv3.PathMatcher_Path{Path: String(v)}}
}

// split reads an address or a block, as Istio does: in its usual form, with the bits behind the
// prefix as they are written.
func split(v string) (address string, bits uint32, ok bool) {
	if prefix, err := netip.ParsePrefix(v); err == nil {
		return prefix.Addr().String(), uint32(prefix.Bits()), true //nolint:gosec // 0 to 128
	}
	if parsed, err := netip.ParseAddr(v); err == nil && parsed.Zone() == "" {
		return parsed.String(), uint32(parsed.BitLen()), true //nolint:gosec // 32 or 128
	}
	return "", 0, false
}
