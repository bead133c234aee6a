package optimize_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/optimize"
)

// writtenFilter writes what a filter asks of whom, a rule in a line, and which providers remember tokens.
func writtenFilter(c *jwtauthnv3.JwtAuthentication) string {
	var out []string
	for _, r := range c.GetRules() {
		out = append(out, writtenMatch(r.GetMatch())+" "+writtenRequirement(r.GetRequires()))
	}
	for _, name := range slices.Sorted(maps.Keys(c.GetProviders())) {
		if cache := c.GetProviders()[name].GetJwtCacheConfig(); cache != nil {
			out = append(out, fmt.Sprintf("%s remembers %d of %d bytes", strings.TrimPrefix(name, "origins-"), cache.GetJwtCacheSize(), cache.GetJwtMaxTokenSize()))
		}
	}
	return strings.Join(out, "\n")
}

// writtenMatch writes !x for what must not be there, x~y for what must not be in it.
func writtenMatch(m *routev3.RouteMatch) string {
	out := m.GetPrefix()
	for _, h := range m.GetHeaders() {
		switch {
		case h.GetName() == ":path":
			out += " plain"
		case h.GetPresentMatch() && h.GetInvertMatch():
			out += " !" + h.GetName()
		case h.GetInvertMatch() && h.GetTreatMissingHeaderAsEmpty():
			out += " " + h.GetName() + "~" + h.GetStringMatch().GetContains()
		default:
			out += " ?" + h.String()
		}
	}
	for _, q := range m.GetQueryParameters() {
		out += fmt.Sprintf(" %s=%v", q.GetName(), q.GetPresentMatch())
	}
	return out
}

// writtenRequirement writes | for any, & for all, ? for a token that may be missing.
func writtenRequirement(r *jwtauthnv3.JwtRequirement) string {
	list := func(of []*jwtauthnv3.JwtRequirement, sign string) string {
		parts := make([]string, 0, len(of))
		for _, o := range of {
			parts = append(parts, writtenRequirement(o))
		}
		return "(" + strings.Join(parts, sign) + ")"
	}
	switch {
	case r.GetRequiresAny() != nil:
		return list(r.GetRequiresAny().GetRequirements(), "|")
	case r.GetRequiresAll() != nil:
		return list(r.GetRequiresAll().GetRequirements(), "&")
	case r.GetAllowMissing() != nil:
		return "?"
	default:
		return strings.TrimPrefix(r.GetProviderName(), "origins-")
	}
}

func jwtRule(issuer, more string) *securityv1beta1.JWTRule {
	out := &securityv1beta1.JWTRule{}
	if err := protojson.Unmarshal([]byte(`{`+more+`}`), out); err != nil {
		panic(err)
	}
	out.Issuer, out.Jwks = issuer, keySet(issuer)
	return out
}

