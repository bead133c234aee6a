package resource

import (
	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/internal/diag"
)

func checkRequestAuthentication(c *checker, m proto.Message) {
	spec := m.(*securityv1beta1.RequestAuthentication)
	c.attachment(spec)
	for i, rule := range spec.GetJwtRules() {
		path := Path{"spec", "jwtRules", i}
		if rule.GetIssuer() == "" && rule.GetJwksUri() == "" {
			c.add(diag.CodeIssuer, path, "the rule has neither issuer nor jwksUri").WithHint("set issuer to the iss claim of the tokens")
		}
		c.keys(path, rule.GetJwks(), rule.GetJwksUri())
		c.nonEmpty(path.Field("audiences"), rule.GetAudiences())
		c.nonEmpty(path.Field("fromParams"), rule.GetFromParams())
		c.nonEmpty(path.Field("fromCookies"), rule.GetFromCookies())
		c.nonEmpty(path.Field("spaceDelimitedClaims"), rule.GetSpaceDelimitedClaims())
		c.jwtHeaders(path, rule)
		if t := rule.GetTimeout(); t != nil && (t.AsDuration() < 1e6 || t.AsDuration()%1e6 != 0) {
			c.add(diag.CodeTimeout, path.Field("timeout"), "the timeout %s is not a whole number of milliseconds of at least 1", t.AsDuration()).WithHint("for example 5s")
		}
		// Keys that are fetched are not translated yet. Without them every token would be refused.
		if rule.GetJwks() == "" {
			c.add(diag.CodeUnsupported, path, "keys are not fetched yet").WithHint("set jwks to the key set itself")
		}
	}
}

func (c *checker) jwtHeaders(path Path, rule *securityv1beta1.JWTRule) {
	for i, h := range rule.GetFromHeaders() {
		c.headerName(path.Field("fromHeaders", i, "name"), h.GetName())
	}
	for i, h := range rule.GetOutputClaimToHeaders() {
		at := path.Field("outputClaimToHeaders", i)
		c.headerName(at.Field("header"), h.GetHeader())
		if h.GetClaim() == "" {
			c.add(diag.CodeEmptyValue, at.Field("claim"), "the claim is empty").WithHint("name a claim; a dot descends into an object")
		}
	}
	if h := rule.GetOutputPayloadToHeader(); h != "" {
		c.headerName(path.Field("outputPayloadToHeader"), h)
	}
}
