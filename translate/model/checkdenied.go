package model

import (
	"slices"

	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// deniedAnyway warns of ALLOW rules of which a DENY rule takes every request: DENY comes first, so
// nothing is excepted from it by ALLOW.
func (c policyChecks) deniedAnyway() diag.List {
	denying := c.denyRules()
	var out diag.List
	for _, policy := range c.authorizations {
		spec := policy.Spec.(*securityv1beta1.AuthorizationPolicy)
		if !decides(policy) || spec.GetAction() != securityv1beta1.AuthorizationPolicy_ALLOW || c.Model.unserved[policy] {
			continue
		}
		at := c.scopesOf(policy)
		for i, rule := range spec.GetRules() {
			n := slices.IndexFunc(denying, func(d denyRule) bool { return c.cover.spend() && d.applies(at) && c.cover.rule(d.rule, rule) })
			if n >= 0 {
				by := denying[n]
				out = append(out, diagnosticAt(diag.CodeAllowDenied, policy, rulePath(i), "the DENY rule at %s, of policy %s/%s, takes every request that this rule allows; DENY comes first, so it allows nothing",
					by.policy.Origin.At(rulePath(by.index)), by.policy.Namespace, by.policy.Name).
					WithHint("except them in the DENY rule, with notHosts, notPaths or another condition, or take one of the two out"))
			}
		}
	}
	return out
}

// denyRule is a rule that denies, and where it does.
type denyRule struct {
	policy *resource.Resource
	index  int
	rule   *securityv1beta1.Rule
	at     []workloadScope
}

func (c policyChecks) denyRules() []denyRule {
	var out []denyRule
	for _, policy := range c.authorizations {
		spec := policy.Spec.(*securityv1beta1.AuthorizationPolicy)
		if !decides(policy) || spec.GetAction() != securityv1beta1.AuthorizationPolicy_DENY {
			continue
		}
		for i, rule := range spec.GetRules() {
			out = append(out, denyRule{policy, i, rule, c.scopesOf(policy)})
		}
	}
	return out
}

// applies reports whether the rule applies wherever a policy of these scopes does.
func (d denyRule) applies(to []workloadScope) bool {
	return len(to) > 0 && !slices.ContainsFunc(to, func(t workloadScope) bool {
		return !slices.ContainsFunc(d.at, func(s workloadScope) bool { return s.includes(t) })
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
