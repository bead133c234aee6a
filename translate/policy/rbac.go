package policy

import (
	"fmt"
	"slices"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// config makes the message of a filter of the rules of a set. Without a policy of the action the filter is
// empty and lets everything pass.
func (f form) config(s *ruleSet) proto.Message {
	if s.of.action == securityv1beta1.AuthorizationPolicy_CUSTOM {
		return f.asking(s)
	}
	enforced, shadow, prefix := s.enforcing()
	if f == connections {
		out := emptyNetworkRBAC()
		out.Rules, out.ShadowRules, out.ShadowRulesStatPrefix = enforced, shadow, prefix
		return out
	}
	return &rbachttpv3.RBAC{Rules: enforced, ShadowRules: shadow, ShadowRulesStatPrefix: prefix}
}

// enforcing returns what a filter enforces, what it only reports, and the prefix of the latter's
// statistics. What is nil does nothing; rules that are there and empty deny everything where they allow.
func (s *ruleSet) enforcing() (rules, shadow *rbacv3.RBAC, prefix string) {
	if s.rules[enforced] == nil && s.rules[dryRun] == nil {
		return nil, nil, ""
	}
	// Istio computes the prefix from a message whose action is ALLOW unless there are
	// shadow rules, so it stands on every filter.
	prefix = "istio_dry_run_allow_"
	if s.rules[enforced] != nil {
		rules = &rbacv3.RBAC{Action: rbacAction(s.of.action), Policies: s.rules[enforced]}
	}
	if s.rules[dryRun] != nil {
		shadow = &rbacv3.RBAC{Action: rbacAction(s.of.action), Policies: s.rules[dryRun]}
		if s.of.action == securityv1beta1.AuthorizationPolicy_DENY {
			prefix = "istio_dry_run_deny_"
		}
	}
	return rules, shadow, prefix
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

// make makes the rules of one policy.
//
// Nothing is left out but what the reading says: policies have been validated, and what
// validation should have refused renders as something that matches nobody in ALLOW and
// everybody otherwise.
func (of setOf) make(p *resource.Resource) *made {
	if of.form == parts {
		return partsOf(p)
	}
	spec := p.Spec.(*securityv1beta1.AuthorizationPolicy)
	out := &made{}
	if p.DryRun() && of.action != securityv1beta1.AuthorizationPolicy_CUSTOM {
		out.kind = dryRun
	}
	if len(spec.GetRules()) == 0 {
		// An ALLOW policy without rules allows nothing: it matches nobody, and by being
		// there it denies whatever no other ALLOW policy allows.
		out.rules = []namedRule{{name: of.ruleKey(p, 0), policy: noRules(spec.GetAction()), at: p.Origin.At(resource.Path{"spec"})}}
	}
	for i, written := range spec.GetRules() {
		if r, ok := of.rule(p, i, written); ok {
			out.rules = append(out.rules, r)
		}
	}
	out.rules = slices.Clip(out.rules)
	return out
}

// rule makes one rule, or reports false where nothing may be made of it.
func (of setOf) rule(p *resource.Resource, index int, written *securityv1beta1.Rule) (namedRule, bool) {
	as := of.form.reading()
	as.conditions = of.conditions
	path := resource.Path{"spec", "rules", index}
	out := namedRule{name: of.ruleKey(p, index), at: p.Origin.At(path)}
	if !compilable(written) {
		out.policy = failClosed(of.action)
		return out, true
	}
	rule, ok := as.layer(written, of.action)
	if !ok {
		return namedRule{}, false
	}
	var fields clauseFields
	out.policy, fields = ruleOf(rule, p.Namespace, of.action, as)
	if of.conditions && rule == written { // of which parts are left out the fields stand at other places
		out.conditions = fields.places(func(field resource.Path) diag.Position { return p.Origin.At(path.Field(field...)) })
	}
	of.forEachToken(&out)
	return out, true
}

// ruleKey is the name that Envoy reports when the rule decides.
func (of setOf) ruleKey(p *resource.Resource, index int) string {
	out := fmt.Sprintf("ns[%s]-policy[%s]-rule[%d]", p.Namespace, p.Name, index)
	if of.action == securityv1beta1.AuthorizationPolicy_CUSTOM {
		return customPrefix + of.provider + "-" + out
	}
	return out
}
