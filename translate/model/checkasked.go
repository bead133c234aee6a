package model

import (
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// maxAsking bounds the CUSTOM policies of a Gateway that a route with a CORS policy is held against.
const maxAsking = 50

// asking adds a CUSTOM policy to those of the Gateways that it can apply to. One for all of a
// namespace counts for the Gateways of that namespace.
func (c *checks) asking(policy *attached, by map[string][]*resource.Resource) {
	scopes := policy.scopes
	for _, g := range c.gateways {
		key := g.Namespace + "/" + g.Name
		if len(by[key]) < maxAsking && slices.ContainsFunc(scopes, func(at workloadScope) bool {
			_, possible, _ := common(at.labels, g.Spec.(*networkingv1alpha3.Gateway).GetSelector())
			return possible && (len(at.labels) > 0 || at.namespace == "" || at.namespace == g.Namespace)
		}) {
			by[key] = append(by[key], policy.Resource)
		}
	}
}

// askedAboutPreflights warns of a CORS policy about whose preflights a provider is asked, which
// then sees requests without credentials.
func (c routePolicyChecks) askedAboutPreflights(vs *resource.Resource, path resource.Path, r *networkingv1alpha3.HTTPRoute, gateways []*resource.Resource) diag.List {
	for _, g := range gateways {
		for _, p := range c.preflight.asking[g.Namespace+"/"+g.Name] {
			spec := p.Spec.(*securityv1beta1.AuthorizationPolicy)
			if slices.ContainsFunc(spec.GetRules(), func(rule *securityv1beta1.Rule) bool { return c.matchesPreflight(rule, vs, r) }) {
				return diag.List{diagnosticAt(diag.CodePreflight, vs, path.Field("corsPolicy"), "%s asks %s about the preflights that browsers send too, which have no cookie and no token", p.Key, spec.GetProvider().GetName()).
					WithHint("notMethods: [OPTIONS] in the rules of the policy, or let the provider allow the method OPTIONS")}
			}
		}
	}
	return nil
}

// matchesPreflight reports whether a rule can match a preflight of a route, as far as methods,
// hosts and paths tell. Where it excepts hosts or paths, or has conditions, it says no.
func (c routePolicyChecks) matchesPreflight(rule *securityv1beta1.Rule, vs *resource.Resource, r *networkingv1alpha3.HTTPRoute) bool {
	if len(rule.GetWhen()) > 0 {
		return false
	}
	return len(rule.GetTo()) == 0 || slices.ContainsFunc(rule.GetTo(), func(to *securityv1beta1.Rule_To) bool {
		o := to.GetOperation()
		methods := len(o.GetMethods()) == 0 || slices.ContainsFunc(o.GetMethods(), takesOptions)
		excepts := slices.ContainsFunc(o.GetNotMethods(), takesOptions) || len(o.GetNotPaths())+len(o.GetNotHosts()) > 0
		return methods && !excepts && c.meetsHosts(o.GetHosts(), vs) && meetsRoute(o.GetPaths(), r)
	})
}

func takesOptions(method string) bool { return ruleText(method).meets(pathText{text: "OPTIONS"}) }

// meetsHosts reports whether some host of a rule can be one of a VirtualService.
func (c routePolicyChecks) meetsHosts(hosts []string, vs *resource.Resource) bool {
	return len(hosts) == 0 || slices.ContainsFunc(hosts, func(h string) bool {
		return slices.ContainsFunc(vs.Spec.(*networkingv1alpha3.VirtualService).GetHosts(), func(own string) bool {
			return ruleText(strings.ToLower(withoutPort(h))).meets(ruleText(string(c.settings.served(own, vs.Namespace))))
		})
	})
}

// meetsRoute reports whether some path of a rule can be one of a route. Of regular expressions
// that is not known, and so it says no.
func meetsRoute(paths []string, r *networkingv1alpha3.HTTPRoute) bool {
	if len(paths) == 0 || len(r.GetMatch()) == 0 {
		return true
	}
	return slices.ContainsFunc(paths, func(p string) bool {
		return slices.ContainsFunc(r.GetMatch(), func(m *networkingv1alpha3.HTTPMatchRequest) bool {
			switch uri := m.GetUri().GetMatchType().(type) {
			case nil:
				return true
			case *networkingv1alpha3.StringMatch_Exact:
				return ruleText(p).meets(pathText{text: uri.Exact})
			case *networkingv1alpha3.StringMatch_Prefix:
				return ruleText(p).meets(pathText{text: uri.Prefix, after: true})
			default:
				return false
			}
		})
	})
}
