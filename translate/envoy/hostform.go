package envoy

import (
	"slices"
	"strings"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
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

// hostFilter denies a host that is none wherever a policy decides by hosts, before any policy
// does: written so, a host would pass by the policy that is about it.
func hostFilter(v model.View) []policyFilter {
	for _, p := range v.AuthorizationPolicies {
		at, asks := asksForHost(p)
		if !asks {
			continue
		}
		rule := &rbacv3.Policy{
			Permissions: []*rbacv3.Permission{{Rule: &rbacv3.Permission_Header{Header: malformedHost()}}},
			Principals:  []*rbacv3.Principal{{Identifier: &rbacv3.Principal_Any{Any: true}}},
		}
		return []policyFilter{{
			name:   HostFilter,
			config: &rbachttpv3.RBAC{Rules: &rbacv3.RBAC{Action: rbacv3.RBAC_DENY, Policies: map[string]*rbacv3.Policy{MalformedHost: rule}}},
			trace:  map[string]diag.Position{MalformedHost: at},
		}}
	}
	return nil
}

// asksForHost returns where a policy that decides first asks for a request's host, if it does.
func asksForHost(p *resource.Resource) (diag.Position, bool) {
	spec := p.Spec.(*securityv1beta1.AuthorizationPolicy)
	if p.DryRun() || spec.GetAction() == securityv1beta1.AuthorizationPolicy_AUDIT {
		return diag.Position{}, false
	}
	i := slices.IndexFunc(spec.GetRules(), func(r *securityv1beta1.Rule) bool {
		return slices.ContainsFunc(r.GetTo(), func(to *securityv1beta1.Rule_To) bool {
			return len(to.GetOperation().GetHosts())+len(to.GetOperation().GetNotHosts()) > 0
		}) || slices.ContainsFunc(r.GetWhen(), func(c *securityv1beta1.Condition) bool {
			header, ok := strings.CutPrefix(c.GetKey(), "request.headers[")
			return ok && resource.IsAuthority(strings.TrimSuffix(header, "]"))
		})
	})
	if i < 0 {
		return diag.Position{}, false
	}
	return p.Origin.At(resource.Path{"spec", "rules", i}), true
}
