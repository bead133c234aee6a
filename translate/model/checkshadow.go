package model

import (
	"maps"
	"slices"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// placed is a match of an HTTP route, and where it stands.
type placed struct {
	vs   *resource.Resource
	path resource.Path
}

func (p placed) String() string { return p.vs.String() + " at " + p.vs.Origin.At(p.path).String() }

// sharedHost is what the VirtualServices of a server have for one of its hosts so far. As they
// are put together, the matches that take every request come last of all.
type sharedHost struct {
	specific, catchAll *resource.Matches[placed]
}

// shadowed warns of matches for which an earlier VirtualService leaves no request at a host that
// both serve by one server. Those that are not for every namespace are left out: gateways of
// different namespaces have them in different orders.
func (c routeChecks) shadowed() diag.List {
	var out diag.List
	told := map[diag.Position]bool{}
	for _, g := range c.gateways {
		for i, spec := range g.Spec.(*networkingv1alpha3.Gateway).GetServers() {
			s := server{g, i, spec}
			if !s.traffic().requests() {
				continue
			}
			sharing := c.sharing(s)
			for _, host := range slices.Sorted(maps.Keys(sharing)) { // in order: each match is told of once
				before := sharedHost{resource.NewMatches[placed](), resource.NewMatches[placed]()}
				for _, vs := range sharing[host] {
					out = append(out, c.shadowedAt(s, vs, host, before, told)...)
				}
			}
		}
	}
	return out
}

// sharing returns the hosts of a server that several VirtualServices serve for everybody, with
// those in Istio's order. Most hosts have one alone, of which there is nothing to compare.
func (c routeChecks) sharing(s server) map[Host][]*resource.Resource {
	first, out := map[Host]*resource.Resource{}, map[Host][]*resource.Resource{}
	for _, vs := range c.routes[s.key()] {
		if to := vs.Spec.(*networkingv1alpha3.VirtualService).GetExportTo(); len(to) > 0 && !slices.Contains(to, "*") {
			continue
		}
		for _, host := range s.servedHosts(vs, c.settings) {
			switch {
			case first[host] == nil:
				first[host] = vs
			case out[host] == nil:
				out[host] = []*resource.Resource{first[host], vs}
			default:
				out[host] = append(out[host], vs)
			}
		}
	}
	return out
}

// shadowedAt reports the matches of a VirtualService that get nothing at a host, and adds its
// matches to those of the host.
func (c routeChecks) shadowedAt(s server, vs *resource.Resource, host Host, before sharedHost, told map[diag.Position]bool) diag.List {
	matches := c.matchesFor(s, vs)
	var out diag.List
	for _, own := range matches {
		of := before.specific
		if resource.CatchAll(own.match) {
			of = before.catchAll
		}
		first, taken := of.Taking(own.match)
		if !taken || own.delegated {
			continue
		}
		if at := vs.Origin.At(own.path); !told[at] {
			told[at] = true
			out = append(out, diagnosticAt(diag.CodeRouteShadowed, vs, own.path, "no request of %s gets to %s: %s comes first and takes them all", host, own.path, first).
				WithHint("put both into one VirtualService, the more particular match first, or take it out"))
		}
	}
	for _, own := range matches {
		of := before.specific
		if resource.CatchAll(own.match) {
			of = before.catchAll
		}
		of.Add(own.match, placed{vs, own.path})
	}
	return out
}

// ownMatch is a match of a VirtualService that is for a server; nil takes every request.
type ownMatch struct {
	match *networkingv1alpha3.HTTPMatchRequest
	path  resource.Path
	// delegated says that the match is made of one of a delegate's, which may get requests by others.
	delegated bool
}

func (c routeChecks) matchesFor(s server, vs *resource.Resource) []ownMatch {
	var out []ownMatch
	for _, r := range c.delegates.httpRoutes(vs) {
		path, delegated := resource.Path{"spec", "http", r.Index}, httpOf(vs)[r.Index].GetDelegate() != nil
		if len(r.HTTP.GetMatch()) == 0 {
			out = append(out, ownMatch{nil, path, delegated})
		}
		for j, match := range r.HTTP.GetMatch() {
			if !s.isFor(vs, match.GetPort(), match.GetGateways()) {
				continue
			}
			at := path
			if !delegated {
				at = path.Field("match", j)
			}
			out = append(out, ownMatch{match, at, delegated})
		}
	}
	return out
}
