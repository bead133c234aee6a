package envoy

import (
	"slices"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

// reading is how the rules of policies are read where a filter works.
type reading struct {
	// layer returns what of a rule counts, and false where nothing may be made of the rule.
	layer func(*securityv1beta1.Rule, securityv1beta1.AuthorizationPolicy_Action) (*securityv1beta1.Rule, bool)
	// operation returns how the values that a rule of an action asks for are compiled.
	operation func(securityv1beta1.AuthorizationPolicy_Action) spelling
}

// spelling compiles the values that an operation asks for. Those that it excepts are always
// compiled as they are written: no spelling of a request is ever excepted more than that.
type spelling struct {
	hosts func([]string) *rbacv3.Permission
}

// asIstioReads takes values for what they say, to the letter.
func asIstioReads() reading { return reading{layer: wholeRule, operation: asWritten} }

// strictly reads rules as gateways are served them: what a rule keeps shut it also keeps shut
// in other spellings that lead to the same backend.
func strictly() reading { return reading{layer: wholeRule, operation: everySpelling} }

// ofConnections reads of rules what a connection can be held against.
func ofConnections() reading { return reading{layer: networkRule, operation: asWritten} }

// wholeRule is the layer of HTTP, where all of a rule counts.
func wholeRule(rule *securityv1beta1.Rule, _ securityv1beta1.AuthorizationPolicy_Action) (*securityv1beta1.Rule, bool) {
	return rule, true
}

func asWritten(securityv1beta1.AuthorizationPolicy_Action) spelling {
	return spelling{hosts: eachRule(hostRule)}
}

// everySpelling is for rules that refuse, or have somebody asked: they may see more than is
// written. A rule that allows sees no more, or it would open more.
func everySpelling(action securityv1beta1.AuthorizationPolicy_Action) spelling {
	switch action {
	case securityv1beta1.AuthorizationPolicy_DENY, securityv1beta1.AuthorizationPolicy_CUSTOM:
		return spelling{hosts: hostsWithPorts}
	default:
		return asWritten(action)
	}
}

// hostsWithPorts matches hosts with a port behind them too, and with a colon alone: routes take
// no notice of either.
func hostsWithPorts(values []string) *rbacv3.Permission {
	var rules []*rbacv3.Permission
	for _, v := range values {
		rules = append(rules, hostRule(v))
		if with := match.HostWithPort(v); with != nil && !slices.Contains(values, v+":*") {
			rules = append(rules, &rbacv3.Permission{Rule: &rbacv3.Permission_Header{Header: with}})
		}
	}
	return &rbacv3.Permission{Rule: &rbacv3.Permission_OrRules{OrRules: &rbacv3.Permission_Set{Rules: rules}}}
}
