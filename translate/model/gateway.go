// Package model indexes the resources and answers what applies to one gateway: scoping,
// selection, precedence.
package model

import (
	"cmp"
	"maps"
)

// Gateway is the identity of one Envoy gateway, as Istio sees a workload.
type Gateway struct {
	// Namespace is the workload's namespace.
	Namespace string
	// Labels are the workload's labels; selectors are matched against them.
	Labels map[string]string
	// Locality is where the workload runs, region/zone/subzone, as far as it says so.
	Locality string
}

// Place returns where the gateway runs, region/zone/subzone, or "" where that is not known.
// The label counts before what the node says.
func (g Gateway) Place() string { return cmp.Or(placeIn(g.Labels), g.Locality) }

// Selected reports whether every label of selector is on the gateway. An empty selector selects all.
func (g Gateway) Selected(selector map[string]string) bool {
	for k, v := range selector {
		if got, ok := g.Labels[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// Clone returns a copy that shares nothing.
func (g Gateway) Clone() Gateway {
	g.Labels = maps.Clone(g.Labels)
	return g
}
