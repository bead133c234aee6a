package resource

import (
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
)

// The bounds of the API.
const (
	maxJWTRules             = 4096
	maxSpaceDelimitedClaims = 64
	// maxFetch is far above what a fetch can take, and below what Envoy refuses.
	maxFetch = time.Hour
)

// attachmentFields say to which gateways a policy applies.
func attachmentFields() []string {
	return []string{"selector.matchLabels", "targetRef.group", "targetRef.kind", "targetRef.name", "targetRef.namespace",
		"targetRefs.group", "targetRefs.kind", "targetRefs.name", "targetRefs.namespace"}
}

// requestAuthenticationFields are the fields that count. One that a newer API adds is refused until
// it does: what it demands of a token would otherwise not be asked.
func requestAuthenticationFields() []string {
	return append(attachmentFields(), "jwtRules.issuer", "jwtRules.audiences", "jwtRules.jwksUri", "jwtRules.jwks",
		"jwtRules.fromHeaders.name", "jwtRules.fromHeaders.prefix", "jwtRules.fromParams", "jwtRules.fromCookies",
		"jwtRules.outputPayloadToHeader", "jwtRules.outputClaimToHeaders.header", "jwtRules.outputClaimToHeaders.claim",
		"jwtRules.forwardOriginalToken", "jwtRules.timeout", "jwtRules.spaceDelimitedClaims", "jwtRules.presence")
}

// checkRequestAuthentication holds a RequestAuthentication against the rules of Istio's
// webhook and of its CRD; where they differ the stricter one wins.
func checkRequestAuthentication(c valueChecker, m proto.Message) {
	spec := m.(*securityv1beta1.RequestAuthentication)
	attachmentChecker{c}.attachment(spec)
	c.noDryRun()
	c.atMost(Path{"spec", "jwtRules"}, len(spec.GetJwtRules()), maxJWTRules)
	issuers, writers := map[string]int{}, map[string]Path{}
	for i, rule := range spec.GetJwtRules() {
		path := Path{"spec", "jwtRules", i}
		jwtRuleChecker{c}.jwtRule(path, rule)
		jwtRuleChecker{c}.outputs(path, rule, writers)
		if rule.GetIssuer() == "" {
			continue
		}
		if first, again := issuers[rule.GetIssuer()]; again {
			c.add(diag.CodeDuplicateIssuer, path.Field("issuer"), "%q is the issuer of jwtRules[%d] too; a token that satisfies either rule is accepted", rule.GetIssuer(), first).
				WithHint("join the two rules, unless that is what is meant")
			continue
		}
		issuers[rule.GetIssuer()] = i
	}
	jwtRuleChecker{c}.claimHeaders(func(rule int) Path { return Path{"spec", "jwtRules", rule} }, spec.GetJwtRules())
}

// jwtRuleChecker checks a rule about tokens, of a RequestAuthentication or in the form of a
// JWTPolicy.
type jwtRuleChecker struct{ valueChecker }

// jwtRule checks a rule of a RequestAuthentication; a JWTPolicy's form has the same fields.
func (c jwtRuleChecker) jwtRule(path Path, rule *securityv1beta1.JWTRule) {
	switch {
	case rule.GetIssuer() == "" && rule.GetJwksUri() == "":
		c.addMissing(diag.CodeIssuer, path, "%s has neither issuer nor jwksUri", path).WithHint("set issuer to the iss claim of the tokens")
	case rule.GetIssuer() == "" && c.written(path.Field("issuer")):
		c.add(diag.CodeIssuer, path.Field("issuer"), "%s is empty", path.Field("issuer")).WithHint("set it to the iss claim of the tokens, or leave it out to accept any")
	}
	c.keySource(path, rule)
	c.nonEmpty(path, "audiences", rule.GetAudiences())
	c.nonEmpty(path, "spaceDelimitedClaims", rule.GetSpaceDelimitedClaims())
	c.atMost(path.Field("spaceDelimitedClaims"), len(rule.GetSpaceDelimitedClaims()), maxSpaceDelimitedClaims)
	c.locations(path, rule)
	if t := rule.GetTimeout(); t != nil {
		if d := t.AsDuration(); d < time.Millisecond || d > maxFetch || d%time.Millisecond != 0 || !t.IsValid() {
			c.add(diag.CodeTimeout, path.Field("timeout"), "the timeout %s is not a whole number of milliseconds between 1ms and 1h", d).WithHint("for example 5s")
		}
	}
}

// keySource checks where a rule's keys come from: the rule itself, an address, or what the
// issuer publishes about itself.
func (c jwtRuleChecker) keySource(path Path, rule *securityv1beta1.JWTRule) {
	jwks, uri := rule.GetJwks(), rule.GetJwksUri()
	address := path.Field("jwksUri")
	if c.written(path.Field("jwks")) && c.written(address) {
		c.addKey(diag.CodeJWKSBoth, address, "both jwks and jwksUri are set").WithHint("keep one of them")
	}
	// An address that is empty but written, say by a template, must not turn into discovery.
	if uri != "" || c.written(address) {
		keySetChecker(c).jwksURI(address, uri)
	}
	switch {
	case jwks != "":
		keySetChecker(c).jwks(path.Field("jwks"), jwks)
	case uri == "" && rule.GetIssuer() != "" && !c.written(address):
		keySetChecker(c).discovery(path, rule.GetIssuer())
	}
}

