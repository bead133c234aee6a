package resource

import (
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/internal/diag"
	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
)

func checkJWTPolicy(c *checker, m proto.Message) {
	spec := m.(*portreevev1alpha1.JWTPolicy)
	c.labels(Path{"spec", "selector", "matchLabels"}, spec.GetSelector().GetMatchLabels())
	jwt, path := spec.GetJwt(), Path{"spec", "jwt"}
	if jwt.GetIssuer() == "" {
		c.add(diag.CodeIssuer, path.Field("issuer"), "spec.jwt.issuer is missing").WithHint("set it to the iss claim of the tokens")
	}
	c.keys(path, jwt.GetJwks(), jwt.GetJwksUri())
	switch {
	case jwt.GetJwks() == "" && jwt.GetJwksUri() == "":
		c.add(diag.CodeJWKS, path, "spec.jwt has neither jwks nor jwksUri").WithHint("set jwks to the key set, as JSON")
	case jwt.GetJwks() == "":
		c.add(diag.CodeUnsupported, path.Field("jwksUri"), "keys are not fetched yet").WithHint("set jwks to the key set itself")
	}
	c.nonEmpty(path.Field("audiences"), jwt.GetAudiences())
	c.nonEmpty(path.Field("fromParams"), jwt.GetFromParams())
	c.nonEmpty(path.Field("fromCookies"), jwt.GetFromCookies())
	for i, h := range jwt.GetFromHeaders() {
		c.headerName(path.Field("fromHeaders", i, "name"), h.GetName())
	}
	for i, h := range jwt.GetOutputClaimToHeaders() {
		c.headerName(path.Field("outputClaimToHeaders", i, "header"), h.GetHeader())
		if h.GetClaim() == "" {
			c.add(diag.CodeEmptyValue, path.Field("outputClaimToHeaders", i, "claim"), "the claim is empty").WithHint("name a claim")
		}
	}
	if h := jwt.GetOutputPayloadToHeader(); h != "" {
		c.headerName(path.Field("outputPayloadToHeader"), h)
	}
	c.matching(spec.GetMatching())
}

func (c *checker) matching(m *portreevev1alpha1.Matching) {
	path := Path{"spec", "matching"}
	if m.GetMode() == portreevev1alpha1.Matching_MODE_UNSPECIFIED {
		c.add(diag.CodeMatching, path.Field("mode"), "spec.matching.mode is missing").WithHint("AUTH_IF_MATCHED or BYPASS_AUTH_IF_MATCHED")
	}
	if m.GetAllRequests() == (len(m.GetRules()) > 0) {
		c.add(diag.CodeMatching, path, "spec.matching needs either allRequests: true or rules").WithHint("set one of them")
	}
	for i, r := range m.GetRules() {
		at := path.Field("rules", i)
		if len(r.GetHosts())+len(r.GetPaths())+len(r.GetMethods())+len(r.GetPorts())+len(r.GetHeaders()) == 0 {
			c.add(diag.CodeMatching, at, "the rule matches nothing in particular").WithHint("give it hosts, paths, methods, ports or headers, or set allRequests")
		}
		c.nonEmpty(at.Field("hosts"), r.GetHosts())
		c.nonEmpty(at.Field("methods"), r.GetMethods())
		c.paths(at.Field("paths"), r.GetPaths())
		for j, p := range r.GetPorts() {
			if p == 0 || p > 65535 {
				c.add(diag.CodePort, at.Field("ports", j), "%d is not a port", p).WithHint("1 to 65535")
			}
		}
		for j, h := range r.GetHeaders() {
			c.headerName(at.Field("headers", j, "name"), h.GetName())
			if len(h.GetValues()) == 0 {
				c.add(diag.CodeEmptyValue, at.Field("headers", j), "the header has no values").WithHint(`list values; "*" accepts any`)
			}
			c.nonEmpty(at.Field("headers", j, "values"), h.GetValues())
		}
	}
}
