package policytest

import (
	"fmt"
	"maps"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	rbacnetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/envoy/match"
)

// withoutClause returns resources in which one condition of each rule always holds, the n-th of those that
// are written, and which one that is by the place of its rule. All rules are changed at once, as each is
// looked at by itself. Clauses are where the conditions are written, by filter and rule.
func withoutClause(r envoy.Resources, clauses map[string]map[string]diag.Position, n int) (envoy.Resources, map[diag.Position]diag.Position) {
	w := without{trace: r.Trace, clauses: clauses, n: n, dropped: map[diag.Position]diag.Position{}}
	r.ExtensionConfigs = w.configs(r.ExtensionConfigs)
	return r, w.dropped
}

type without struct {
	trace   envoy.Trace
	clauses map[string]map[string]diag.Position
	n       int
	dropped map[diag.Position]diag.Position
}

func (w without) configs(list []*corev3.TypedExtensionConfig) []*corev3.TypedExtensionConfig {
	out := make([]*corev3.TypedExtensionConfig, 0, len(list))
	for _, c := range list {
		out = append(out, w.config(c))
	}
	return out
}

// config returns a filter's config in which conditions always hold; one that is no filter of rules as it is.
func (w without) config(c *corev3.TypedExtensionConfig) *corev3.TypedExtensionConfig {
	message, err := c.GetTypedConfig().UnmarshalNew()
	if err != nil {
		return c
	}
	switch m := message.(type) {
	case *filterchainv3.FilterChainConfig:
		chain := m.GetDefaultFilterChain()
		chain.Filters = w.configs(chain.GetFilters())
	case *rbachttpv3.RBAC:
		w.rules(c.GetName(), m.GetRules(), m.GetShadowRules())
	case *rbacnetworkv3.RBAC:
		w.rules(c.GetName(), m.GetRules(), m.GetShadowRules())
	default:
		return c
	}
	return &corev3.TypedExtensionConfig{Name: c.GetName(), TypedConfig: match.Any(message)}
}

func (w without) rules(filter string, sets ...*rbacv3.RBAC) {
	for _, set := range sets {
		for name, rule := range set.GetPolicies() {
			clauses := w.clauses[filter+" "+name]
			places := slices.Compact(slices.SortedFunc(maps.Values(clauses), diag.Position.Compare))
			if w.n >= len(places) {
				continue
			}
			w.dropped[w.trace[filter].All()[name]] = places[w.n]
			w.drop(rule, func(clause string) bool { return clauses[clause] == places[w.n] })
		}
	}
}

// drop has the conditions hold that are taken.
func (w without) drop(rule *rbacv3.Policy, taken func(clause string) bool) {
	for i, p := range rule.GetPermissions() {
		for j := range p.GetAndRules().GetRules() {
			if taken(fmt.Sprintf("Permissions[%d].AndRules.Rules[%d]", i, j)) {
				p.GetAndRules().Rules[j] = &rbacv3.Permission{Rule: &rbacv3.Permission_Any{Any: true}}
			}
		}
	}
	for i, p := range rule.GetPrincipals() {
		for j := range p.GetAndIds().GetIds() {
			if taken(fmt.Sprintf("Principals[%d].AndIds.Ids[%d]", i, j)) {
				p.GetAndIds().Ids[j] = &rbacv3.Principal{Identifier: &rbacv3.Principal_Any{Any: true}}
			}
		}
	}
}
