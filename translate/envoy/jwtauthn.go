package envoy

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	mutationrulesv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// jwtRule is one rule of a RequestAuthentication and where it stands.
type jwtRule struct {
	spec *securityv1beta1.JWTRule
	pos  diag.Position
}

// jwtRules returns the rules of all policies, by issuer; rules of one issuer keep the
// order of their policies. There is no override: they add up.
func jwtRules(policies []*resource.Resource) []jwtRule {
	var out []jwtRule
	for _, p := range policies {
		for i, spec := range p.Spec.(*securityv1beta1.RequestAuthentication).GetJwtRules() {
			out = append(out, jwtRule{spec, p.Origin.At(resource.Path{"spec", "jwtRules", i})})
		}
	}
	slices.SortStableFunc(out, func(a, b jwtRule) int { return cmp.Compare(a.spec.GetIssuer(), b.spec.GetIssuer()) })
	return out
}

// jwtAuthn renders the filter that verifies tokens, and where each provider comes from.
// Without rules the filter is empty and lets everything pass.
func jwtAuthn(v model.View) (*jwtauthnv3.JwtAuthentication, map[string]diag.Position) {
	rules, trace := jwtRules(v.RequestAuthentications), map[string]diag.Position{}
	if len(rules) == 0 {
		return &jwtauthnv3.JwtAuthentication{}, trace
	}
	filter := &jwtauthnv3.JwtAuthentication{Providers: map[string]*jwtauthnv3.JwtProvider{}, BypassCorsPreflight: true}
	keys := payloadKeys(rules)
	for i, r := range rules {
		filter.Providers[providerName(i)] = provider(r.spec, keys[i])
		setKeys(filter.Providers[providerName(i)], r.spec, v)
		trace[providerName(i)] = r.pos
	}
	for i, rest := range remainders(rules) {
		// What the rule reads where no required token stays, see remainder.
		p := provider(rest, keys[i])
		setKeys(p, rest, v)
		filter.Providers[remainderName(i)], trace[remainderName(i)] = p, rules[i].pos
	}
	filter.Rules = []*jwtauthnv3.RequirementRule{{
		Match:           &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
		RequirementType: &jwtauthnv3.RequirementRule_Requires{Requires: requirement(rules)},
	}}
	return filter, trace
}

func providerName(index int) string { return fmt.Sprintf("origins-%d", index) }

// provider renders a rule; payload is the key under which its token's payload is left.
func provider(rule *securityv1beta1.JWTRule, payload string) *jwtauthnv3.JwtProvider {
	out := &jwtauthnv3.JwtProvider{
		Issuer:               rule.GetIssuer(),
		Audiences:            rule.GetAudiences(),
		FromParams:           rule.GetFromParams(),
		FromCookies:          rule.GetFromCookies(),
		Forward:              rule.GetForwardOriginalToken(),
		ForwardPayloadHeader: rule.GetOutputPayloadToHeader(),
		PayloadInMetadata:    payload,
		// A route may depend on a claim, so it is chosen again once the claims are there.
		ClearRouteCache:            true,
		NormalizePayloadInMetadata: &jwtauthnv3.JwtProvider_NormalizePayload{SpaceDelimitedClaims: spaceDelimitedClaims(rule.GetSpaceDelimitedClaims())},
	}
	for _, h := range rule.GetFromHeaders() {
		out.FromHeaders = append(out.FromHeaders, &jwtauthnv3.JwtHeader{Name: h.GetName(), ValuePrefix: h.GetPrefix()})
	}
	for _, c := range rule.GetOutputClaimToHeaders() {
		out.ClaimToHeaders = append(out.ClaimToHeaders, &jwtauthnv3.JwtClaimToHeader{HeaderName: c.GetHeader(), ClaimName: c.GetClaim()})
	}
	return out
}

// spaceDelimitedClaims are always at least permission and scope, sorted.
func spaceDelimitedClaims(user []string) []string {
	claims := append([]string{"permission", "scope"}, user...)
	slices.Sort(claims)
	return slices.Compact(claims)
}

// claimHeaders renders the filter that removes, before any token is looked at, the headers
// that hand claims to backends, so that a backend never sees a client's own value there, nor
// one that it takes for it because - and _ are the same to it.
// jwt_authn removes only those of the providers it got to. A header that tokens are read from
// is never one of them, since compiling refuses that; if one were, its tokens would be
// removed, and nobody could forge the claims.
func claimHeaders(policies []*resource.Resource) *headermutationv3.HeaderMutation {
	var names, folded []string
	for _, r := range jwtRules(policies) {
		for _, h := range resource.ClaimHeaders(r.spec) {
			names = append(names, strings.ToLower(h.Name))
			if name := resource.FoldedHeader(h.Name); strings.Contains(name, "-") {
				folded = append(folded, name)
			}
		}
	}
	slices.Sort(names)
	slices.Sort(folded)
	out := &headermutationv3.HeaderMutation{}
	if len(names) == 0 {
		return out
	}
	out.Mutations = &headermutationv3.Mutations{}
	for _, name := range slices.Compact(names) {
		out.Mutations.RequestMutations = append(out.Mutations.RequestMutations, &mutationrulesv3.HeaderMutation{Action: &mutationrulesv3.HeaderMutation_Remove{Remove: name}})
	}
	for _, name := range slices.Compact(folded) {
		out.Mutations.RequestMutations = append(out.Mutations.RequestMutations, removeSpellings(name))
	}
	return out
}

// removeSpellings removes a header however its - and _ are written.
func removeSpellings(name string) *mutationrulesv3.HeaderMutation {
	spelled := match.Regex(strings.ReplaceAll(regexp.QuoteMeta(name), "-", "[-_]"))
	return &mutationrulesv3.HeaderMutation{Action: &mutationrulesv3.HeaderMutation_RemoveOnMatch_{
		RemoveOnMatch: &mutationrulesv3.HeaderMutation_RemoveOnMatch{KeyMatcher: spelled},
	}}
}
