package model

import (
	"iter"
	"maps"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/resource"
)

// bound yields the VirtualServices that name a Gateway, each once, in no order: findings are
// sorted later.
func (c *checks) bound() iter.Seq[*resource.Resource] {
	seen := map[*resource.Resource]bool{}
	for _, services := range c.routes {
		for _, vs := range services {
			seen[vs] = true
		}
	}
	return maps.Keys(seen)
}

// boundHTTP yields the HTTP routes that are for some Gateway, as a VirtualService and the
// index in it: those that name one and, of those that they delegate to, what is part of them.
func (c *checks) boundHTTP() iter.Seq2[*resource.Resource, int] {
	return func(yield func(*resource.Resource, int) bool) {
		for vs := range c.bound() {
			for i := range httpOf(vs) {
				if !yield(vs, i) {
					return
				}
			}
		}
		for d, indices := range c.delegates.served {
			for i := range indices {
				if !yield(d, i) {
					return
				}
			}
		}
	}
}

// connectionRoute is the destinations of a tls or tcp route, and where it stands.
type connectionRoute struct {
	path  resource.Path
	route []*networkingv1alpha3.RouteDestination
	// matches are the ports and Gateways; without any it is for all.
	matches []connectionMatch
}

// connectionMatch is what a match of a connection says of where it comes in.
type connectionMatch struct {
	port     uint32
	gateways []string
}

// boundConnections yields the tls and tcp routes of the VirtualServices that name a Gateway.
func (c *checks) boundConnections() iter.Seq2[*resource.Resource, connectionRoute] {
	return func(yield func(*resource.Resource, connectionRoute) bool) {
		for vs := range c.bound() {
			spec := vs.Spec.(*networkingv1alpha3.VirtualService)
			for i, r := range spec.GetTls() {
				if !yield(vs, connectionRoute{resource.Path{"spec", "tls", i}, r.GetRoute(), matchesOf(r.GetMatch())}) {
					return
				}
			}
			for i, r := range spec.GetTcp() {
				if !yield(vs, connectionRoute{resource.Path{"spec", "tcp", i}, r.GetRoute(), matchesOf(r.GetMatch())}) {
					return
				}
			}
		}
	}
}

func matchesOf[M interface {
	GetPort() uint32
	GetGateways() []string
}](matches []M) []connectionMatch {
	out := make([]connectionMatch, 0, len(matches))
	for _, m := range matches {
		out = append(out, connectionMatch{m.GetPort(), m.GetGateways()})
	}
	return out
}
