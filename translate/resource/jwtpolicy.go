package resource

import (
	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/diag"
)

// jwtPolicyChecker checks a JWTPolicy.
type jwtPolicyChecker struct{ valueChecker }

// checkJWTPolicy checks the form as strictly as what it becomes, so that every mistake is
// reported where the user made it.
func checkJWTPolicy(v valueChecker, m proto.Message) {
	c := jwtPolicyChecker{v}
	spec := m.(*portreevev1alpha1.JWTPolicy)
	if s := spec.GetSelector(); s != nil {
		attachmentChecker(c).selector(Path{"spec", "selector"}, s.GetMatchLabels())
	}
	c.reservedAnnotations()
	if spec.GetJwt() == nil {
		c.addMissing(diag.CodeIssuer, Path{"spec"}, "the JWTPolicy has no jwt").WithHint("jwt: {issuer: …, jwks: …}")
	} else {
		c.jwt(Path{"spec", "jwt"}, spec.GetJwt())
	}
	if spec.GetMatching() == nil {
		c.addMissing(diag.CodeMatching, Path{"spec"}, "the JWTPolicy has no matching").WithHint("matching: {mode: AUTH_IF_MATCHED, allRequests: true}")
	} else {
		c.matching(Path{"spec", "matching"}, spec.GetMatching())
	}
}

// jwt checks the token's part, which has the fields of a RequestAuthentication's rule.
func (c jwtPolicyChecker) jwt(path Path, jwt *portreevev1alpha1.JWT) {
	rule := &securityv1beta1.JWTRule{
		Issuer: jwt.GetIssuer(), Audiences: jwt.GetAudiences(), Jwks: jwt.GetJwks(), JwksUri: jwt.GetJwksUri(),
		FromParams: jwt.GetFromParams(), FromCookies: jwt.GetFromCookies(), OutputPayloadToHeader: jwt.GetOutputPayloadToHeader(),
	}
	for _, h := range jwt.GetFromHeaders() {
		rule.FromHeaders = append(rule.FromHeaders, &securityv1beta1.JWTHeader{Name: h.GetName(), Prefix: h.GetPrefix()})
	}
	for _, h := range jwt.GetOutputClaimToHeaders() {
		rule.OutputClaimToHeaders = append(rule.OutputClaimToHeaders, &securityv1beta1.ClaimToHeader{Header: h.GetHeader(), Claim: h.GetClaim()})
	}
	if jwt.GetIssuer() == "" {
		// The form asks for an issuer, also where a RequestAuthentication would do without.
		c.addMissing(diag.CodeIssuer, c.deepest(path, "issuer"), "%s is missing", path.Field("issuer")).WithHint("set it to the iss claim of the tokens")
	}
	if jwt.GetJwks() == "" && jwt.GetJwksUri() == "" {
		c.addMissing(diag.CodeJWKS, c.deepest(path, "jwks"), "%s has neither jwks nor jwksUri", path).WithHint("set jwks to the key set, as JSON, or jwksUri to where it is; a JWTPolicy does not look for it at the issuer, as a RequestAuthentication does")
	} else {
		jwtRuleChecker(c).keySource(path, rule)
	}
	c.nonEmpty(path, "audiences", rule.GetAudiences())
	jwtRuleChecker(c).locations(path, rule)
	jwtRuleChecker(c).outputs(path, rule, map[string]Path{})
	jwtRuleChecker(c).claimHeaders(func(int) Path { return path }, []*securityv1beta1.JWTRule{rule})
}

func (c jwtPolicyChecker) matching(path Path, m *portreevev1alpha1.Matching) {
	if m.GetMode() == portreevev1alpha1.Matching_MODE_UNSPECIFIED {
		c.addMissing(diag.CodeMatching, c.deepest(path, "mode"), "%s is missing", path.Field("mode")).WithHint("AUTH_IF_MATCHED or BYPASS_AUTH_IF_MATCHED")
	}
	switch {
	case m.GetAllRequests() && len(m.GetRules()) > 0:
		c.addKey(diag.CodeMatching, path.Field("rules"), "%s has both allRequests and rules", path).WithHint("keep one of them")
	case !m.GetAllRequests() && len(m.GetRules()) == 0:
		c.addMissing(diag.CodeMatching, path, "%s says of no request that it matches", path).WithHint("set allRequests: true, or rules")
	}
	for i, r := range m.GetRules() {
		c.matchingRule(path.Field("rules", i), r)
	}
}

// matchingRule checks one rule with the functions of an AuthorizationPolicy's operation.
func (c jwtPolicyChecker) matchingRule(path Path, r *portreevev1alpha1.Rule) {
	if len(r.GetHosts())+len(r.GetPaths())+len(r.GetMethods())+len(r.GetPorts())+len(r.GetHeaders()) == 0 {
		c.addMissing(diag.CodeMatching, path, "%s has no field, so it would match every request", path).WithHint("give it hosts, paths, methods, ports or headers, or set allRequests: true")
	}
	ruleValueChecker(c).hosts(path, "hosts", r.GetHosts())
	ruleValueChecker(c).paths(path, "paths", r.GetPaths())
	ruleValueChecker(c).methods(path, "methods", r.GetMethods())
	for i, p := range r.GetPorts() {
		c.portNumber(path.Field("ports", i), p)
	}
	for i, h := range r.GetHeaders() {
		at := path.Field("headers", i)
		c.matchedHeader(at, h)
	}
}

func (c jwtPolicyChecker) matchedHeader(path Path, h *portreevev1alpha1.HeaderMatch) {
	switch name := h.GetName(); {
	case name == "":
		c.addMissing(diag.CodeHeaderName, c.deepest(path, "name"), "%s has no header name", path).WithHint("for example x-api-key")
	case !isHeaderKey(name):
		c.add(diag.CodeHeaderName, path.Field("name"), "%q is not a header name", name).WithHint("letters, digits, - and _")
	}
	if len(h.GetValues()) == 0 {
		c.addMissing(diag.CodeEmptyValue, c.deepest(path, "values"), "%s has no values", path).WithHint(`list values; "*" accepts any`)
	}
	c.nonEmpty(path, "values", h.GetValues())
	ruleValueChecker(c).wildcards(path, "values", h.GetValues())
}
