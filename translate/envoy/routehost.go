package envoy

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

// wellFormedHost is a name of DNS or an address, with a port or without. It may be empty: a
// request need not say which host it means.
const wellFormedHost = `([0-9A-Za-z_-]+(\.[0-9A-Za-z_-]+)*|\[[0-9A-Fa-f:.]+\])?(:[0-9]*)?`

// malformedHosts answers 400 to a host that is none, as HTTP asks for: a.example.., a.example:80:80,
// x@a.example. It is the first route for hosts with a wildcard, since no name matches such
// a host. Without it the request would go where a rule about a.example does not look, to a
// backend that may take it for a.example.
func malformedHosts() *routev3.Route {
	return &routev3.Route{
		Name: "malformed-host",
		Match: &routev3.RouteMatch{
			PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"},
			Headers: []*routev3.HeaderMatcher{{
				Name: ":authority", InvertMatch: true,
				HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: match.Regex(wellFormedHost)},
			}},
		},
		Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: 400}},
	}
}
