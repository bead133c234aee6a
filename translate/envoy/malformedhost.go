package envoy

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/policy"
)

// malformedHosts answers 400 to a host that is none. It is the first route of a virtual host
// that surrounds one which is kept out.
func malformedHosts() *routev3.Route {
	return &routev3.Route{
		Name: policy.MalformedHost,
		Match: &routev3.RouteMatch{
			PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"},
			Headers:       []*routev3.HeaderMatcher{match.MalformedHost()},
		},
		Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: 400}},
	}
}
