package resource

import (
	"strings"

	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
)

// ClaimHeader is a header that a rule writes claims to.
type ClaimHeader struct {
	Name string
	// Path is the place of the name inside the rule.
	Path Path
}

// ClaimHeaders returns the headers that a rule writes claims to, in the order of its fields.
func ClaimHeaders(rule *securityv1beta1.JWTRule) []ClaimHeader {
	var out []ClaimHeader
	if name := rule.GetOutputPayloadToHeader(); name != "" {
		out = append(out, ClaimHeader{name, Path{"outputPayloadToHeader"}})
	}
	for i, c := range rule.GetOutputClaimToHeaders() {
		if name := c.GetHeader(); name != "" {
			out = append(out, ClaimHeader{name, Path{"outputClaimToHeaders", i, "header"}})
		}
	}
	return out
}

// FoldedHeader returns the name of a header as backends may see it: many, such as those behind
// CGI and WSGI, take - and _ for the same.
func FoldedHeader(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }

// TokenHeaders returns the headers, in lower case, that a rule reads tokens from: where it
// names no place at all, Authorization.
func TokenHeaders(rule *securityv1beta1.JWTRule) []string {
	if len(rule.GetFromHeaders())+len(rule.GetFromParams())+len(rule.GetFromCookies()) == 0 {
		return []string{"authorization"}
	}
	var out []string
	for _, h := range rule.GetFromHeaders() {
		out = append(out, strings.ToLower(h.GetName()))
	}
	if len(rule.GetFromCookies()) > 0 {
		out = append(out, "cookie")
	}
	return out
}

// claimHeaders refuses to write claims to a header that tokens are read from. A client's
// value of a claim header is removed before tokens are looked for; if that one were kept, a
// client could write claims itself.
func (c jwtRuleChecker) claimHeaders(path func(rule int) Path, rules []*securityv1beta1.JWTRule) {
	tokens := map[string]int{}
	for i, rule := range rules {
		for _, name := range TokenHeaders(rule) {
			if _, seen := tokens[FoldedHeader(name)]; !seen {
				tokens[FoldedHeader(name)] = i
			}
		}
	}
	for i, rule := range rules {
		for _, h := range ClaimHeaders(rule) {
			if reader, ok := tokens[FoldedHeader(h.Name)]; ok {
				c.add(diag.CodeClaimHeader, path(i).Field(h.Path...), "claims are written to the header %s, from which %s reads tokens", h.Name, path(reader)).
					WithHint("a header of their own")
			}
		}
	}
}
