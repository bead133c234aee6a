package model

import (
	"cmp"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/resource"
)

// VirtualHost is the routes that one or more hosts have in common on one port.
type VirtualHost struct {
	// Host is the first of Domains and names them all.
	Host Host
	// Domains are the hosts, in Istio's order: names before wildcards, longer ones first.
	Domains []Host
	Routes  []Route
	// HTTPSOnly says that every request in plain text is answered with a redirect to HTTPS.
	HTTPSOnly bool
	// Surrounds says that hosts are kept out of this wildcard which another server demands a
	// certificate for. What is no host at all must not have the routes either.
	Surrounds bool
	// Elsewhere says that another server of the port serves the hosts and this one does not.
	// There are no routes then.
	Elsewhere bool
	// origins tells what the routes come from; hosts of equal origins can be one. It is empty
	// where there are no routes.
	origins string
}

// Route is one match of one HTTP route of a VirtualService.
type Route struct {
	VirtualService *resource.Resource
	// Index is the place of the HTTP route in the VirtualService.
	Index int
	// Delegate has the route of a delegate that is part of it, at DelegateIndex; it is nil where
	// there is none.
	Delegate      *resource.Resource
	DelegateIndex int
	// HTTP is the route, or what it and a route of its delegate make together.
	HTTP *networkingv1alpha3.HTTPRoute
	// Match is the condition, or nil where every request matches.
	Match *networkingv1alpha3.HTTPMatchRequest
	// Hosts are the destinations of HTTP.Route, resolved, in its order, and MirrorHosts those
	// of resource.Mirrors.
	Hosts, MirrorHosts []Host
}

// CatchAll reports whether the route takes every request.
func (r Route) CatchAll() bool { return resource.CatchAll(r.Match) }

// origin is a VirtualService that serves a host through a Gateway.
type origin struct {
	gateway string
	service *resource.Resource
}

// virtualHosts returns the hosts that servers of one port have in common with the
// VirtualServices that name their Gateways, ordered by name, and for each the routes of all
// its VirtualServices: by Gateway, oldest first, with the catch-all routes last. As in Istio,
// hosts with the very same routes share a virtual host.
func (m *Model) virtualHosts(g Gateway, servers []server) []VirtualHost {
	byHost, routes := map[Host][]origin{}, map[origin][]Route{}
	for _, s := range servers {
		for _, vs := range m.routesOf(g, s) {
			hosts, from := s.servedHosts(vs, m.settings), origin{s.key(), vs}
			if len(hosts) == 0 {
				continue
			}
			if _, known := routes[from]; !known {
				routes[from] = m.reachable(g, s, vs)
			}
			if len(routes[from]) == 0 {
				continue
			}
			for _, host := range hosts {
				if !slices.Contains(byHost[host], from) {
					byHost[host] = append(byHost[host], from)
				}
			}
		}
	}
	return separate(byHost, routes)
}

// separate makes a virtual host of each host. Those of equal origins share their routes.
func separate(byHost map[Host][]origin, routes map[origin][]Route) []VirtualHost {
	out := make([]VirtualHost, 0, len(byHost))
	known := map[string][]Route{}
	for host, origins := range byHost {
		key := originsKey(origins)
		if _, ok := known[key]; !ok {
			known[key] = concatenated(origins, routes)
		}
		out = append(out, VirtualHost{Host: host, Domains: []Host{host}, Routes: known[key], origins: key})
	}
	slices.SortFunc(out, func(a, b VirtualHost) int { return cmp.Compare(a.Host, b.Host) })
	return out
}

// collapsed makes one virtual host of the hosts with the same origins. It comes after what
// sets single hosts apart: a host that lost its routes must not get them back from others.
func collapsed(hosts []VirtualHost) []VirtualHost {
	type group struct {
		origins              string
		httpsOnly, surrounds bool
	}
	slices.SortFunc(hosts, func(a, b VirtualHost) int { return inIstioHostOrder(a.Host, b.Host) })
	out := make([]VirtualHost, 0, len(hosts))
	known := map[group]int{}
	for _, h := range hosts {
		key := group{h.origins, h.HTTPSOnly, h.Surrounds}
		if i, ok := known[key]; ok && h.origins != "" {
			out[i].Domains = append(out[i].Domains, h.Host)
			continue
		}
		known[key] = len(out)
		out = append(out, h)
	}
	slices.SortFunc(out, func(a, b VirtualHost) int { return cmp.Compare(a.Host, b.Host) })
	return out
}

