package resource

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
)

// DryRunAnnotation makes an ALLOW or DENY policy report its verdict without enforcing it.
const DryRunAnnotation = "istio.io/dry-run"

// maxRules is the API's bound of the rules of a policy and of the entries of a rule.
const maxRules = 512

// authorizationPolicyFields are the fields that count. One that a newer API adds is refused until it
// does: a rule without it would say something else, and a DENY perhaps nothing.
func authorizationPolicyFields() []string {
	out := append(attachmentFields(), "action", "provider.name", "rules.when.key", "rules.when.values", "rules.when.notValues")
	for _, name := range []string{"principals", "requestPrincipals", "namespaces", "serviceAccounts", "ipBlocks", "remoteIpBlocks", "trustDomains"} {
		out = append(out, "rules.from.source."+name, "rules.from.source."+negated(name))
	}
	for _, name := range []string{"hosts", "ports", "methods", "paths"} {
		out = append(out, "rules.to.operation."+name, "rules.to.operation."+negated(name))
	}
	return out
}

// negated is the name of the field that rules out what the other one asks for.
func negated(field string) string { return "not" + strings.ToUpper(field[:1]) + field[1:] }

// authorizationPolicyChecker checks an AuthorizationPolicy; its rules are left to
// [authorizationRuleChecker].
type authorizationPolicyChecker struct{ valueChecker }

// checkAuthorizationPolicy holds an AuthorizationPolicy against the rules of Istio's
// webhook and of its CRD; where they differ the stricter one wins.
func checkAuthorizationPolicy(v valueChecker, m proto.Message) {
	c := authorizationPolicyChecker{v}
	spec := m.(*securityv1beta1.AuthorizationPolicy)
	attachmentChecker(c).attachment(spec)
	c.action(spec)
	c.dryRun(spec)
	c.splitRules(spec.GetRules())
	c.atMost(Path{"spec", "rules"}, len(spec.GetRules()), maxRules)
	for i, rule := range spec.GetRules() {
		path := Path{"spec", "rules", i}
		authorizationRuleChecker(c).rule(path, rule)
		switch spec.GetAction() {
		case securityv1beta1.AuthorizationPolicy_CUSTOM:
			authorizationRuleChecker(c).customRule(path, rule)
		case securityv1beta1.AuthorizationPolicy_DENY:
			authorizationRuleChecker(c).denyRule(path, rule)
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
