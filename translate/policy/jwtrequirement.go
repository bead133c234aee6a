package policy

import (
	"slices"
	"strings"

	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	securityv1beta1 "istio.io/api/security/v1beta1"
)

// requirement asks that every token that is there be valid, and that every token whose
// rule says REQUIRED be there.
func requirement(rules JWTRules) *jwtauthnv3.JwtRequirement {
	var required, optional, each []*jwtauthnv3.JwtRequirement
	rest := remainders(rules)
	for i, r := range rules {
		if r.required() {
			required = append(required, named(providerName(i)))
			continue
		}
		optional = append(optional, named(providerName(i)))
		each = append(each, ifThere(rules, i, rest))
	}
	tree := each
	if len(optional) > 1 {
		// Istio's tree: any valid token will do, and without one all must be missing.
		tree = []*jwtauthnv3.JwtRequirement{requiresAny(append(optional, requiresAll(each)))}
	}
	required = append(required, tree...)
	if len(required) == 1 {
		return required[0]
	}
	return requiresAll(required)
}

func named(provider string) *jwtauthnv3.JwtRequirement {
	return &jwtauthnv3.JwtRequirement{RequiresType: &jwtauthnv3.JwtRequirement_ProviderName{ProviderName: provider}}
}

// ifThere asks that the token of an optional rule be valid or missing.
//
// Where a required rule leaves its token in a place of this rule, that token is there too and
// is no mistake. It is accepted only beside the required rule, which accepts nothing but its
// own valid tokens in that place; a token in any other place of this rule is still held
// against this rule alone.
func ifThere(rules JWTRules, i int, rest map[int]JWTRule) *jwtauthnv3.JwtRequirement {
	of := []*jwtauthnv3.JwtRequirement{named(providerName(i))}
	if _, ok := rest[i]; ok {
		return requiresAny(append(of, requiresAny([]*jwtauthnv3.JwtRequirement{named(remainderName(i)), allowMissing()})))
	}
	for j, r := range rules {
		if r.required() && slices.ContainsFunc(tokenPlaces(rules[i].Spec), func(p place) bool { return stays(r.Spec, p) }) {
			of = append(of, named(providerName(j)))
		}
	}
	return requiresAny(append(of, allowMissing()))
}

// remainders returns, by index, what is left of each optional rule that shares some of its
// places, but not all, with required rules whose tokens stay there: the rule with its other
// places only.
func remainders(rules JWTRules) map[int]JWTRule {
	out := map[int]JWTRule{}
	for i, r := range rules {
		if r.required() {
			continue
		}
		places := tokenPlaces(r.Spec)
		left := slices.DeleteFunc(slices.Clone(places), func(p place) bool {
			return slices.ContainsFunc(rules, func(o JWTRule) bool { return o.required() && stays(o.Spec, p) })
		})
		if len(left) > 0 && len(left) < len(places) {
			r.Spec = withPlaces(r.Spec, left)
			out[i] = r
		}
	}
	return out
}

func remainderName(index int) string { return providerName(index) + "-elsewhere" }

// place is where a token is looked for.
type place struct {
	kind, name, prefix string
}

const (
	inHeader    = "header"
	inParameter = "parameter"
	inCookie    = "cookie"
)

// tokenPlaces returns where a rule looks for tokens, Envoy's own places where it names none.
func tokenPlaces(rule *securityv1beta1.JWTRule) []place {
	var out []place
	for _, h := range rule.GetFromHeaders() {
		out = append(out, place{inHeader, strings.ToLower(h.GetName()), h.GetPrefix()})
	}
	for _, name := range rule.GetFromParams() {
		out = append(out, place{inParameter, name, ""})
	}
	for _, name := range rule.GetFromCookies() {
		out = append(out, place{inCookie, name, ""})
	}
	if len(out) == 0 {
		return []place{{inHeader, "authorization", "Bearer "}, {inParameter, "access_token", ""}}
	}
	return out
}

// stays reports whether a rule's token is still in a place once the rule has accepted it.
// Envoy takes it out of headers and parameters unless told to forward it, and never out of
// cookies.
func stays(rule *securityv1beta1.JWTRule, p place) bool {
	return (rule.GetForwardOriginalToken() || p.kind == inCookie) && slices.Contains(tokenPlaces(rule), p)
}

func withPlaces(rule *securityv1beta1.JWTRule, places []place) *securityv1beta1.JWTRule {
	out := proto.Clone(rule).(*securityv1beta1.JWTRule)
	out.FromHeaders, out.FromParams, out.FromCookies = nil, nil, nil
	for _, p := range places {
		switch p.kind {
		case inHeader:
			out.FromHeaders = append(out.FromHeaders, &securityv1beta1.JWTHeader{Name: p.name, Prefix: p.prefix})
		case inParameter:
			out.FromParams = append(out.FromParams, p.name)
		default:
			out.FromCookies = append(out.FromCookies, p.name)
		}
	}
	return out
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
