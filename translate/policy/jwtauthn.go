package policy

import (
	"fmt"
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
)

// jwtFilter makes the filter that verifies tokens.
func jwtFilter(v model.View, rules JWTRules) Filter {
	config, from := jwtAuthn(v, rules)
	return Filter{Name: JWTFilter, IstioName: JWTFilter, Config: config, Trace: diag.PlacesOf(from), IstioConfig: func() proto.Message {
		istio, _ := jwtAuthn(v, rules.InIstio())
		for _, p := range istio.GetProviders() {
			setIstioFetch(p.GetRemoteJwks())
		}
		return istio
	}}
}

// jwtAuthn renders the filter that verifies tokens, and where each provider comes from.
// Without rules the filter is empty and lets everything pass.
func jwtAuthn(v model.View, rules JWTRules) (*jwtauthnv3.JwtAuthentication, map[string]diag.Position) {
	trace := map[string]diag.Position{}
	if len(rules) == 0 {
		return &jwtauthnv3.JwtAuthentication{}, trace
	}
	filter := &jwtauthnv3.JwtAuthentication{Providers: map[string]*jwtauthnv3.JwtProvider{}, BypassCorsPreflight: true}
	for i, r := range rules {
		filter.Providers[providerName(i)] = provider(r, v)
		trace[providerName(i)] = r.Pos
	}
	for i, rest := range remainders(rules) {
		// What the rule reads where no required token stays, see remainder.
		filter.Providers[remainderName(i)], trace[remainderName(i)] = provider(rest, v), rest.Pos
	}
	filter.Rules = []*jwtauthnv3.RequirementRule{{
		Match:           &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
		RequirementType: &jwtauthnv3.RequirementRule_Requires{Requires: requirement(rules)},
	}}
	return filter, trace
}

func providerName(index int) string { return fmt.Sprintf("origins-%d", index) }

func provider(r JWTRule, v model.View) *jwtauthnv3.JwtProvider {
	rule := r.Spec
	out := &jwtauthnv3.JwtProvider{
		Issuer:               rule.GetIssuer(),
		Audiences:            rule.GetAudiences(),
		FromParams:           rule.GetFromParams(),
		FromCookies:          rule.GetFromCookies(),
		Forward:              rule.GetForwardOriginalToken(),
		ForwardPayloadHeader: rule.GetOutputPayloadToHeader(),
		PayloadInMetadata:    r.PayloadKey,
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
	setKeys(out, rule, v)
	return out
}

// spaceDelimitedClaims are always at least permission and scope, sorted.
func spaceDelimitedClaims(user []string) []string {
	claims := append([]string{"permission", "scope"}, user...)
	slices.Sort(claims)
	return slices.Compact(claims)
}
