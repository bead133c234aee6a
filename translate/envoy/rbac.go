package envoy

import (
	"fmt"
	"strconv"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// rbacFilter renders the policies of one action, merged into one filter as Istio does, and
// where each of its rules comes from. Without a policy of the action the filter is empty
// and lets everything pass.
//
// Nothing is ever left out: policies have been validated, and what validation should have
// refused renders as something that matches nobody in ALLOW.
func rbacFilter(policies []*resource.Resource, action securityv1beta1.AuthorizationPolicy_Action) (*rbachttpv3.RBAC, map[string]diag.Position) {
	filter, trace := &rbachttpv3.RBAC{}, map[string]diag.Position{}
	var enforced, shadow map[string]*rbacv3.Policy
	for _, p := range policies {
		spec := p.Spec.(*securityv1beta1.AuthorizationPolicy)
		if spec.GetAction() != action {
			continue
		}
		into := &enforced
		if dryRun(p) {
			into = &shadow
		}
		if *into == nil {
			*into = map[string]*rbacv3.Policy{}
		}
		addRules(*into, trace, p, spec)
	}
	if enforced == nil && shadow == nil {
		return filter, trace
	}
	// Istio computes the prefix from a message whose action is ALLOW unless there are
	// shadow rules, so it stands on every filter.
	filter.ShadowRulesStatPrefix = "istio_dry_run_allow_"
	if enforced != nil {
		filter.Rules = &rbacv3.RBAC{Action: rbacAction(action), Policies: enforced}
	}
	if shadow != nil {
		filter.ShadowRules = &rbacv3.RBAC{Action: rbacAction(action), Policies: shadow}
		if action == securityv1beta1.AuthorizationPolicy_DENY {
			filter.ShadowRulesStatPrefix = "istio_dry_run_deny_"
		}
	}
	return filter, trace
}

func rbacAction(action securityv1beta1.AuthorizationPolicy_Action) rbacv3.RBAC_Action {
	switch action {
	case securityv1beta1.AuthorizationPolicy_DENY:
		return rbacv3.RBAC_DENY
	case securityv1beta1.AuthorizationPolicy_AUDIT:
		return rbacv3.RBAC_LOG
	default:
		return rbacv3.RBAC_ALLOW
	}
}

func dryRun(p *resource.Resource) bool {
	on, err := strconv.ParseBool(p.Annotations[resource.DryRunAnnotation])
	return err == nil && on
}

func addRules(into map[string]*rbacv3.Policy, trace map[string]diag.Position, p *resource.Resource, spec *securityv1beta1.AuthorizationPolicy) {
	if len(spec.GetRules()) == 0 {
		// An ALLOW policy without rules allows nothing: it matches nobody, and by being
		// there it denies whatever no other ALLOW policy allows.
		key := ruleKey(p, 0)
		into[key] = &rbacv3.Policy{Permissions: []*rbacv3.Permission{notRule(anything())}, Principals: []*rbacv3.Principal{notID(everybody())}}
		trace[key] = p.Origin.At(resource.Path{"spec"})
	}
	for i, rule := range spec.GetRules() {
		key := ruleKey(p, i)
		into[key] = &rbacv3.Policy{Permissions: permissions(rule), Principals: principals(rule, p.Namespace)}
		trace[key] = p.Origin.At(resource.Path{"spec", "rules", i})
	}
}

// ruleKey is the name that Envoy reports when the rule decides.
func ruleKey(p *resource.Resource, index int) string {
	return fmt.Sprintf("ns[%s]-policy[%s]-rule[%d]", p.Namespace, p.Name, index)
}