// locations checks where a rule looks for tokens.
func (c jwtRuleChecker) locations(path Path, rule *securityv1beta1.JWTRule) {
	seen := map[[2]string]bool{}
	for i, h := range rule.GetFromHeaders() {
		at := path.Field("fromHeaders", i)
		if h.GetName() == "" {
			c.addMissing(diag.CodeHeaderName, c.deepest(at, "name"), "%s has no header name", at).WithHint("the name of a header")
		} else {
			c.tokenName(at.Field("name"), h.GetName())
		}
		if strings.ContainsAny(h.GetPrefix(), "\r\n") {
			c.add(diag.CodeHeaderName, at.Field("prefix"), "%s has a line break, which no header can have", at.Field("prefix")).WithHint("for example \"Bearer \"")
		}
		c.twice(seen, [2]string{"header " + strings.ToLower(h.GetName()), h.GetPrefix()}, at)
		c.withoutPrefix(at, h, rule.GetFromHeaders())
	}
	c.nonEmpty(path, "fromParams", rule.GetFromParams())
	for i, name := range rule.GetFromParams() {
		c.twice(seen, [2]string{"parameter " + name}, path.Field("fromParams", i))
	}
	c.nonEmpty(path, "fromCookies", rule.GetFromCookies())
	for i, name := range rule.GetFromCookies() {
		c.twice(seen, [2]string{"cookie " + name}, path.Field("fromCookies", i))
	}
}

// withoutPrefix warns of a header that tokens are read from as it is beside the same one with a
// prefix: the prefix itself is then read as a token too, which is none.
func (c jwtRuleChecker) withoutPrefix(path Path, h *securityv1beta1.JWTHeader, all []*securityv1beta1.JWTHeader) {
	i := slices.IndexFunc(all, func(o *securityv1beta1.JWTHeader) bool {
		return strings.EqualFold(o.GetName(), h.GetName()) && o.GetPrefix() != ""
	})
	if h.GetPrefix() == "" && h.GetName() != "" && i >= 0 {
		c.add(diag.CodePrefixToken, path, "%s is read with the prefix %q too: a request with that prefix is refused with 401, since without one %q is read as a token", h.GetName(), all[i].GetPrefix(), strings.TrimSpace(all[i].GetPrefix())).
			WithHint("take the entry without a prefix out, or a header of its own for it")
	}
}

func (c jwtRuleChecker) twice(seen map[[2]string]bool, location [2]string, path Path) {
	if seen[location] {
		c.add(diag.CodeDuplicateLocation, path, "the %s is named twice", location[0]).WithHint("name it once")
	}
	seen[location] = true
}

// outputs checks the headers that a rule writes. Writers are the rules that write a header, by
// its name in lower case.
func (c jwtRuleChecker) outputs(path Path, rule *securityv1beta1.JWTRule, writers map[string]Path) {
	if name := rule.GetOutputPayloadToHeader(); name != "" {
		at := path.Field("outputPayloadToHeader")
		c.tokenName(at, name)
		c.outputHeader(path, at, name, writers)
	}
	for i, o := range rule.GetOutputClaimToHeaders() {
		at := path.Field("outputClaimToHeaders", i)
		switch name := o.GetHeader(); {
		case name == "":
			c.addMissing(diag.CodeHeaderName, c.deepest(at, "header"), "%s has no header name", at).WithHint("letters, digits, - and _")
		case !isHeaderName(name):
			c.add(diag.CodeHeaderName, at.Field("header"), "%q is not a header name that claims can be handed over in", name).WithHint("letters, digits, - and _")
		default:
			c.outputHeader(path, at.Field("header"), name, writers)
		}
		if o.GetClaim() == "" {
			c.addMissing(diag.CodeEmptyValue, c.deepest(at, "claim"), "%s names no claim", at).WithHint("name a claim; a dot descends into an object")
		}
	}
}

// tokenName checks the name of a header. Istio takes whatever is not empty; what is no token of
// HTTP can occur in no request, and Envoy refuses some of it.
func (c jwtRuleChecker) tokenName(at Path, name string) {
	if strings.HasPrefix(name, ":") || !isHeaderKey(name) {
		c.add(diag.CodeHeaderName, at, "%q is not a header name", name).WithHint("letters, digits and any of !#$%%&'*+-.^_`|~")
	}
}

// outputHeader checks a header that hands claims to backends. Envoy removes a client's value
// of it first; of Host that is the authority, without which no rule about hosts matches.
func (c jwtRuleChecker) outputHeader(rule, at Path, name string, writers map[string]Path) {
	name = strings.ToLower(name)
	if name == "host" {
		c.add(diag.CodeHeaderName, at, "claims cannot be handed over in the header Host").WithHint("a header of their own")
	}
	switch first, again := writers[name]; {
	case again && first.String() == rule.String():
		c.add(diag.CodeOutputHeader, at, "the header %s is written twice by this rule", name).WithHint("give each output its own header")
	case again:
		c.add(diag.CodeOutputHeader, at, "the header %s is written by %s too; a backend cannot tell whose claim it gets", name, first).
			WithHint("give each its own header, unless both mean the same")
	default:
		writers[name] = rule
	}
}

// isHeaderName mirrors what Istio's CRD takes in outputClaimToHeaders.
func isHeaderName(s string) bool {
	for i := range len(s) {
		if b := s[i]; !isAlphanumeric(b) && b != '-' && b != '_' {
			return false
		}
	}
	return s != ""
}

func isAlphanumeric(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9'
}
