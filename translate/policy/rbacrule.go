package policy

import (
	"slices"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	"github.com/portreeve/portreeve/translate/resource"
	securityv1beta1 "istio.io/api/security/v1beta1"
)

// ruleOf renders one compilable rule of a policy. A rule of which anything cannot be compiled, which
// validation should have refused, allows nobody and denies (or reports, or asks about)
// everybody: leaving out the part that is wrong would open what the rule keeps shut.
func ruleOf(rule *securityv1beta1.Rule, namespace string, action securityv1beta1.AuthorizationPolicy_Action, as reading) (*rbacv3.Policy, clauseFields) {
	var fields clauseFields
	if as.conditions {
		fields = clauseFields{}
	}
	out := &rbacv3.Policy{Permissions: permissions(rule, as.operation(action), fields), Principals: principals(rule, namespace, fields)}
	if slices.Contains(out.GetPermissions(), nil) || slices.Contains(out.GetPrincipals(), nil) {
		return failClosed(action), nil
	}
	return out, fields
}

// noRules is what stands for a policy without rules. It matches nobody, except where that
// would open what validation lets nobody leave open.
func noRules(action securityv1beta1.AuthorizationPolicy_Action) *rbacv3.Policy {
	switch action {
	case securityv1beta1.AuthorizationPolicy_DENY, securityv1beta1.AuthorizationPolicy_CUSTOM:
		return failClosed(action)
	default:
		return matchNobody()
	}
}

func failClosed(action securityv1beta1.AuthorizationPolicy_Action) *rbacv3.Policy {
	if action == securityv1beta1.AuthorizationPolicy_ALLOW {
		return matchNobody()
	}
	return &rbacv3.Policy{Permissions: []*rbacv3.Permission{anything()}, Principals: []*rbacv3.Principal{everybody()}}
}

func matchNobody() *rbacv3.Policy {
	return &rbacv3.Policy{Permissions: []*rbacv3.Permission{notRule(anything())}, Principals: []*rbacv3.Principal{notID(everybody())}}
}

// compilable reports whether every entry of a rule says something: an entry without a field
// would match everything, and a condition whose key nobody knows, or without values, nothing
// in particular.
func compilable(rule *securityv1beta1.Rule) bool {
	if rule == nil {
		return false
	}
	for _, f := range rule.GetFrom() {
		var c idClauses
		if c.source(ruleField{}, f.GetSource(), ""); len(c.parts) == 0 {
			return false
		}
	}
	for _, t := range rule.GetTo() {
		var c ruleClauses
		if c.operation(ruleField{}, t.GetOperation(), asWritten(0)); len(c.parts) == 0 {
			return false
		}
	}
	for _, w := range rule.GetWhen() {
		key, _ := resource.ReadWhenKey(w.GetKey())
		known := conditionID(key, "") != nil || conditionRule(key) != nil
		if !known || len(w.GetValues())+len(w.GetNotValues()) == 0 {
			return false
		}
	}
	return true
}

// nonEmpty compiles the values of a field, or gives nil where one of them is empty.
func nonEmpty[T any](compile func([]string) *T, values []string) *T {
	if slices.Contains(values, "") {
		return nil
	}
	return compile(values)
}
