package model

import (
	"regexp/syntax"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// virtualServices reports what routes and policies make together: claims that nobody has
// verified, headers that only claims may write, and preflights that policy refuses.
func (c routePolicyChecks) virtualServices() diag.List {
	var out diag.List
	for vs := range c.bound() {
		gateways := c.gatewaysOf(vs)
		for i, r := range httpOf(vs) {
			path := resource.Path{"spec", "http", i}
			out = append(out, c.claims(vs, path, r, gateways)...)
			out = append(out, c.claimHeadersWritten(vs, path, r, gateways)...)
			out = append(out, c.preflights(vs, path, r, gateways)...)
		}
	}
	for d, users := range c.delegates.users {
		var gateways []*resource.Resource
		for _, vs := range users {
			gateways = append(gateways, c.gatewaysOf(vs)...)
		}
		for i, r := range httpOf(d) {
			out = append(out, c.claimHeadersWritten(d, resource.Path{"spec", "http", i}, r, gateways)...)
		}
	}
	return out
}

// gatewaysOf returns the Gateways that a VirtualService names and that there are.
func (c *checks) gatewaysOf(vs *resource.Resource) []*resource.Resource {
	names := gatewayNames(vs.Spec.(*networkingv1alpha3.VirtualService), vs.Namespace)
	var out []*resource.Resource
	for _, g := range c.gateways {
		if slices.Contains(names, g.Namespace+"/"+g.Name) {
			out = append(out, g)
		}
	}
	return out
}

func scopeOfGateway(gateway *resource.Resource) workloadScope {
	return workloadScope{labels: gateway.Spec.(*networkingv1alpha3.Gateway).GetSelector()}
}

// claims warns of matches of claims on a Gateway where no token is ever verified.
func (c routePolicyChecks) claims(vs *resource.Resource, path resource.Path, r *networkingv1alpha3.HTTPRoute, gateways []*resource.Resource) diag.List {
	i := slices.IndexFunc(gateways, func(g *resource.Resource) bool { return c.verifying.find(scopeOfGateway(g)) == nil })
	if i < 0 || c.settings.Broken.authentication(vs, c.settings.RootNamespace) {
		return nil
	}
	var out diag.List
	for j, m := range r.GetMatch() {
		for field, headers := range map[string]map[string]*networkingv1alpha3.StringMatch{"headers": m.GetHeaders(), "withoutHeaders": m.GetWithoutHeaders()} {
			effect := "never matches"
			if field == "withoutHeaders" {
				effect = "always matches"
			}
			for name := range headers {
				if resource.RoutingClaim(name) != nil {
					out = append(out, diagnosticAt(diag.CodeClaimUnverified, vs, path.Field("match", j, field, name), "%s %s: no RequestAuthentication applies to %s, so no request has a claim there", name, effect, gateways[i].Key).
						WithHint("add a RequestAuthentication for the gateway"))
				}
			}
		}
	}
	return out
}

// claimHeadersWritten refuses to write what a client sent to a header that hands claims to
// backends: they could not tell it from a claim. A fixed value, and taking the header away,
// is the user's own decision.
func (c routePolicyChecks) claimHeadersWritten(vs *resource.Resource, path resource.Path, r *networkingv1alpha3.HTTPRoute, gateways []*resource.Resource) diag.List {
	if len(c.sameHeader) == 0 {
		return nil
	}
	out := c.claimHeadersIn(vs, path.Field("headers", "request"), r.GetHeaders().GetRequest(), gateways)
	for i, d := range r.GetRoute() {
		out = append(out, c.claimHeadersIn(vs, path.Field("route", i, "headers", "request"), d.GetHeaders().GetRequest(), gateways)...)
	}
	return out
}

func (c routePolicyChecks) claimHeadersIn(vs *resource.Resource, path resource.Path, o *networkingv1alpha3.Headers_HeaderOperations, gateways []*resource.Resource) diag.List {
	var out diag.List
	for field, values := range map[string]map[string]string{"set": o.GetSet(), "add": o.GetAdd()} {
		for name, value := range values {
			writers := c.sameHeader[resource.FoldedHeader(name)]
			if writers == nil || !strings.Contains(strings.ReplaceAll(value, "%%", ""), "%") {
				continue
			}
			var scope []diag.Target
			var policy *resource.Resource
			for _, g := range gateways {
				if p := writers.find(scopeOfGateway(g)); p != nil {
					policy, scope = p, append(scope, diag.Target{Gateway: g.Namespace + "/" + g.Name})
				}
			}
			if policy == nil {
				continue
			}
			d := diagnosticAt(diag.CodeClaimHeaderWritten, vs, path.Field(field, name), "%s hands a claim to backends in the header %s; this value can hold what a client sent", policy.Key, name).
				WithHint("another header, or a value without command operators")
			d.Scope = diag.Limited(scope...)
			out = append(out, d)
		}
	}
	return out
}

// routesFoldingCase returns for each Gateway the first VirtualService with a route that
// takes paths without regard to case.
func (c *checks) routesFoldingCase() map[string]*resource.Resource {
	out := map[string]*resource.Resource{}
	for name, services := range c.routes {
		i := slices.IndexFunc(services, func(vs *resource.Resource) bool {
			return slices.ContainsFunc(c.delegates.httpRoutes(vs), func(r Route) bool { return slices.ContainsFunc(r.HTTP.GetMatch(), foldsCase) })
		})
		if i >= 0 {
			out[name] = services[i]
		}
	}
	return out
}

func foldsCase(m *networkingv1alpha3.HTTPMatchRequest) bool {
	re := m.GetUri().GetRegex()
	if m.GetIgnoreUriCase() && re == "" {
		return true
	}
	if !strings.Contains(re, "(?") {
		return false
	}
	parsed, err := syntax.Parse(re, syntax.Perl)
	return err == nil && hasFold(parsed)
}

func hasFold(re *syntax.Regexp) bool {
	return re.Op == syntax.OpLiteral && re.Flags&syntax.FoldCase != 0 || slices.ContainsFunc(re.Sub, hasFold)
}
