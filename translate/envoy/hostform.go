package envoy

import (
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/resource"
)

// MalformedHost is the name of the rule, and of the route, that refuses a host that is none.
const MalformedHost = "malformed-host"

// wellFormedHost is a name of DNS or an address, with a port or without. It may be empty: a
// request need not say which host it means.
const wellFormedHost = `([0-9A-Za-z_-]+(\.[0-9A-Za-z_-]+)*|\[[0-9A-Fa-f:.]+\])?(:[0-9]*)?`

// malformedHost matches a host that is none: a.example.., a.example:80:80, x@a.example, and
// two headers Host, which Envoy joins. A rule about a.example does not see a.example in it,
// and a backend may.
func malformedHost() *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{
		Name: ":authority", InvertMatch: true,
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: match.Regex(wellFormedHost)},
	}
}

// malformedHosts answers 400 to a host that is none. It is the first route of a virtual host
// that surrounds one which is kept out.
func malformedHosts() *routev3.Route {
	return &routev3.Route{
		Name: MalformedHost,
		Match: &routev3.RouteMatch{
			PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"},
			Headers:       []*routev3.HeaderMatcher{malformedHost()},
		},
		Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: 400}},
	}
}

func hostForm() requestForm {
	return requestForm{
		filter: HostFilter, rule: MalformedHost,
		malformed: []*rbacv3.Permission{{Rule: &rbacv3.Permission_Header{Header: malformedHost()}}},
		fields:    func(o *securityv1beta1.Operation) [][]string { return [][]string{o.GetHosts(), o.GetNotHosts()} },
		header:    resource.IsAuthority,
	}
}
