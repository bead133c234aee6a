package policy

import (
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
)

// customFilters renders the CUSTOM policies: for each provider a filter that only finds out
// which of the provider's rules a request matches, and the filter that asks the provider.
//
// A filter that matches nothing leaves the metadata as it is, so a later provider may find
// the name of an earlier one's rule there; that does not begin with its own name.
func customFilters(v model.View) []Filter {
	var out []Filter
	for _, name := range v.ProviderNames() {
		rules, trace := customRules(v, name, strictly(v))
		istio, _ := customRules(v, name, asIstioReads())
		rbac := Filter{Name: CustomFilter + name, IstioName: rbacName, Trace: trace}
		p, ok := v.Provider(name)
		if !ok {
			// Nobody can be asked, so everything that would be asked about is refused.
			// Compiling has reported it; no gateway is served this.
			rbac.Config, rbac.IstioConfig = &rbachttpv3.RBAC{Rules: refused(rules)}, &rbachttpv3.RBAC{Rules: refused(istio)}
			out = append(out, rbac)
			continue
		}
		rbac.Config = &rbachttpv3.RBAC{ShadowRules: rules, ShadowRulesStatPrefix: customStatPrefix}
		rbac.IstioConfig = &rbachttpv3.RBAC{ShadowRules: istio, ShadowRulesStatPrefix: customStatPrefix}
		out = append(out, rbac, Filter{
			Name: ExtAuthzFilter + name, IstioName: extAuthzName, Trace: trace,
			Config: extAuthz(p), IstioConfig: istioExtAuthz(p),
		})
	}
	return out
}

// customRules renders the rules of the policies that ask a provider, as they are read, and
// where each of them comes from.
func customRules(v model.View, provider string, as reading) (*rbacv3.RBAC, map[string]diag.Position) {
	rules, trace := map[string]*rbacv3.Policy{}, map[string]diag.Position{}
	for _, p := range v.AuthorizationPolicies {
		spec := p.Spec.(*securityv1beta1.AuthorizationPolicy)
		if spec.GetAction() != securityv1beta1.AuthorizationPolicy_CUSTOM || spec.GetProvider().GetName() != provider {
			continue
		}
		own, from := map[string]*rbacv3.Policy{}, map[string]diag.Position{}
		addRules(own, from, p, spec, as)
		for key, rule := range own {
			rules[customPrefix+provider+"-"+key] = rule
		}
		for key, pos := range from { // of rules, and of what is in them
			trace[customPrefix+provider+"-"+key] = pos
		}
	}
	// The action says how the engine reads a match: as Istio, a rule that matches "denies".
	return &rbacv3.RBAC{Action: rbacv3.RBAC_DENY, Policies: rules}, trace
}

// badCustom ends the names of rules that refuse because nobody can be asked.
const badCustom = "-deny-due-to-bad-CUSTOM-action"

// refused is the rules as ones that refuse, under the names that Istio gives them.
func refused(rules *rbacv3.RBAC) *rbacv3.RBAC {
	out := &rbacv3.RBAC{Action: rbacv3.RBAC_DENY, Policies: map[string]*rbacv3.Policy{}}
	for key, rule := range rules.GetPolicies() {
		out.Policies[key+badCustom] = rule
	}
	return out
}
