package model

import (
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// preflightSide is what policies make of CORS preflights, which have no token: policy
// decides before the route's answer.
type preflightSide struct {
	// denying finds the DENY policies that refuse every request without a token.
	denying *index
	// allowing finds the ALLOW policies that allow nothing without a token, and others those
	// that allow something.
	allowing, others *index
	// asking are the CUSTOM policies by the Gateway ("namespace/name") that they can apply to, at
	// most maxAsking of each.
	asking map[string][]*resource.Resource
}

// preflightKind is what a policy makes of preflights.
type preflightKind int

const (
	// undecided policies make nothing of them.
	undecided preflightKind = iota
	// denying policies refuse every request without a token.
	denying
	// allowingNone policies allow nothing without a token, allowingSome something.
	allowingNone
	allowingSome
	// asking policies ask somebody about requests.
	asking
)

func preflightKindOf(policy *resource.Resource) preflightKind {
	spec := policy.Spec.(*securityv1beta1.AuthorizationPolicy)
	switch {
	case spec.GetAction() == securityv1beta1.AuthorizationPolicy_CUSTOM && !policy.DryRun():
		return asking
	case !decides(policy):
		return undecided
	case spec.GetAction() == securityv1beta1.AuthorizationPolicy_DENY:
		if slices.ContainsFunc(spec.GetRules(), deniesPreflights) {
			return denying
		}
		return undecided
	case len(spec.GetRules()) > 0 && !slices.ContainsFunc(spec.GetRules(), func(r *securityv1beta1.Rule) bool { return !needsToken(r) }):
		return allowingNone
	default:
		return allowingSome
	}
}

func (c *checks) newPreflightSide() preflightSide {
	out := preflightSide{newIndex(), newIndex(), newIndex(), map[string][]*resource.Resource{}}
	for _, policy := range c.authorizations {
		switch policy.preflights {
		case denying:
			out.denying.add(policy.Resource, policy.scopes...)
		case allowingNone:
			out.allowing.add(policy.Resource, policy.scopes...)
		case allowingSome:
			out.others.add(policy.Resource, policy.scopes...)
		case asking:
			c.asking(policy, out.asking)
		}
	}
	return out
}

// refusing returns a policy that refuses every preflight on a gateway, or nil.
func (s preflightSide) refusing(gateway *resource.Resource) *resource.Resource {
	if p := s.denying.find(scopeOfGateway(gateway)); p != nil {
		return p
	}
	if s.others.find(scopeOfGateway(gateway)) != nil {
		return nil
	}
	return s.allowing.find(scopeOfGateway(gateway))
}

// deniesPreflights reports a DENY rule for whatever has no token, whichever request it is.
func deniesPreflights(r *securityv1beta1.Rule) bool {
	if len(r.GetTo()) > 0 || len(r.GetWhen()) > 0 {
		return false
	}
	return slices.ContainsFunc(r.GetFrom(), func(f *securityv1beta1.Rule_From) bool {
		s := f.GetSource()
		return len(s.GetNotRequestPrincipals()) > 0 && len(s.GetIpBlocks())+len(s.GetRemoteIpBlocks())+len(s.GetPrincipals())+len(s.GetNamespaces()) == 0
	})
}

// needsToken reports an ALLOW rule that no request without a token meets.
func needsToken(r *securityv1beta1.Rule) bool {
	if len(r.GetFrom()) > 0 && !slices.ContainsFunc(r.GetFrom(), func(f *securityv1beta1.Rule_From) bool { return len(f.GetSource().GetRequestPrincipals()) == 0 }) {
		return true
	}
	return slices.ContainsFunc(r.GetWhen(), func(w *securityv1beta1.Condition) bool {
		return strings.HasPrefix(w.GetKey(), authKeys) && len(w.GetValues()) > 0
	})
}

// preflights warns of a CORS policy whose preflights never get to it.
func (c routePolicyChecks) preflights(vs *resource.Resource, path resource.Path, r *networkingv1alpha3.HTTPRoute, gateways []*resource.Resource) diag.List {
	if r.GetCorsPolicy() == nil || c.settings.Broken.authorization(vs, c.settings.RootNamespace) {
		return nil
	}
	for _, g := range gateways {
		if p := c.preflight.refusing(g); p != nil {
			return diag.List{diagnosticAt(diag.CodePreflight, vs, path.Field("corsPolicy"), "%s refuses requests without a token, so also the preflights that browsers send", p.Key).
				WithHint("let the method OPTIONS pass: notMethods: [OPTIONS] in a DENY rule, or methods: [OPTIONS] in an ALLOW rule of its own")}
		}
	}
	return c.askedAboutPreflights(vs, path, r, gateways)
}
