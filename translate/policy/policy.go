// Package policy makes of the policies that apply to a gateway the filters that enforce them:
// ordered, typed, and traced to the lines that they come from. It packs nothing: what reads
// filters, changes them or explains them works on these, and package envoy puts them into
// listeners and extension configs.
//
// A new filter gets its name and its place in http.go or network.go, which hold the order. What
// a field of an operation asks for is matched in rbacpermission.go, what a field of a source
// asks for in rbacprincipal.go, and both have a switch for the keys of when.
package policy

import (
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// Policy is all policy of one gateway. It is immutable.
type Policy struct {
	// HTTP are the filters of requests, in the order in which they work.
	HTTP []Filter
	// Network are the filters of connections whose requests are not read, in the order in which
	// they work.
	Network []Filter
	// JWTRules are the rules by which tokens are verified.
	JWTRules JWTRules
}

// Of makes the filters of a gateway. Equal views give equal filters.
func Of(v model.View) Policy { return (*Known)(nil).Of(v) }

// Of makes the filters of a gateway, as the function does.
func (k *Known) Of(v model.View) Policy {
	if v.Conditions {
		k = nil // who explains asks seldom
	}
	rules := jwtRulesOf(v.RequestAuthentications)
	m := making{known: k, view: v, rules: rules, policies: byAction(v.AuthorizationPolicies)}
	return Policy{HTTP: m.httpFilters(), Network: m.networkFilters(), JWTRules: rules}
}

// making is the making of the filters of one gateway.
type making struct {
	known *Known
	view  model.View
	rules JWTRules
	// policies are the AuthorizationPolicies that apply, by their action.
	policies map[securityv1beta1.AuthorizationPolicy_Action][]*resource.Resource
}

func byAction(policies []*resource.Resource) map[securityv1beta1.AuthorizationPolicy_Action][]*resource.Resource {
	out := map[securityv1beta1.AuthorizationPolicy_Action][]*resource.Resource{}
	for _, p := range policies {
		action := p.Spec.(*securityv1beta1.AuthorizationPolicy).GetAction()
		out[action] = append(out[action], p)
	}
	return out
}
