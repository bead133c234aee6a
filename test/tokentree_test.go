package test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/emptypb"
)

// TestTreesOfRequirementsAreExplainedAsEnvoyTakesThem asks Envoy and explain about random trees, also of
// kinds that no policy is rendered to, and random tokens.
func TestTreesOfRequirementsAreExplainedAsEnvoyTakesThem(t *testing.T) {
	k := newTokenKeys(t)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 2))
	t.Logf("seed %d", seed)
	configs := map[string]*jwtauthnv3.JwtAuthentication{}
	for i := range 24 {
		configs[fmt.Sprintf("tree %d", i)] = randomTree(random, k.set(t, asTheyAre, "HS256"))
	}
	w := runTokenWorld(t, configs)
	sign := func(payload string) string { return k.sign(t, "HS256", headerOf("HS256"), payload) }
	tokens := []string{
		sign(`{"iss":"a"}`), sign(`{"iss":"a","aud":"two"}`), sign(`{"iss":"b"}`), sign(`{"iss":"c","aud":"one"}`), sign(`{"iss":"c"}`), sign(`{"iss":"d"}`), sign(`{}`), sign(`{"iss":"nobody"}`),
		sign(`{"iss":"a","exp":1}`), sign(`{"iss":"b","nbf":9999999999}`), sign(`{"iss":"a"}`) + "x", "x", "",
	}
	for name, config := range configs {
		text, err := protojson.Marshal(config.GetRules()[2].GetRequires())
		must(t, err)
		t.Run(name+": "+string(text), func(t *testing.T) {
			for range 150 {
				w.agree(t, name, randomTokens(random, tokens))
			}
		})
	}
}

// randomTree is a filter of four providers with a random requirement.
func randomTree(random *rand.Rand, keys string) *jwtauthnv3.JwtAuthentication {
	provider := func(p *jwtauthnv3.JwtProvider) *jwtauthnv3.JwtProvider {
		p.JwksSourceSpecifier = &jwtauthnv3.JwtProvider_LocalJwks{LocalJwks: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: keys}}}
		p.Forward, p.PadForwardPayloadHeader = random.IntN(2) == 0, random.IntN(2) == 0
		p.ForwardPayloadHeader, p.PayloadInMetadata, p.HeaderInMetadata = "x-payload-"+p.Issuer, "payload-"+p.Issuer, "header-"+p.Issuer
		p.ClaimToHeaders = []*jwtauthnv3.JwtClaimToHeader{{HeaderName: "x-iss", ClaimName: "iss"}}
		return p
	}
	return &jwtauthnv3.JwtAuthentication{
		Providers: map[string]*jwtauthnv3.JwtProvider{
			"a": provider(&jwtauthnv3.JwtProvider{Issuer: "a"}),
			"b": provider(&jwtauthnv3.JwtProvider{Issuer: "b", FromHeaders: []*jwtauthnv3.JwtHeader{{Name: "x-token"}}, FromParams: []string{"token", "access_token"}}),
			"c": provider(&jwtauthnv3.JwtProvider{Issuer: "c", FromCookies: []string{"session"}, FromParams: []string{"z"}, Audiences: []string{"one"}}),
			"d": provider(&jwtauthnv3.JwtProvider{FromHeaders: []*jwtauthnv3.JwtHeader{{Name: "x-prefixed", ValuePrefix: "Token "}, {Name: "authorization", ValuePrefix: "Bearer "}}}),
		},
		Rules: []*jwtauthnv3.RequirementRule{
			{Match: randomGuards(random), RequirementType: &jwtauthnv3.RequirementRule_Requires{Requires: randomRequirement(random, 1)}},
			{Match: randomGuards(random), RequirementType: &jwtauthnv3.RequirementRule_Requires{Requires: randomRequirement(random, 1)}},
			{
				Match:           &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
				RequirementType: &jwtauthnv3.RequirementRule_Requires{Requires: randomRequirement(random, 3)},
			},
		},
	}
}

// randomGuards matches requests by what is in the places of tokens, or not.
func randomGuards(random *rand.Rand) *routev3.RouteMatch {
	out := &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}}
	for _, name := range []string{"authorization", "x-token", "cookie", "x-prefixed"} {
		h := &routev3.HeaderMatcher{Name: name, InvertMatch: random.IntN(4) > 0}
		switch random.IntN(4) {
		case 0:
			h.HeaderMatchSpecifier = &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}
		case 1:
			contains := &matcherv3.StringMatcher_Contains{Contains: []string{",", "session"}[random.IntN(2)]}
			h.TreatMissingHeaderAsEmpty = random.IntN(4) > 0
			h.HeaderMatchSpecifier = &routev3.HeaderMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{MatchPattern: contains}}
		default:
			continue
		}
		out.Headers = append(out.Headers, h)
	}
	if random.IntN(2) == 0 {
		present := &routev3.QueryParameterMatcher_PresentMatch{PresentMatch: random.IntN(4) == 0}
		out.QueryParameters = append(out.QueryParameters, &routev3.QueryParameterMatcher{Name: "token", QueryParameterMatchSpecifier: present})
	}
	return out
}

func randomRequirement(random *rand.Rand, depth int) *jwtauthnv3.JwtRequirement {
	name := string(rune('a' + random.IntN(4)))
	of := func() []*jwtauthnv3.JwtRequirement {
		var out []*jwtauthnv3.JwtRequirement
		for range 2 + random.IntN(2) {
			out = append(out, randomRequirement(random, depth-1))
		}
		return out
	}
	switch kind := random.IntN(10); {
	case kind < 4 && depth > 0:
		return &jwtauthnv3.JwtRequirement{RequiresType: &jwtauthnv3.JwtRequirement_RequiresAny{RequiresAny: &jwtauthnv3.JwtRequirementOrList{Requirements: of()}}}
	case kind < 6 && depth > 0:
		return &jwtauthnv3.JwtRequirement{RequiresType: &jwtauthnv3.JwtRequirement_RequiresAll{RequiresAll: &jwtauthnv3.JwtRequirementAndList{Requirements: of()}}}
	case kind == 6:
		return &jwtauthnv3.JwtRequirement{RequiresType: &jwtauthnv3.JwtRequirement_AllowMissing{AllowMissing: &emptypb.Empty{}}}
	case kind == 7 && random.IntN(3) == 0:
		return &jwtauthnv3.JwtRequirement{RequiresType: &jwtauthnv3.JwtRequirement_AllowMissingOrFailed{AllowMissingOrFailed: &emptypb.Empty{}}}
	case kind == 8:
		return &jwtauthnv3.JwtRequirement{RequiresType: &jwtauthnv3.JwtRequirement_ProviderAndAudiences{ProviderAndAudiences: &jwtauthnv3.ProviderWithAudiences{ProviderName: name, Audiences: []string{"two"}}}}
	default:
		return &jwtauthnv3.JwtRequirement{RequiresType: &jwtauthnv3.JwtRequirement_ProviderName{ProviderName: name}}
	}
}
