package policy

import (
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
)

// reading is how the rules of policies are read where a filter works.
type reading struct {
	// layer returns what of a rule counts, and false where nothing may be made of the rule.
	layer func(*securityv1beta1.Rule, securityv1beta1.AuthorizationPolicy_Action) (*securityv1beta1.Rule, bool)
	// operation returns how the values that a rule of an action asks for are compiled.
	operation func(securityv1beta1.AuthorizationPolicy_Action) operationMatchers
	// conditions says that the conditions of rules are traced, each by itself.
	conditions bool
}

// operationMatchers compiles the values that an operation asks for, and the paths that it excepts.
type operationMatchers struct {
	hosts, paths, notPaths func([]string) *rbacv3.Permission
}

// form says how rules are read, and what filter is made of them.
type form int

const (
	// istios takes values for what they say, to the letter.
	istios form = iota
	// strict reads rules as gateways are served them: what a rule keeps shut it also keeps shut
	// in other forms that lead to the same backend.
	strict
	// strictInMode is strict where the mesh configuration chooses one of Istio's modes of paths: these are as
	// in Istio.
	strictInMode
	// connections reads of rules what a connection can be held against.
	connections
	// parts makes no rules: it tells only by which parts of requests policies decide.
	parts
)

func (f form) reading() reading {
	switch f {
	case strict:
		return reading{layer: wholeRule, operation: withAliases}
	case strictInMode:
		return reading{layer: wholeRule, operation: withHostAliases}
	case connections:
		return reading{layer: networkRule, operation: asWritten}
	default:
		return reading{layer: wholeRule, operation: asWritten}
	}
}

// strictly returns how rules are read where gateways are served them.
func strictly(v model.View) form {
	if choosesPaths(v) {
		return strictInMode
	}
	return strict
}

// choosesPaths reports whether the mesh configuration chooses one of Istio's modes of paths.
func choosesPaths(v model.View) bool {
	return v.Mesh != nil && v.Mesh.Config.GetPathNormalization() != nil
}

// wholeRule is the layer of HTTP, where all of a rule counts.
func wholeRule(rule *securityv1beta1.Rule, _ securityv1beta1.AuthorizationPolicy_Action) (*securityv1beta1.Rule, bool) {
	return rule, true
}

func asWritten(securityv1beta1.AuthorizationPolicy_Action) operationMatchers {
	return operationMatchers{hosts: eachRule(hostRule), paths: eachRule(pathRule), notPaths: eachRule(pathRule)}
}

// withAliases has rules see more than is written where that keeps shut: what a rule names that
// refuses, or has somebody asked, and the paths that a rule excepts which allows. All else means
// what is written: no other form of a request is ever allowed or excepted more than that.
func withAliases(action securityv1beta1.AuthorizationPolicy_Action) operationMatchers {
	out := withHostAliases(action)
	switch action {
	case securityv1beta1.AuthorizationPolicy_DENY, securityv1beta1.AuthorizationPolicy_CUSTOM:
		out.paths = pathsWithAliases
	case securityv1beta1.AuthorizationPolicy_ALLOW:
		out.notPaths = pathsWithAliases
	}
	return out
}

func withHostAliases(action securityv1beta1.AuthorizationPolicy_Action) operationMatchers {
	out := asWritten(action)
	switch action {
	case securityv1beta1.AuthorizationPolicy_DENY, securityv1beta1.AuthorizationPolicy_CUSTOM:
		out.hosts = hostsWithPorts
	}
	return out
}

// pathsWithAliases matches paths with their aliases too. Those are only looked for where a path has
// what makes one, so that most requests cost no more.
func pathsWithAliases(values []string) *rbacv3.Permission {
	written := eachRule(pathRule)(values)
	var others []*rbacv3.Permission
	for _, v := range values {
		if expression, ok := match.PathAliases(v); ok {
			others = append(others, urlPath(match.Regex(expression)))
		}
	}
	if written == nil || len(others) == 0 {
		return written
	}
	set := written.GetOrRules()
	set.Rules = append(set.Rules, allRules(urlPath(match.Regex(".*[;%].*")), anyRule(others...)))
	return written
}

func urlPath(m *matcherv3.StringMatcher) *rbacv3.Permission {
	return &rbacv3.Permission{Rule: &rbacv3.Permission_UrlPath{UrlPath: &matcherv3.PathMatcher{Rule: &matcherv3.PathMatcher_Path{Path: m}}}}
}

func anyRule(rules ...*rbacv3.Permission) *rbacv3.Permission {
	return &rbacv3.Permission{Rule: &rbacv3.Permission_OrRules{OrRules: &rbacv3.Permission_Set{Rules: rules}}}
}

// hostsWithPorts matches hosts with a port behind them too, and with a colon alone: routes take
// no notice of either.
func hostsWithPorts(values []string) *rbacv3.Permission {
	written := make(map[string]bool, len(values))
	for _, v := range values {
		written[v] = true
	}
	var rules []*rbacv3.Permission
	for _, v := range values {
		rules = append(rules, hostRule(v))
		if with := match.HostWithPort(v); with != nil && !written[v+":*"] {
			rules = append(rules, &rbacv3.Permission{Rule: &rbacv3.Permission_Header{Header: with}})
		}
	}
	return anyRule(rules...)
}
