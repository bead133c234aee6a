package model

import (
	"strings"

	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// tokenSide is what the policies say about tokens.
type tokenSide struct {
	// verifying finds the RequestAuthentications that have rules.
	verifying *index
	// issuers are those of the rules, by namespace of the policy; "" stands for a rule that takes any.
	issuers map[string]map[string]bool
	// allIssuers are those of every namespace.
	allIssuers map[string]bool
	// sameIssuer and sameHeader find the RequestAuthentications, looked at so far, that have
	// an issuer or write a header.
	sameIssuer, sameHeader map[string]*index
	// of are the RequestAuthentications, requiring the names of the workloads on which something asks for a token, and
	// found what the checks found of both.
	of        []*attached
	requiring []string
	found     diag.List
}

func (c *checks) newTokenSide() *tokenSide {
	out := &tokenSide{verifying: newIndex(), issuers: map[string]map[string]bool{}, allIssuers: map[string]bool{}, sameIssuer: map[string]*index{}, sameHeader: map[string]*index{}, of: c.authentications, requiring: c.requiring.names}
	for _, policy := range c.authentications {
		rules := policy.Spec.(*securityv1beta1.RequestAuthentication).GetJwtRules()
		if len(rules) > 0 {
			out.verifying.add(policy.Resource, policy.scopes...)
		}
		for _, rule := range rules {
			if out.issuers[policy.Namespace] == nil {
				out.issuers[policy.Namespace] = map[string]bool{}
			}
			out.issuers[policy.Namespace][rule.GetIssuer()] = true
			out.allIssuers[rule.GetIssuer()] = true
		}
	}
	return out
}

func (c *checks) newRequiring() *index {
	out := newIndex()
	for _, policy := range c.authorizations {
		if policy.asksForToken {
			out.add(policy.Resource, policy.scopes...)
		}
	}
	return out
}

// tokenFindings warns of what RequestAuthentications make together.
func (c policyChecks) tokenFindings() diag.List {
	var out diag.List
	for _, policy := range c.authentications {
		out = append(out, c.authentication(policy)...)
	}
	return append(out, c.claimHeaders()...)
}

// decides reports a policy that can refuse a request.
func decides(policy *resource.Resource) bool {
	if policy.DryRun() {
		return false
	}
	switch policy.Spec.(*securityv1beta1.AuthorizationPolicy).GetAction() {
	case securityv1beta1.AuthorizationPolicy_ALLOW, securityv1beta1.AuthorizationPolicy_DENY:
		return true
	default:
		return false
	}
}

// use is a value of a policy at its place.
type use struct {
	path  resource.Path
	value string
}

const authKeys = "request.auth."

// tokenUses returns the first value of each field and the key of each condition about tokens.
func tokenUses(spec *securityv1beta1.AuthorizationPolicy) []use {
	return uses(spec, tokenFields, func(key string) bool { return strings.HasPrefix(key, authKeys) })
}

func tokenFields(s *securityv1beta1.Source) []field {
	return []field{{"requestPrincipals", s.GetRequestPrincipals()}, {"notRequestPrincipals", s.GetNotRequestPrincipals()}}
}

// field is a list of values by its name.
type field struct {
	name   string
	values []string
}

// uses returns the first value of each of the fields of all sources, and the key of each
// condition that is meant.
func uses(spec *securityv1beta1.AuthorizationPolicy, fields func(*securityv1beta1.Source) []field, key func(string) bool) []use {
	var out []use
	for i, rule := range spec.GetRules() {
		path := resource.Path{"spec", "rules", i}
		for j, from := range rule.GetFrom() {
			for _, f := range fields(from.GetSource()) {
				if len(f.values) > 0 {
					out = append(out, use{path.Field("from", j, "source", f.name, 0), f.values[0]})
				}
			}
		}
		for j, when := range rule.GetWhen() {
			if key(when.GetKey()) {
				out = append(out, use{path.Field("when", j, "key"), when.GetKey()})
			}
		}
	}
	return out
}

// authentication warns of a RequestAuthentication beside which nothing asks for a token,
// and of what several say twice.
func (c policyChecks) authentication(policy *attached) diag.List {
	rules := policy.Spec.(*securityv1beta1.RequestAuthentication).GetJwtRules()
	at := policy.scopes
	if len(rules) == 0 || len(at) == 0 {
		return nil
	}
	out := c.twice(policy.Resource, rules, at)
	if !requiresToken(rules) && c.requiring.find(at...) == nil && !c.settings.Broken.authorization(policy.Resource, c.settings.RootNamespace) {
		out = append(out, tokenOptional(policy.Resource))
	}
	return out
}

// twice warns of issuers and headers that an earlier RequestAuthentication has too which
// can apply to the same gateway.
func (c policyChecks) twice(policy *resource.Resource, rules []*securityv1beta1.JWTRule, at []workloadScope) diag.List {
	var out diag.List
	issuers, headers := map[string]bool{}, map[string]bool{}
	for i, rule := range rules {
		path := resource.Path{"spec", "jwtRules", i}
		if issuer := rule.GetIssuer(); issuer != "" && !issuers[issuer] {
			issuers[issuer] = true
			if other := entryOf(c.sameIssuer, issuer).find(at...); other != nil {
				out = append(out, diagnosticAt(diag.CodeIssuerElsewhere, policy, path.Field("issuer"), "%q is an issuer of %s too; a token that satisfies either rule is accepted", issuer, other.Key).
					WithHint("keep one of them, unless both are meant"))
			}
		}
		for _, header := range outputHeaders(path, rule) {
			name := resource.FoldedHeader(header.value)
			if headers[name] {
				continue
			}
			headers[name] = true
			if other := entryOf(c.sameHeader, name).find(at...); other != nil {
				out = append(out, diagnosticAt(diag.CodeHeaderElsewhere, policy, header.path, "%s writes the header %s too; a backend cannot tell whose claim it gets", other.Key, header.value).
					WithHint("give each its own header, unless both mean the same"))
			}
		}
	}
	for issuer := range issuers {
		c.sameIssuer[issuer].add(policy, at...)
	}
	for header := range headers {
		c.sameHeader[header].add(policy, at...)
	}
	return out
}

func entryOf(m map[string]*index, name string) *index {
	if m[name] == nil {
		m[name] = newIndex()
	}
	return m[name]
}

func outputHeaders(path resource.Path, rule *securityv1beta1.JWTRule) []use {
	var out []use
	if h := rule.GetOutputPayloadToHeader(); h != "" {
		out = append(out, use{path.Field("outputPayloadToHeader"), h})
	}
	for i, o := range rule.GetOutputClaimToHeaders() {
		out = append(out, use{path.Field("outputClaimToHeaders", i, "header"), o.GetHeader()})
	}
	return out
}

// tokens warns of a policy about tokens that nothing verifies.
func (c policyChecks) tokens(policy *resource.Resource, spec *securityv1beta1.AuthorizationPolicy, at []workloadScope) diag.List {
	found := tokenUses(spec)
	if len(found) == 0 || len(at) == 0 || c.settings.Broken.authentication(policy, c.settings.RootNamespace) {
		return nil
	}
	if c.verifying.find(at...) == nil {
		return diag.List{diagnosticAt(diag.CodeNoAuthentication, policy, found[0].path, "no RequestAuthentication applies where this policy does, so no request has a token there").
			WithHint("add a RequestAuthentication with the same selector, in the same namespace")}
	}
	return c.issuersOf(policy, spec)
}

// issuersOf warns of request principals with an issuer that no rule has.
func (c policyChecks) issuersOf(policy *resource.Resource, spec *securityv1beta1.AuthorizationPolicy) diag.List {
	var out diag.List
	for _, principal := range requestPrincipals(spec) {
		p := resource.ReadRequestPrincipal(principal.value)
		if !p.Slash || p.Issuer == "" || strings.HasPrefix(p.Issuer, "*") {
			continue
		}
		// Without a subject, or cut out of the middle of an address, it is reported by itself.
		if p.Subject == "" || p.InAddress() || c.knowsIssuer(policy.Namespace, p.Issuer) {
			continue
		}
		out = append(out, diagnosticAt(diag.CodeUnknownIssuer, policy, principal.path, "no RequestAuthentication takes tokens of the issuer %q", p.Issuer).
			WithHint("%s", c.meant(slip{"issuer of " + policy.Namespace, p.Issuer}, c.issuersFor(policy.Namespace), "write the issuer as its jwtRule has it, then / and the subject")))
	}
	return out
}

// requestPrincipals returns all values that are compared with issuer and subject.
func requestPrincipals(spec *securityv1beta1.AuthorizationPolicy) []use {
	var out []use
	add := func(path resource.Path, values []string) {
		for i, v := range values {
			out = append(out, use{path.Field(i), v})
		}
	}
	for i, rule := range spec.GetRules() {
		path := resource.Path{"spec", "rules", i}
		for j, from := range rule.GetFrom() {
			add(path.Field("from", j, "source", "requestPrincipals"), from.GetSource().GetRequestPrincipals())
			add(path.Field("from", j, "source", "notRequestPrincipals"), from.GetSource().GetNotRequestPrincipals())
		}
		for j, when := range rule.GetWhen() {
			if when.GetKey() == authKeys+"principal" {
				add(path.Field("when", j, "values"), when.GetValues())
				add(path.Field("when", j, "notValues"), when.GetNotValues())
			}
		}
	}
	return out
}

// knowsIssuer reports whether a token of the issuer can be accepted where policies of the
// namespace apply.
func (c policyChecks) knowsIssuer(namespace, issuer string) bool {
	if namespace == c.settings.RootNamespace {
		return c.allIssuers[issuer] || c.allIssuers[""]
	}
	root, own := c.issuers[c.settings.RootNamespace], c.issuers[namespace]
	return root[issuer] || own[issuer] || root[""] || own[""]
}

// issuersFor returns the issuers that were probably meant in a namespace.
func (c policyChecks) issuersFor(namespace string) map[string]bool {
	if len(c.issuers[namespace]) > 0 {
		return c.issuers[namespace]
	}
	return c.issuers[c.settings.RootNamespace]
}
