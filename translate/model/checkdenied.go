package model

import (
	"slices"

	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
)

// deniedAnyway warns of ALLOW rules of which a DENY rule takes every request: DENY comes first, so
// nothing is excepted from it by ALLOW.
func (c policyChecks) deniedAnyway() diag.List {
	var denying []denyRule
	var out diag.List
	for _, policy := range c.authorizations {
		spec := policy.Spec.(*securityv1beta1.AuthorizationPolicy)
		if spec.GetAction() != securityv1beta1.AuthorizationPolicy_ALLOW || !decides(policy.Resource) || c.appliesToNone(policy) {
			continue
		}
		if denying == nil {
			denying = c.denyRules()
		}
		for i, rule := range spec.GetRules() {
			n := slices.IndexFunc(denying, func(d denyRule) bool {
				return c.cover.spend() && d.applies(policy.scopes) && c.cover.rule(d.rule, rule)
			})
			if n >= 0 {
				by := denying[n]
				out = append(out, diagnosticAt(diag.CodeAllowDenied, policy.Resource, rulePath(i), "the DENY rule at %s, of policy %s/%s, takes every request that this rule allows; DENY comes first, so it allows nothing",
					by.policy.Origin.At(rulePath(by.index)), by.policy.Namespace, by.policy.Name).
					WithHint("except them in the DENY rule, with notHosts, notPaths or another condition, or take one of the two out"))
			}
		}
	}
	return out
}

// denyRule is a rule that denies, and where it does.
type denyRule struct {
	policy *attached
	index  int
	rule   *securityv1beta1.Rule
}

// denyRules returns the rules that deny; it is never nil.
func (c policyChecks) denyRules() []denyRule {
	out := make([]denyRule, 0, len(c.authorizations))
	for _, policy := range c.authorizations {
		spec := policy.Spec.(*securityv1beta1.AuthorizationPolicy)
		if spec.GetAction() != securityv1beta1.AuthorizationPolicy_DENY || !decides(policy.Resource) {
			continue
		}
		for i, rule := range spec.GetRules() {
			out = append(out, denyRule{policy, i, rule})
		}
	}
	return out
}

// applies reports whether the rule applies wherever a policy of these scopes does.
func (d denyRule) applies(to []workloadScope) bool {
	return len(to) > 0 && !slices.ContainsFunc(to, func(t workloadScope) bool {
		return !slices.ContainsFunc(d.policy.scopes, func(s workloadScope) bool { return s.includes(t) })
	})
}

// includes reports whether every workload of the other scope is one of this.
func (s workloadScope) includes(o workloadScope) bool {
	if s.namespace != "" && s.namespace != o.namespace {
		return false
	}
	for k, v := range s.labels {
		if other, ok := o.labels[k]; !ok || other != v {
			return false
		}
	}
	return true
}
