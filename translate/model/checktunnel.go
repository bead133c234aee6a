package model

import (
	"cmp"
	"maps"
	"slices"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// allTunnels warns of routes of connections whose destinations are not all tunnelled alike,
// and of routes of requests to a host with a tunnel, which those do not use.
func (c destinationChecks) allTunnels() diag.List {
	if !c.rules.tunnelled() {
		return nil
	}
	var out diag.List
	for vs, r := range c.boundConnections() {
		out = append(out, c.mixedTunnels(vs, r)...)
	}
	for vs, i := range c.boundHTTP() {
		out = append(out, c.idleTunnels(vs, i)...)
	}
	return out
}

func (c destinationChecks) idleTunnels(vs *resource.Resource, index int) diag.List {
	var out diag.List
	route := httpOf(vs)[index].GetRoute()
	for j, host := range resolved(c.settings, vs.Namespace, route) {
		if tunnels := c.tunnels(host, route[j].GetDestination().GetSubset()); len(tunnels) > 1 || tunnels[0] != (target{}) {
			out = append(out, diagnosticAt(diag.CodeTunnelUnused, vs, resource.Path{"spec", "http", index, "route", j, "destination", "host"},
				"the tunnel of the DestinationRule for %s is for tcp and tls routes: these requests go to its endpoints themselves", host).WithHint("a tcp route of a TCP server, or a DestinationRule without tunnel"))
		}
	}
	return out
}

func (c destinationChecks) mixedTunnels(vs *resource.Resource, r connectionRoute) diag.List {
	var first []target
	for j, host := range resolved(c.settings, vs.Namespace, r.route) {
		if !Receives(r.route, r.route[j]) {
			continue
		}
		tunnels := c.tunnels(host, r.route[j].GetDestination().GetSubset())
		if first == nil {
			first = tunnels
		}
		if !slices.Equal(first, tunnels) {
			return diag.List{diagnosticAt(diag.CodeTunnelMixed, vs, r.path.Field("route", j, "destination", "host"),
				"%s and the destinations before it are not tunnelled to the same target, so the connections of the route are closed", host).WithHint("one tunnel for all destinations of a route, or a route for each")}
		}
	}
	return nil
}

// tunnelled reports whether any DestinationRule has a tunnel.
func (x ruleIndex) tunnelled() bool {
	for _, hosts := range x {
		for _, rules := range hosts {
			for _, r := range rules {
				spec := r.Spec.(*networkingv1alpha3.DestinationRule)
				if spec.GetTrafficPolicy().GetTunnel() != nil || slices.ContainsFunc(spec.GetSubsets(), func(s *networkingv1alpha3.Subset) bool { return s.GetTrafficPolicy().GetTunnel() != nil }) {
					return true
				}
			}
		}
	}
	return false
}

// target is what a tunnel leads to and how; the zero value is no tunnel.
type target struct {
	host, method string
	port         uint32
}

// tunnels returns what the DestinationRules for a host say of a subset's tunnel, whichever
// gateway they are for: at least one thing, which may be no tunnel.
func (c destinationChecks) tunnels(host Host, subset string) []target {
	found := map[target]bool{}
	for _, hosts := range c.rules {
		for pattern, rules := range hosts {
			if !host.within(pattern) {
				continue
			}
			for _, r := range rules {
				found[targetOf(merged([]*resource.Resource{r}).Policy(0, subset).GetTunnel())] = true
			}
		}
	}
	if len(found) == 0 {
		return []target{{}}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b target) int {
		return cmp.Or(cmp.Compare(a.host, b.host), cmp.Compare(a.port, b.port), cmp.Compare(a.method, b.method))
	})
}

func targetOf(t *networkingv1alpha3.TrafficPolicy_TunnelSettings) target {
	if t == nil {
		return target{}
	}
	return target{t.GetTargetHost(), cmp.Or(t.GetProtocol(), "CONNECT"), t.GetTargetPort()}
}