// TestFormsOfTokens pins what is made of which issuers, and what stays as it is.
func TestFormsOfTokens(t *testing.T) {
	const required, x, y, both = `"presence":"REQUIRED"`, `"fromHeaders":[{"name":"x"}]`, `"fromHeaders":[{"name":"y"}]`, `"fromHeaders":[{"name":"Authorization","prefix":"Bearer "},{"name":"authorization","prefix":"Token "}]`
	var many []string
	for i := range 9 {
		many = append(many, fmt.Sprintf(`{"name":"x-%d"}`, i))
	}
	for name, c := range map[string]struct {
		rules []*securityv1beta1.JWTRule
		want  string
	}{
		"none": {nil, ""},
		"one":  {[]*securityv1beta1.JWTRule{jwtRule("a", "")}, "/ (0|?)\n0 remembers 100 of 4096 bytes"},
		"two": {[]*securityv1beta1.JWTRule{jwtRule("a", ""), jwtRule("b", "")},
			"/ authorization~, plain access_token=false ?\n/ !authorization ?\n/ (0|1|((0|?)&(1|?)))"},
		"parameters": {[]*securityv1beta1.JWTRule{jwtRule("a", `"fromParams":["p"]`), jwtRule("b", `"fromParams":["q"]`)},
			"/ plain q=false (0|?)\n/ plain p=false (1|?)\n/ (0|1|((0|?)&(1|?)))\n0 remembers 50 of 4096 bytes\n1 remembers 50 of 4096 bytes"},
		"cookies": {[]*securityv1beta1.JWTRule{jwtRule("a", `"fromCookies":["s"]`), jwtRule("b", `"fromCookies":["s","t"]`)},
			"/ cookie~t ?\n/ cookie~s (1|?)\n/ (0|1|((0|?)&(1|?)))\n1 remembers 100 of 4096 bytes"},
		"a header of one": {[]*securityv1beta1.JWTRule{jwtRule("a", x), jwtRule("b", y)},
			"/ !y (0|(0|?))\n/ !x (1|(1|?))\n/ (0|1|((0|?)&(1|?)))\n0 remembers 50 of 4096 bytes\n1 remembers 50 of 4096 bytes"},
		"a header of some": {[]*securityv1beta1.JWTRule{jwtRule("a", x), jwtRule("b", x), jwtRule("c", y)},
			"/ !y (0|1|((0|?)&(1|?)))\n/ !x (2|(2|?))\n/ (0|1|2|((0|?)&(1|?)&(2|?)))\n2 remembers 100 of 4096 bytes"},
		"a header of all":        {[]*securityv1beta1.JWTRule{jwtRule("a", x), jwtRule("b", x)}, "/ (0|1|((0|?)&(1|?)))"},
		"two prefixes":           {[]*securityv1beta1.JWTRule{jwtRule("a", both), jwtRule("b", both)}, "/ (0|1|((0|?)&(1|?)))"},
		"a cookie in a header":   {[]*securityv1beta1.JWTRule{jwtRule("a", `"fromHeaders":[{"name":"Cookie"}]`), jwtRule("b", "")}, "/ (0|1|((0|?)&(1|?)))"},
		"too many sources":       {[]*securityv1beta1.JWTRule{jwtRule("a", `"fromHeaders":[`+strings.Join(many, ",")+`]`), jwtRule("b", "")}, "/ (0|1|((0|?)&(1|?)))"},
		"a long name":            {[]*securityv1beta1.JWTRule{jwtRule("a", `"fromParams":["`+strings.Repeat("p", 1025)+`"]`), jwtRule("b", "")}, "/ (0|1|((0|?)&(1|?)))"},
		"an issuer twice":        {[]*securityv1beta1.JWTRule{jwtRule("a", ""), jwtRule("a", x)}, "/ (0|1|((0|?)&(1|?)))"},
		"any issuer":             {[]*securityv1beta1.JWTRule{jwtRule("", ""), jwtRule("a", "")}, "/ (0|1|((0|?)&(1|?)))"},
		"required":               {[]*securityv1beta1.JWTRule{jwtRule("a", required), jwtRule("b", "")}, "/ (0&(1|?))\n0 remembers 50 of 4096 bytes\n1 remembers 50 of 4096 bytes"},
		"required, others tried": {[]*securityv1beta1.JWTRule{jwtRule("a", required), jwtRule("b", ""), jwtRule("c", "")}, "/ (0&(1|2|((1|?)&(2|?))))\n0 remembers 100 of 4096 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			p := policyOf(c.rules...)
			before := proto.Clone(tokenFilter(t, p))
			got := optimized(t, p, 100, "issuers", "token-cache")
			if diff := cmp.Diff(c.want, writtenFilter(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, proto.Message(tokenFilter(t, p)), protocmp.Transform()); diff != "" {
				t.Errorf("what was rewritten changed:\n%s", diff)
			}
			if got.GetBypassCorsPreflight() != tokenFilter(t, p).GetBypassCorsPreflight() {
				t.Error("CORS preflights are treated in another way")
			}
			if diff := cmp.Diff(writtenFilter(tokenFilter(t, p)), writtenFilter(optimized(t, p, 0, "token-cache"))); diff != "" {
				t.Errorf("tokens are remembered in no entries:\n%s", diff)
			}
		})
	}
}

// TestFewEntriesAreNotExceeded holds the bound where there are more providers than entries.
func TestFewEntriesAreNotExceeded(t *testing.T) {
	p := policyOf(jwtRule("a", `"presence":"REQUIRED"`), jwtRule("b", `"presence":"REQUIRED"`), jwtRule("c", `"presence":"REQUIRED"`))
	want := "/ (0&1&2)\n0 remembers 1 of 4096 bytes\n1 remembers 1 of 4096 bytes"
	if diff := cmp.Diff(want, writtenFilter(optimized(t, p, 2, "token-cache"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWhatNoEditTouchesStaysTheSameFilter holds that the filter of an unchanged policy is the same message in the next
// program, and that one that is not rendered again is forgotten.
func TestWhatNoEditTouchesStaysTheSameFilter(t *testing.T) {
	a, b := policyOf(jwtRule("a", ""), jwtRule("b", "")), policyOf(jwtRule("a", ""))
	o := optimize.Standard()
	var known *optimize.Known
	first := map[string]*jwtauthnv3.JwtAuthentication{}
	for turn := range 6 {
		known = known.Next()
		got := tokenFilter(t, optimize.Policy(a, o, known))
		if first["a"] == nil {
			first["a"] = got
		}
		if got != first["a"] {
			t.Errorf("turn %d: another message", turn)
		}
		if turn == 0 || turn == 5 {
			got := tokenFilter(t, optimize.Policy(b, o, known))
			if first["b"] == got {
				t.Error("what nobody rendered for four turns is still there")
			}
			first["b"] = got
		}
	}
}
