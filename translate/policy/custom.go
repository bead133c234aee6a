package policy

import (
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/resource"
)

// customFilters renders the CUSTOM policies: for each provider a filter that only finds out
// which of the provider's rules a request matches, and the filter that asks the provider.
//
// A filter that matches nothing leaves the metadata as it is, so a later provider may find
// the name of an earlier one's rule there; that does not begin with its own name.
func (m making) customFilters() []Filter {
	var out []Filter
	for _, name := range m.view.ProviderNames() {
		set := m.customRules(name, strictly(m.view))
		istio := func() *ruleSet { return m.istiosRules(name) }
		rbac := Filter{Name: CustomFilter + name, IstioName: rbacName, Config: set.config, Trace: set.trace, IstioConfig: func() proto.Message { return istio().config }}
		p, ok := m.view.Provider(name)
		if !ok {
			// Nobody can be asked, so everything that would be asked about is refused.
			// Compiling has reported it; no gateway is served this.
			rbac.Config = &rbachttpv3.RBAC{Rules: refused(set.rules[enforced])}
			rbac.IstioConfig = func() proto.Message { return &rbachttpv3.RBAC{Rules: refused(istio().rules[enforced])} }
			out = append(out, rbac)
			continue
		}
		out = append(out, rbac, Filter{
			Name: ExtAuthzFilter + name, IstioName: extAuthzName, Trace: set.trace,
			Config: extAuthz(p), IstioConfig: func() proto.Message { return istioExtAuthz(p) },
		})
	}
	return out
}

// customRules returns the rules of the policies that ask a provider, as they are read.
func (m making) customRules(provider string, as form) *ruleSet {
	of := setOf{form: as, action: securityv1beta1.AuthorizationPolicy_CUSTOM, provider: provider, conditions: m.view.Conditions}
	return m.known.ruleSet(of, m.asking(provider))
}

// istiosRules returns the rules of the policies that ask a provider as Istio reads them.
func (m making) istiosRules(provider string) *ruleSet {
	return setOf{form: istios, action: securityv1beta1.AuthorizationPolicy_CUSTOM, provider: provider}.without(m.asking(provider))
}

// asking returns the policies that ask a provider.
func (m making) asking(provider string) []*resource.Resource {
	var out []*resource.Resource
	for _, p := range m.policies[securityv1beta1.AuthorizationPolicy_CUSTOM] {
		if p.Spec.(*securityv1beta1.AuthorizationPolicy).GetProvider().GetName() == provider {
			out = append(out, p)
		}
	}
	return out
}

// asking makes the message of the filter that finds out about what a provider is asked. For connections it is empty
// where nothing is asked.
func (f form) asking(s *ruleSet) proto.Message {
	// The action says how the engine reads a match: as Istio, a rule that matches "denies".
	rules := &rbacv3.RBAC{Action: rbacv3.RBAC_DENY, Policies: s.rules[enforced]}
	if f != connections {
		return &rbachttpv3.RBAC{ShadowRules: rules, ShadowRulesStatPrefix: customStatPrefix}
	}
	out := emptyNetworkRBAC()
	if len(rules.GetPolicies()) > 0 {
		out.ShadowRules, out.ShadowRulesStatPrefix = rules, customStatPrefix
	}
	return out
}

// badCustom ends the names of rules that refuse because nobody can be asked.
const badCustom = "-deny-due-to-bad-CUSTOM-action"

// refused is rules as ones that refuse, under the names that Istio gives them.
func refused(rules map[string]*rbacv3.Policy) *rbacv3.RBAC {
	out := &rbacv3.RBAC{Action: rbacv3.RBAC_DENY, Policies: map[string]*rbacv3.Policy{}}
	for key, rule := range rules {
		out.Policies[key+badCustom] = rule
	}
	return out
}
