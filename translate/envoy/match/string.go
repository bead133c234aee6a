// Package match turns the syntax that Istio has for strings, paths, hosts, addresses and
// peer identities into Envoy matchers. Values have been validated. What makes filters and what
// packs them both stand on it, so it is also where a message becomes an Any.
package match

import (
	"regexp"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// String matches a value as Istio does: "*" any that is not empty, "*x" by suffix, "x*" by
// prefix, all else exactly. An asterisk in any other place is an ordinary character.
func String(v string) *matcherv3.StringMatcher { return withPrefix(v, "") }

func withPrefix(v, prefix string) *matcherv3.StringMatcher {
	switch {
	case v == "*":
		return Regex(".+")
	case strings.HasPrefix(v, "*"):
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Suffix{Suffix: v[1:]}}
	case strings.HasSuffix(v, "*"):
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: prefix + v[:len(v)-1]}}
	default:
		return Exact(prefix + v)
	}
}

// Exact matches a value to the letter.
func Exact(v string) *matcherv3.StringMatcher {
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: v}}
}

// Regex matches a whole value by an RE2 expression.
func Regex(expression string) *matcherv3.StringMatcher {
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: expression}}}
}

// Header matches a request header, pseudo headers included. "*" asks only that it is there.
func Header(name, v string) *routev3.HeaderMatcher {
	out := &routev3.HeaderMatcher{Name: name}
	if v == "*" {
		out.HeaderMatchSpecifier = &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}
	} else {
		out.HeaderMatchSpecifier = &routev3.HeaderMatcher_StringMatch{StringMatch: String(v)}
	}
	return out
}

// Host matches :authority without regard to case. A port in the authority counts.
func Host(v string) *routev3.HeaderMatcher {
	out := Header(":authority", v)
	if m := out.GetStringMatch(); m != nil {
		m.IgnoreCase = true
	}
	return out
}

// HostWithPort matches what Host does with a colon, and mostly a port, behind it. It is nil for a
// host that is written with one, or that matches whatever follows.
func HostWithPort(v string) *routev3.HeaderMatcher {
	m := &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: v + ":"}, IgnoreCase: true}
	switch {
	case strings.HasSuffix(v, "*"), strings.Contains(v[strings.LastIndexByte(v, ']')+1:], ":"):
		return nil
	case strings.HasPrefix(v, "*"):
		m = Regex("(?i).*" + regexp.QuoteMeta(v[1:]) + ":[0-9]*")
	}
	return &routev3.HeaderMatcher{Name: ":authority", HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: m}}
}

// Peer matches the SPIFFE identity of the client certificate, written without spiffe://.
// "*" is any identity.
func Peer(v string) *matcherv3.StringMatcher {
	if v != "*" && strings.HasPrefix(v, "*") {
		return Regex("spiffe://.*" + regexp.QuoteMeta(v[1:]))
	}
	return withPrefix(v, "spiffe://")
}

// Namespace matches identities of a namespace; "*" stands for any characters.
func Namespace(v string) *matcherv3.StringMatcher {
	return Regex(".*/ns/" + strings.ReplaceAll(regexp.QuoteMeta(v), `\*`, ".*") + "/.*")
}

// ServiceAccount matches the identities of a service account, "namespace/name", or "name"
// in the policy's own namespace.
func ServiceAccount(v, policyNamespace string) *matcherv3.StringMatcher {
	namespace, name, ok := strings.Cut(v, "/")
	if !ok {
		namespace, name = policyNamespace, v
	}
	return Regex("spiffe://.+/ns/" + regexp.QuoteMeta(namespace) + "/(.+/|)sa/" + regexp.QuoteMeta(name) + "(/.+)?")
}

// TrustDomain matches the identities of a trust domain.
func TrustDomain(v string) *matcherv3.StringMatcher {
	switch {
	case v == "*":
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: "spiffe://"}}
	case strings.Contains(v, "*"):
		return Regex("spiffe://" + strings.ReplaceAll(regexp.QuoteMeta(v), `\*`, "[^/]*") + "/.*")
	default:
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: "spiffe://" + v + "/"}}
	}
}

// CIDR reads an address or a block, host bits as written. It returns nil for text that is
// neither, which validation excludes.
func CIDR(v string) *corev3.CidrRange {
	address, bits, ok := split(v)
	if !ok {
		return nil
	}
	return &corev3.CidrRange{AddressPrefix: address, PrefixLen: wrapperspb.UInt32(bits)}
}
