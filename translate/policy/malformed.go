package policy

import (
	"slices"
	"strings"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// requestPart is a part of requests that policies decide by, and the forms of it that a
// backend may read otherwise than their rules do.
type requestPart struct {
	// filter and rule are the names under which such a request is denied.
	filter, rule string
	// malformed matches those forms: any of it is enough.
	malformed []*rbacv3.Permission
	// fields are the values by which an operation asks for the part.
	fields func(*securityv1beta1.Operation) [][]string
	// header reports whether it is what a condition asks for that asks for a header.
	header func(name string) bool
}

// malformedFilters deny requests whose host, method or path is none, each wherever a policy decides
// by that part, before any policy does: written so, a request would pass by the policy that is
// about it. They only ever deny, so whatever they match too much stays shut.
func malformedFilters(v model.View) []Filter {
	parts := []requestPart{hostPart(), methodPart()}
	if !choosesPaths(v) {
		// Whoever chooses one of Istio's modes gets the paths of that mode, all of them.
		parts = append(parts, pathPart())
	}
	var out []Filter
	for _, p := range parts {
		out = append(out, p.filters(v.AuthorizationPolicies)...)
	}
	return out
}

// filters returns the filter that denies what is malformed, or none where no policy asks.
func (p requestPart) filters(policies []*resource.Resource) []Filter {
	for _, policy := range policies {
		at, asks := p.askedBy(policy)
		if !asks {
			continue
		}
		rule := &rbacv3.Policy{Permissions: p.malformed, Principals: []*rbacv3.Principal{everybody()}}
		return []Filter{{
			Name:   p.filter,
			Config: &rbachttpv3.RBAC{Rules: &rbacv3.RBAC{Action: rbacv3.RBAC_DENY, Policies: map[string]*rbacv3.Policy{p.rule: rule}}},
			Trace:  map[string]diag.Position{p.rule: at},
		}}
	}
	return nil
}

// askedBy returns where a policy that decides first asks for the part, if it does.
func (p requestPart) askedBy(policy *resource.Resource) (diag.Position, bool) {
	spec := policy.Spec.(*securityv1beta1.AuthorizationPolicy)
	if policy.DryRun() || spec.GetAction() == securityv1beta1.AuthorizationPolicy_AUDIT {
		return diag.Position{}, false
	}
	i := slices.IndexFunc(spec.GetRules(), p.asked)
	if i < 0 {
		return diag.Position{}, false
	}
	return policy.Origin.At(resource.Path{"spec", "rules", i}), true
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