// originsKey tells origins apart: what a virtual host's routes depend on. A name has no
// slash and no line break.
func originsKey(origins []origin) string {
	var b strings.Builder
	for _, o := range origins {
		b.WriteString(o.gateway + " " + o.service.Namespace + "/" + o.service.Name + "\n")
	}
	return b.String()
}

// inIstioHostOrder orders names before wildcards, longer ones first, then by name.
func inIstioHostOrder(a, b Host) int {
	wild := func(h Host) int { return strings.Count(string(h[:min(1, len(h))]), "*") }
	return cmp.Or(cmp.Compare(wild(a), wild(b)), cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
}

// concatenated returns the routes of all origins. Within one VirtualService nothing after the first catch-all
// route can be reached; of all, the catch-all routes come last. A route that two Gateways
// bring is there once.
func concatenated(origins []origin, routes map[origin][]Route) []Route {
	type identity struct {
		http  *networkingv1alpha3.HTTPRoute
		match *networkingv1alpha3.HTTPMatchRequest
	}
	var specific, catchAll []Route
	seen := map[identity]bool{}
	for _, o := range origins {
		for _, r := range routes[o] {
			id := identity{r.HTTP, r.Match}
			switch {
			case seen[id]:
			case r.CatchAll():
				catchAll = append(catchAll, r)
			default:
				specific = append(specific, r)
			}
			seen[id] = true
		}
	}
	return append(specific, catchAll...)
}

// routesOf returns the VirtualServices of a server's Gateway that a gateway sees. As in Istio
// those come first that its own namespace keeps to itself, then those that are exported to it
// by name, then those for everybody; of each the older ones first.
func (m *Model) routesOf(g Gateway, s server) []*resource.Resource {
	var private, named, public []*resource.Resource
	for _, vs := range m.routes[s.key()] {
		to := vs.Spec.(*networkingv1alpha3.VirtualService).GetExportTo()
		switch {
		case !exported(to, vs.Namespace, g.Namespace):
		case len(to) == 0 || slices.Contains(to, "*"):
			public = append(public, vs)
		case vs.Namespace == g.Namespace:
			private = append(private, vs)
		default:
			named = append(named, vs)
		}
	}
	return slices.Concat(private, named, public)
}

// servedHosts returns the hosts of a VirtualService that a server serves.
func (s server) servedHosts(vs *resource.Resource, settings Settings) []Host {
	spec := vs.Spec.(*networkingv1alpha3.VirtualService)
	var out []Host
	for _, offered := range s.hosts(settings) {
		if offered.namespace != "*" && offered.namespace != vs.Namespace {
			continue
		}
		for _, written := range spec.GetHosts() {
			if host, ok := settings.served(written, vs.Namespace).intersect(offered.host); ok && !slices.Contains(out, host) {
				out = append(out, host)
			}
		}
	}
	return out
}

// reachable expands the HTTP routes of a VirtualService to one route per match that is for
// a server of a gateway, up to and including the first catch-all.
func (m *Model) reachable(g Gateway, s server, vs *resource.Resource) []Route {
	var out []Route
	for _, r := range m.delegates.httpRoutes(vs) {
		matches := r.HTTP.GetMatch()
		if len(matches) == 0 {
			matches = []*networkingv1alpha3.HTTPMatchRequest{nil}
		}
		for _, match := range matches {
			if !forWorkload(g, match) || !s.isFor(vs, match.GetPort(), match.GetGateways()) {
				continue
			}
			if r.Match = match; r.Hosts == nil {
				r.Hosts = resolved(m.settings, vs.Namespace, r.HTTP.GetRoute())
				r.MirrorHosts = resolved(m.settings, vs.Namespace, resource.Mirrors(r.HTTP))
			}
			out = append(out, r)
			if r.CatchAll() {
				return out
			}
		}
	}
	return out
}

// forWorkload reports whether a match is for a gateway by its labels and namespace. As in
// Istio they count only where the match names no Gateways.
func forWorkload(g Gateway, match *networkingv1alpha3.HTTPMatchRequest) bool {
	if len(match.GetGateways()) > 0 {
		return true
	}
	return g.Selected(match.GetSourceLabels()) && (match.GetSourceNamespace() == "" || match.GetSourceNamespace() == g.Namespace)
}
