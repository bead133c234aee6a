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
	"github.com/portreeve/portreeve/translate/model"
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
func Of(v model.View) Policy {
	rules := jwtRulesOf(v.RequestAuthentications)
	return Policy{HTTP: httpFilters(v, rules), Network: networkFilters(v), JWTRules: rules}
}
