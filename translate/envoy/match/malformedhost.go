package match

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// wellFormedHost is a name of DNS or an address, with a port or without. It may be empty: a
// request need not say which host it means.
const wellFormedHost = `([0-9A-Za-z_-]+(\.[0-9A-Za-z_-]+)*|\[[0-9A-Fa-f:.]+\])?(:[0-9]*)?`

// MalformedHost matches a host that is none: a.example.., a.example:80:80, x@a.example, and
// two headers Host, which Envoy joins. A rule about a.example does not see a.example in it,
// and a backend may.
func MalformedHost() *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{
		Name: ":authority", InvertMatch: true,
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: Regex(wellFormedHost)},
	}
}
