package policy

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// JWTRule is one rule of a RequestAuthentication.
type JWTRule struct {
	Spec *securityv1beta1.JWTRule
	// Pos is where it is written.
	Pos diag.Position
	// PayloadKey is the key under which jwt_authn leaves the payload of its verified token.
	PayloadKey string
}

// JWTRules are the rules of all policies of a gateway, by issuer; rules of one issuer keep the
// order of their policies. There is no override: they add up.
type JWTRules []JWTRule

// jwtRulesOf derives the rules, and says where each leaves its payload.
//
// Under Istio one token of a request counts, and all rules share the key. Beside a REQUIRED
// rule several tokens are verified, and with one key the last would hide the others: whoever
// has a second token could choose by it which policies see him. So each rule then has its own.
func jwtRulesOf(policies []*resource.Resource) JWTRules {
	var out JWTRules
	for _, p := range policies {
		for i, spec := range p.Spec.(*securityv1beta1.RequestAuthentication).GetJwtRules() {
			out = append(out, JWTRule{spec, p.Origin.At(resource.Path{"spec", "jwtRules", i}), payloadKey})
		}
	}
	slices.SortStableFunc(out, func(a, b JWTRule) int { return cmp.Compare(a.Spec.GetIssuer(), b.Spec.GetIssuer()) })
	if !slices.ContainsFunc(out, JWTRule.required) {
		return out
	}
	for i := range out {
		if i > 0 {
			out[i].PayloadKey = fmt.Sprintf("%s-%d", payloadKey, i)
		}
	}
	return out
}

// PayloadKeys returns the keys under which payloads of verified tokens are left, each once. Where
// there are several, a request may have as many verified tokens. There is always one.
func (r JWTRules) PayloadKeys() []string {
	out := []string{payloadKey}
	for _, rule := range r {
		if rule.PayloadKey != payloadKey {
			out = append(out, rule.PayloadKey)
		}
	}
	return out
}

// InIstio returns the rules as Istio takes them: it does not look at presence, so none is
// REQUIRED, and all leave their payload under one key.
func (r JWTRules) InIstio() JWTRules {
	out := slices.Clone(r)
	for i, rule := range out {
		out[i].PayloadKey = payloadKey
		if rule.required() {
			out[i].Spec = proto.CloneOf(rule.Spec)
			out[i].Spec.Presence = securityv1beta1.JWTRule_OPTIONAL
		}
	}
	return out
}

// required reports a rule without whose token a request is refused.
func (r JWTRule) required() bool { return r.Spec.GetPresence() == securityv1beta1.JWTRule_REQUIRED }
