package model

import (
	"strconv"
	"strings"

	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// claimsAsked warns of headers that an authorizer is to be sent and that only a verified token
// fills: it is asked before tokens are verified, and what a client sends in them is taken away.
func (c providerChecks) claimsAsked() diag.List {
	used := map[string]bool{}
	for _, policy := range c.authorizations {
		used[policy.Spec.(*securityv1beta1.AuthorizationPolicy).GetProvider().GetName()] = true
	}
	var out diag.List
	for i, p := range c.settings.Mesh.Config.GetExtensionProviders() {
		http, ok := p.GetProvider().(*meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyExtAuthzHttp)
		if !ok || !used[p.GetName()] {
			continue
		}
		path := resource.Path{"extensionProviders", i, "envoyExtAuthzHttp", "includeRequestHeadersInCheck"}
		for j, header := range http.EnvoyExtAuthzHttp.GetIncludeRequestHeadersInCheck() {
			writers := c.sameHeader[resource.FoldedHeader(header)]
			if writers == nil {
				continue
			}
			out = append(out, c.meshDiagnostic(diag.CodeClaimAsked, path.Field(j), "%s writes the header %s from a token, and %s is asked before tokens are verified, so it never gets it", writers.find(workloadScope{}).Key, header, p.GetName()).
				WithHint("send it the token itself (authorization), or decide by the claim in an AuthorizationPolicy with action ALLOW or DENY"))
		}
	}
	return out
}

// redirectsRefused warns of servers that redirect to HTTPS where a policy refuses every request
// without a token: policy comes first, so whoever types the name is refused and not redirected.
func (c routePolicyChecks) redirectsRefused() diag.List {
	var out diag.List
	for _, g := range c.gateways {
		for i, spec := range g.Spec.(*networkingv1alpha3.Gateway).GetServers() {
			s := server{g, i, spec}
			if !spec.GetTls().GetHttpsRedirect() || s.traffic() != HTTP {
				continue
			}
			if p := c.preflight.refusing(g); p != nil {
				out = append(out, diagnosticAt(diag.CodeRedirectRefused, g, s.path().Field("tls", "httpsRedirect"), "%s refuses requests without a token before they are redirected to HTTPS", p.Key).
					WithHint("to: [{operation: {ports: [%s]}}] in the rules of the policy", httpsPorts(g)))
			}
		}
	}
	return out
}

// httpsPorts lists the ports of a Gateway that end TLS, as a policy has them.
func httpsPorts(g *resource.Resource) string {
	var ports []string
	for _, s := range g.Spec.(*networkingv1alpha3.Gateway).GetServers() {
		if (server{g, 0, s}).traffic().ended() {
			ports = append(ports, strconv.Quote(strconv.FormatUint(uint64(s.GetPort().GetNumber()), 10)))
		}
	}
	if len(ports) == 0 {
		return `"443"`
	}
	return strings.Join(ports, ", ")
}
