package resource

import (
	"strconv"

	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
)

// DryRunAnnotation makes an ALLOW or DENY policy report its verdict without enforcing it.
const DryRunAnnotation = "istio.io/dry-run"

// maxRules is the API's bound of the rules of a policy and of the entries of a rule.
const maxRules = 512

// authorizationPolicyChecker checks an AuthorizationPolicy; its rules are left to
// [authorizationRuleChecker].
type authorizationPolicyChecker struct{ valueChecker }

// checkAuthorizationPolicy holds an AuthorizationPolicy against the rules of Istio's
// webhook and of its CRD; where they differ the stricter one wins.
func checkAuthorizationPolicy(v valueChecker, m proto.Message) {
	c := authorizationPolicyChecker{v}
	spec := m.(*securityv1beta1.AuthorizationPolicy)
	attachmentChecker{c.valueChecker}.attachment(spec)
	c.action(spec)
	c.dryRun(spec)
	c.splitRules(spec.GetRules())
	c.atMost(Path{"spec", "rules"}, len(spec.GetRules()), maxRules)
	for i, rule := range spec.GetRules() {
		path := Path{"spec", "rules", i}
		authorizationRuleChecker{c.valueChecker}.rule(path, rule)
		switch spec.GetAction() {
		case securityv1beta1.AuthorizationPolicy_CUSTOM:
			authorizationRuleChecker{c.valueChecker}.customRule(path, rule)
		case securityv1beta1.AuthorizationPolicy_DENY:
			authorizationRuleChecker{c.valueChecker}.denyRule(path, rule)
		}
	}
}

// action checks what goes with the action.
func (c authorizationPolicyChecker) action(spec *securityv1beta1.AuthorizationPolicy) {
	action, at := spec.GetAction(), Path{"spec", "action"}
	custom := action == securityv1beta1.AuthorizationPolicy_CUSTOM
	noRules := len(spec.GetRules()) == 0 && !c.unknown["spec"]
	switch {
	case custom && noRules:
		c.add(diag.CodeCustomRules, at, "a CUSTOM policy without rules asks its provider about nothing").WithHint("rules: [{}] asks about every request")
	case action == securityv1beta1.AuthorizationPolicy_DENY && noRules:
		c.add(diag.CodeRulesMissing, at, "a DENY policy without rules denies nothing").WithHint("rules: [{}] denies every request")
	}
	if custom && spec.GetProvider().GetName() == "" && !c.unknown["spec"] {
		c.addMissing(diag.CodeProviderName, c.deepest(Path{"spec"}, "provider"), "a CUSTOM policy needs a provider").WithHint("provider: {name: …}, one of the mesh configuration's extensionProviders")
	}
	if spec.GetProvider() != nil && !custom {
		c.addKey(diag.CodeProvider, Path{"spec", "provider"}, "an %s policy has no provider", action).WithHint("take it out, or set action: CUSTOM")
	}
}

func (c authorizationPolicyChecker) dryRun(spec *securityv1beta1.AuthorizationPolicy) {
	value, ok := c.meta.annotations[DryRunAnnotation]
	if !ok {
		return
	}
	path := Path{"metadata", "annotations", DryRunAnnotation}
	on, err := strconv.ParseBool(value)
	if err != nil {
		c.add(diag.CodeDryRun, path, "%q is neither true nor false", value).WithHint(`"true" or "false"`)
	}
	switch spec.GetAction() {
	case securityv1beta1.AuthorizationPolicy_ALLOW, securityv1beta1.AuthorizationPolicy_DENY:
		if on {
			c.add(diag.CodeDryRunActive, path, "the policy is a dry run: it reports what it would decide and enforces nothing").WithHint("remove the annotation to enforce it")
		}
	default:
		c.addKey(diag.CodeDryRun, path, "a dry run is not possible with the action %s", spec.GetAction()).WithHint("remove the annotation; ALLOW and DENY can have it")
	}
}

func (c authorizationRuleChecker) rule(path Path, rule *securityv1beta1.Rule) {
	// Of a list that is written and empty nobody knows whether it stands for anybody or for
	// nobody. It would be anybody, which is wider.
	for _, f := range []struct {
		name string
		n    int
	}{{"from", len(rule.GetFrom())}, {"to", len(rule.GetTo())}} {
		if at := path.Field(f.name); f.n == 0 && c.written(at) {
			c.add(diag.CodeEmptyRule, at, "%s is an empty list, which would match every request", at).WithHint("give it an entry, or take it out")
		}
	}
	c.atMost(path.Field("from"), len(rule.GetFrom()), maxRules)
	for i, from := range rule.GetFrom() {
		c.source(path.Field("from", i), from.GetSource())
	}
	for i, to := range rule.GetTo() {
		c.operation(path.Field("to", i), to.GetOperation())
	}
	for i, when := range rule.GetWhen() {
		ruleValueChecker{c.valueChecker}.condition(path.Field("when", i), when)
	}
}

// customRule refuses identities in a CUSTOM policy: its provider is asked before the
// token is verified, so they are not known yet.
func (c authorizationRuleChecker) customRule(path Path, rule *securityv1beta1.Rule) {
	for i, from := range rule.GetFrom() {
		for _, f := range identityFields(from.GetSource()) {
			if len(f.values) > 0 {
				c.addKey(diag.CodeCustomSource, path.Field("from", i, "source", f.name), "%s cannot stand in a CUSTOM policy: the provider is asked before identities are known", f.name).
					WithHint("use ipBlocks, remoteIpBlocks, or what the operation has")
			}
		}
	}
	for i, when := range rule.GetWhen() {
		if identityKey(when.GetKey()) {
			c.add(diag.CodeCustomCondition, path.Field("when", i, "key"), "%s cannot stand in a CUSTOM policy: the provider is asked before identities are known", when.GetKey()).
				WithHint("use a key that is not about an identity, such as request.headers[…]")
		}
	}
}

// denyRule warns where a DENY rule is wider than it reads. A TCP or TLS passthrough server
// has no HTTP fields; there they are left out of the rule, which then denies more.
func (c authorizationRuleChecker) denyRule(path Path, rule *securityv1beta1.Rule) {
	if !httpOnly(rule) {
		return
	}
	c.add(diag.CodeDenyTCP, path, "the rule has HTTP fields and no ports; on a TCP or TLS passthrough server it denies every connection that its other fields match").
		WithHint("if the workload has such a server, add the HTTP server's ports to the operation")
}

func httpOnly(rule *securityv1beta1.Rule) bool {
	for _, to := range rule.GetTo() {
		if o := to.GetOperation(); len(o.GetPorts())+len(o.GetNotPorts()) == 0 {
			return true
		}
	}
	if len(rule.GetTo()) > 0 {
		return false
	}
	for _, from := range rule.GetFrom() {
		s := from.GetSource()
		if len(s.GetRequestPrincipals())+len(s.GetNotRequestPrincipals()) > 0 && !hasTCP(s) {
			return true
		}
	}
	return false
}

// hasTCP reports whether a source has a field that a TCP connection has too.
func hasTCP(s *securityv1beta1.Source) bool {
	return len(s.GetPrincipals())+len(s.GetNotPrincipals())+len(s.GetNamespaces())+len(s.GetNotNamespaces())+
		len(s.GetServiceAccounts())+len(s.GetNotServiceAccounts())+len(s.GetTrustDomains())+len(s.GetNotTrustDomains())+
		len(s.GetIpBlocks())+len(s.GetNotIpBlocks())+len(s.GetRemoteIpBlocks())+len(s.GetNotRemoteIpBlocks()) > 0
}
