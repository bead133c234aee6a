package policy

import (
	"fmt"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// rbacFilter renders the policies of one action for HTTP, merged into one filter as Istio
// does, and where each of its rules comes from. Without a policy of the action the filter is
// empty and lets everything pass.
func rbacFilter(policies []*resource.Resource, action securityv1beta1.AuthorizationPolicy_Action, as reading) (*rbachttpv3.RBAC, map[string]diag.Position) {
	s, trace := ruleSetsOf(policies, action, as)
	return &rbachttpv3.RBAC{Rules: s.enforced, ShadowRules: s.shadow, ShadowRulesStatPrefix: s.prefix}, trace
}

// ruleSets is what a filter enforces, what it only reports, and the prefix of the latter's
// statistics. A set that is nil does nothing; one that is there and empty denies everything.
type ruleSets struct {
	enforced, shadow *rbacv3.RBAC
	prefix           string
}

// ruleSetsOf renders the policies of one action, and where each of the rules comes from.
//
// Nothing is left out but what the reading says: policies have been validated, and what
// validation should have refused renders as something that matches nobody in ALLOW and
// everybody otherwise.
func ruleSetsOf(policies []*resource.Resource, action securityv1beta1.AuthorizationPolicy_Action, as reading) (ruleSets, map[string]diag.Position) {
	trace := map[string]diag.Position{}
	var enforced, shadow map[string]*rbacv3.Policy
	for _, p := range policies {
		spec := p.Spec.(*securityv1beta1.AuthorizationPolicy)
		if spec.GetAction() != action {
			continue
		}
		into := &enforced
		if p.DryRun() {
			into = &shadow
		}
		if *into == nil {
			*into = map[string]*rbacv3.Policy{}
		}
		addRules(*into, trace, p, spec, as)
	}
	var out ruleSets
	if enforced == nil && shadow == nil {
		return out, trace
	}
	// Istio computes the prefix from a message whose action is ALLOW unless there are
	// shadow rules, so it stands on every filter.
	out.prefix = "istio_dry_run_allow_"
	if enforced != nil {
		out.enforced = &rbacv3.RBAC{Action: rbacAction(action), Policies: enforced}
	}
	if shadow != nil {
		out.shadow = &rbacv3.RBAC{Action: rbacAction(action), Policies: shadow}
		if action == securityv1beta1.AuthorizationPolicy_DENY {
			out.prefix = "istio_dry_run_deny_"
		}
	}
	return out, trace
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

func addRules(into map[string]*rbacv3.Policy, trace map[string]diag.Position, p *resource.Resource, spec *securityv1beta1.AuthorizationPolicy, as reading) {
	if len(spec.GetRules()) == 0 {
		// An ALLOW policy without rules allows nothing: it matches nobody, and by being
		// there it denies whatever no other ALLOW policy allows.
		key := ruleKey(p, 0)
		into[key] = noRules(spec.GetAction())
		trace[key] = p.Origin.At(resource.Path{"spec"})
	}
	for i, written := range spec.GetRules() {
		key := ruleKey(p, i)
		if !compilable(written) {
			into[key], trace[key] = failClosed(spec.GetAction()), p.Origin.At(resource.Path{"spec", "rules", i})
			continue
		}
		rule, ok := as.layer(written, spec.GetAction())
		if !ok {
			continue
		}
		made, fields := ruleOf(rule, p.Namespace, spec.GetAction(), as)
		into[key], trace[key] = made, p.Origin.At(resource.Path{"spec", "rules", i})
		if rule == written { // of which parts are left out the fields stand at other places
			fields.traceTo(trace, key, func(field resource.Path) diag.Position {
				return p.Origin.At(resource.Path{"spec", "rules", i}.Field(field...))
			})
		}
	}
}

// ruleKey is the name that Envoy reports when the rule decides.
func ruleKey(p *resource.Resource, index int) string {
	return fmt.Sprintf("ns[%s]-policy[%s]-rule[%d]", p.Namespace, p.Name, index)
}
