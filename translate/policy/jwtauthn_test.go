package policy

import (
	"cmp"
	"strings"
	"testing"

	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	gocmp "github.com/google/go-cmp/cmp"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// written writes a requirement as text: | is any, & is all, ? is a token that is missing.
func written(r *jwtauthnv3.JwtRequirement) string {
	list := func(of []*jwtauthnv3.JwtRequirement, sign string) string {
		parts := make([]string, 0, len(of))
		for _, o := range of {
			parts = append(parts, written(o))
		}
		return "(" + strings.Join(parts, sign) + ")"
	}
	switch {
	case r.GetRequiresAny() != nil:
		return list(r.GetRequiresAny().GetRequirements(), " | ")
	case r.GetRequiresAll() != nil:
		return list(r.GetRequiresAll().GetRequirements(), " & ")
	case r.GetAllowMissing() != nil:
		return "?"
	default:
		return strings.TrimPrefix(r.GetProviderName(), "origins-")
	}
}

// TestRequirements pins Istio's tree, and what presence makes of it. The letters are the
// rules' issuers, a capital one is REQUIRED, and the token of X stays in the request.
func TestRequirements(t *testing.T) {
	for issuers, want := range map[string]string{
		"a":   "(0 | ?)",
		"ab":  "(0 | 1 | ((0 | ?) & (1 | ?)))",
		"abc": "(0 | 1 | 2 | ((0 | ?) & (1 | ?) & (2 | ?)))",
		"A":   "0",
		"AB":  "(0 & 1)",
		"Ab":  "(0 & (1 | ?))",
		"Abc": "(0 & (1 | 2 | ((1 | ?) & (2 | ?))))",
		"X":   "0",
		"Xa":  "(0 & (1 | 0 | ?))",
		"Xab": "(0 & (1 | 2 | ((1 | 0 | ?) & (2 | 0 | ?))))",
	} {
		t.Run(issuers, func(t *testing.T) {
			spec := &securityv1beta1.RequestAuthentication{}
			for _, issuer := range strings.Split(issuers, "") {
				rule := &securityv1beta1.JWTRule{Issuer: issuer, Jwks: "{}", ForwardOriginalToken: issuer == "X"}
				if issuer == strings.ToUpper(issuer) {
					rule.Presence = securityv1beta1.JWTRule_REQUIRED
				}
				spec.JwtRules = append(spec.JwtRules, rule)
			}
			filter, _ := jwtAuthn(model.View{}, jwtRulesOf([]*resource.Resource{object(resource.RequestAuthentication, spec)}))
			if err := filter.ValidateAll(); err != nil {
				t.Errorf("Envoy refuses it: %v", err)
			}
			if diff := gocmp.Diff(want, written(filter.GetRules()[0].GetRequires())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestRulesAddUp holds that rules are sorted by issuer and that those of one issuer keep
// the order of their policies.
func TestRulesAddUp(t *testing.T) {
	of := func(rules ...*securityv1beta1.JWTRule) *resource.Resource {
		return object(resource.RequestAuthentication, &securityv1beta1.RequestAuthentication{JwtRules: rules})
	}
	filter, trace := jwtAuthn(model.View{}, jwtRulesOf([]*resource.Resource{
		of(&securityv1beta1.JWTRule{Issuer: "b", Jwks: "first"}, &securityv1beta1.JWTRule{Issuer: "a", Jwks: "a"}),
		of(&securityv1beta1.JWTRule{Issuer: "b", Jwks: "second"}, &securityv1beta1.JWTRule{Jwks: "none"}),
	}))
	var got []string
	for i := range len(filter.GetProviders()) {
		got = append(got, filter.GetProviders()[providerName(i)].GetLocalJwks().GetInlineString())
		if _, ok := trace[providerName(i)]; !ok {
			t.Errorf("no trace of %s", providerName(i))
		}
	}
	if diff := gocmp.Diff([]string{"none", "a", "first", "second"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestClaimHeadersAreRemoved holds that a header of any rule is removed, whatever its case.
func TestClaimHeadersAreRemoved(t *testing.T) {
	filter := claimHeaders(jwtRulesOf([]*resource.Resource{object(resource.RequestAuthentication, &securityv1beta1.RequestAuthentication{JwtRules: []*securityv1beta1.JWTRule{
		{Issuer: "a", OutputPayloadToHeader: "X-Payload", OutputClaimToHeaders: []*securityv1beta1.ClaimToHeader{{Header: "x-sub", Claim: "sub"}}},
		{Issuer: "b", OutputClaimToHeaders: []*securityv1beta1.ClaimToHeader{{Header: "X-Sub", Claim: "sub"}, {Header: "x_team", Claim: "team"}}},
	}})}))
	if err := filter.ValidateAll(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range filter.GetMutations().GetRequestMutations() {
		got = append(got, cmp.Or(m.GetRemove(), m.GetRemoveOnMatch().GetKeyMatcher().GetSafeRegex().GetRegex()))
	}
	// A header that a backend takes for one of them is removed too.
	if diff := gocmp.Diff([]string{"x-payload", "x-sub", "x_team", "x[-_]payload", "x[-_]sub", "x[-_]team"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if m := claimHeaders(nil).GetMutations(); m != nil {
		t.Errorf("without rules nothing is removed: %v", m)
	}
}
