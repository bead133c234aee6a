package envoy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	mutationrulesv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	"google.golang.org/protobuf/types/known/emptypb"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/internal/diag"
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
func jwtAuthn(policies []*resource.Resource) (*jwtauthnv3.JwtAuthentication, map[string]diag.Position) {
	rules, trace := jwtRules(policies), map[string]diag.Position{}
	if len(rules) == 0 {
		return &jwtauthnv3.JwtAuthentication{}, trace
	}
	filter := &jwtauthnv3.JwtAuthentication{Providers: map[string]*jwtauthnv3.JwtProvider{}, BypassCorsPreflight: true}
	for i, r := range rules {
		filter.Providers[providerName(i)] = provider(r.spec)
		trace[providerName(i)] = r.pos
	}
	filter.Rules = []*jwtauthnv3.RequirementRule{{
		Match:           &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
		RequirementType: &jwtauthnv3.RequirementRule_Requires{Requires: requirement(rules)},
	}}
	return filter, trace
}

func providerName(index int) string { return fmt.Sprintf("origins-%d", index) }

func provider(rule *securityv1beta1.JWTRule) *jwtauthnv3.JwtProvider {
	out := &jwtauthnv3.JwtProvider{
		Issuer:               rule.GetIssuer(),
		Audiences:            rule.GetAudiences(),
		FromParams:           rule.GetFromParams(),
		FromCookies:          rule.GetFromCookies(),
		Forward:              rule.GetForwardOriginalToken(),
		ForwardPayloadHeader: rule.GetOutputPayloadToHeader(),
		PayloadInMetadata:    payloadKey,
		// A route may depend on a claim, so it is chosen again once the claims are there.
		ClearRouteCache:            true,
		NormalizePayloadInMetadata: &jwtauthnv3.JwtProvider_NormalizePayload{SpaceDelimitedClaims: spaceDelimitedClaims(rule.GetSpaceDelimitedClaims())},
		JwksSourceSpecifier: &jwtauthnv3.JwtProvider_LocalJwks{LocalJwks: &corev3.DataSource{
			Specifier: &corev3.DataSource_InlineString{InlineString: rule.GetJwks()},
		}},
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

// requirement asks that every token that is there be valid, and that every token whose
// rule says REQUIRED be there.
func requirement(rules []jwtRule) *jwtauthnv3.JwtRequirement {
	var required, optional []*jwtauthnv3.JwtRequirement
	for i, r := range rules {
		named := &jwtauthnv3.JwtRequirement{RequiresType: &jwtauthnv3.JwtRequirement_ProviderName{ProviderName: providerName(i)}}
		if r.spec.GetPresence() == securityv1beta1.JWTRule_REQUIRED {
			required = append(required, named)
		} else {
			optional = append(optional, named)
		}
	}
	if len(required) == 0 {
		return optionalTokens(optional)
	}
	if len(optional) > 0 {
		required = append(required, optionalTokens(optional))
	}
	if len(required) == 1 {
		return required[0]
	}
	return requiresAll(required)
}

// optionalTokens is Istio's tree: any valid token will do, and without one all must be missing.
func optionalTokens(named []*jwtauthnv3.JwtRequirement) *jwtauthnv3.JwtRequirement {
	if len(named) == 1 {
		return requiresAny([]*jwtauthnv3.JwtRequirement{named[0], allowMissing()})
	}
	var each []*jwtauthnv3.JwtRequirement
	for _, n := range named {
		each = append(each, requiresAny([]*jwtauthnv3.JwtRequirement{n, allowMissing()}))
	}
	return requiresAny(append(slices.Clone(named), requiresAll(each)))
}

func requiresAny(of []*jwtauthnv3.JwtRequirement) *jwtauthnv3.JwtRequirement {
	return &jwtauthnv3.JwtRequirement{RequiresType: &jwtauthnv3.JwtRequirement_RequiresAny{RequiresAny: &jwtauthnv3.JwtRequirementOrList{Requirements: of}}}
}

func requiresAll(of []*jwtauthnv3.JwtRequirement) *jwtauthnv3.JwtRequirement {
	return &jwtauthnv3.JwtRequirement{RequiresType: &jwtauthnv3.JwtRequirement_RequiresAll{RequiresAll: &jwtauthnv3.JwtRequirementAndList{Requirements: of}}}
}

func allowMissing() *jwtauthnv3.JwtRequirement {
	return &jwtauthnv3.JwtRequirement{RequiresType: &jwtauthnv3.JwtRequirement_AllowMissing{AllowMissing: &emptypb.Empty{}}}
}

// claimHeaders renders the filter that removes, before any token is looked at, the headers
// that hand claims to backends, so that a backend never sees a client's own value there.
// jwt_authn removes only those of the providers it got to. A header that is also read as
// a token's place stays: removing it would remove the token.
func claimHeaders(policies []*resource.Resource) *headermutationv3.HeaderMutation {
	var names []string
	tokens := map[string]bool{}
	for _, r := range jwtRules(policies) {
		names = append(names, strings.ToLower(r.spec.GetOutputPayloadToHeader()))
		for _, c := range r.spec.GetOutputClaimToHeaders() {
			names = append(names, strings.ToLower(c.GetHeader()))
		}
		for _, h := range r.spec.GetFromHeaders() {
			tokens[strings.ToLower(h.GetName())] = true
		}
		if len(r.spec.GetFromHeaders())+len(r.spec.GetFromParams())+len(r.spec.GetFromCookies()) == 0 {
			tokens["authorization"] = true
		}
	}
	slices.Sort(names)
	out := &headermutationv3.HeaderMutation{}
	for _, name := range slices.Compact(names) {
		if name == "" || tokens[name] {
			continue
		}
		if out.Mutations == nil {
			out.Mutations = &headermutationv3.Mutations{}
		}
		out.Mutations.RequestMutations = append(out.Mutations.RequestMutations, &mutationrulesv3.HeaderMutation{Action: &mutationrulesv3.HeaderMutation_Remove{Remove: name}})
	}
	return out
}
