package policy

import (
	"slices"
	"strings"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// requestPart is a part of requests that policies decide by, and the forms of it that a
// backend may read otherwise than their rules do.
type requestPart struct {
	// name, of the filter, and rule are the names under which such a request is denied.
	name, rule string
	// malformed makes what matches those forms: any of it is enough.
	malformed func() []*rbacv3.Permission
	// fields are the values by which an operation asks for the part.
	fields func(*securityv1beta1.Operation) [][]string
	// header reports whether it is what a condition asks for that asks for a header.
	header func(name string) bool
}

// malformedFilters deny requests whose host, method or path is none, each wherever a policy decides
// by that part, before any policy does: written so, a request would pass by the policy that is
// about it. They only ever deny, so whatever they match too much stays shut.
func (m making) malformedFilters() []Filter {
	of := requestParts()
	if choosesPaths(m.view) {
		// Whoever chooses one of Istio's modes gets the paths of that mode, all of them.
		of = of[:2]
	}
	policies := m.view.AuthorizationPolicies
	set := m.known.ruleSet(setOf{form: parts}, policies)
	var out []Filter
	for i, part := range of {
		if first := slices.IndexFunc(set.made, func(made *made) bool { return made.asks[i] }); first >= 0 {
			out = append(out, part.filter(policies[first]))
		}
	}
	return out
}

// requestParts returns the parts that can be malformed; paths come last.
func requestParts() []requestPart { return []requestPart{hostPart(), methodPart(), pathPart()} }

// filter returns the filter that denies what is malformed, because of a policy that asks for the part.
func (p requestPart) filter(policy *resource.Resource) Filter {
	rule := &rbacv3.Policy{Permissions: p.malformed(), Principals: []*rbacv3.Principal{everybody()}}
	first := slices.IndexFunc(policy.Spec.(*securityv1beta1.AuthorizationPolicy).GetRules(), p.asked)
	return Filter{
		Name:   p.name,
		Config: &rbachttpv3.RBAC{Rules: &rbacv3.RBAC{Action: rbacv3.RBAC_DENY, Policies: map[string]*rbacv3.Policy{p.rule: rule}}},
		Trace:  diag.PlacesOf(map[string]diag.Position{p.rule: policy.Origin.At(resource.Path{"spec", "rules", first})}),
	}
}

// partsOf returns which parts a policy asks for that decides.
func partsOf(policy *resource.Resource) *made {
	out := &made{}
	spec := policy.Spec.(*securityv1beta1.AuthorizationPolicy)
	if policy.DryRun() || spec.GetAction() == securityv1beta1.AuthorizationPolicy_AUDIT {
		return out
	}
	for i, part := range requestParts() {
		out.asks[i] = slices.ContainsFunc(spec.GetRules(), part.asked)
	}
	return out
}

func (p requestPart) asked(r *securityv1beta1.Rule) bool {
	return slices.ContainsFunc(r.GetTo(), func(to *securityv1beta1.Rule_To) bool {
		return slices.ContainsFunc(p.fields(to.GetOperation()), func(values []string) bool { return len(values) > 0 })
	}) || slices.ContainsFunc(r.GetWhen(), func(c *securityv1beta1.Condition) bool {
		key, _ := resource.ReadWhenKey(c.GetKey())
		return key.Name == resource.HeaderKey && p.header(key.Args[0])
	})
}

// pseudoHeader recognises the name of a pseudo header.
func pseudoHeader(name string) func(string) bool {
	return func(header string) bool { return strings.EqualFold(header, name) }
}
