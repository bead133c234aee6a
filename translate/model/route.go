package model

import (
	"cmp"
	"slices"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/resource"
)

// VirtualHost is the routes of one host on one port.
type VirtualHost struct {
	Host   Host
	Routes []Route
	// HTTPSOnly says that every request in plain text is answered with a redirect to HTTPS.
	HTTPSOnly bool
}

// Route is one match of one HTTP route of a VirtualService.
type Route struct {
	VirtualService *resource.Resource
	// Index is the place of the HTTP route in the VirtualService.
	Index int
	HTTP  *networkingv1alpha3.HTTPRoute
	// Match is the condition, or nil where every request matches.
	Match *networkingv1alpha3.HTTPMatchRequest
	// Hosts are the destinations of HTTP.Route, resolved, in its order.
	Hosts []Host
}

// CatchAll reports whether the route takes every request: no condition but the prefix "/"
// or the regular expression ".*".
func (r Route) CatchAll() bool {
	m := r.Match
	if m == nil {
		return true
	}
	if len(m.GetHeaders())+len(m.GetQueryParams())+len(m.GetWithoutHeaders()) > 0 || m.GetMethod() != nil || m.GetAuthority() != nil || m.GetScheme() != nil {
		return false
	}
	switch uri := m.GetUri().GetMatchType().(type) {
	case nil:
		return true
	case *networkingv1alpha3.StringMatch_Prefix:
		return uri.Prefix == "/"
	case *networkingv1alpha3.StringMatch_Regex:
		return uri.Regex == ".*" || uri.Regex == "*"
	default:
		return false
	}
}

// virtualHosts returns the hosts that servers of one port have in common with the
// VirtualServices that name their Gateways, ordered by name, and for each the
// routes of all its VirtualServices, oldest first, with the catch-all routes last.
func (m *Model) virtualHosts(g Gateway, servers []server) []VirtualHost {
	byHost := map[Host][]*resource.Resource{}
	for _, s := range servers {
		for _, vs := range m.routes[s.key()] {
			for _, host := range m.servedHosts(g, s, vs) {
				if !slices.Contains(byHost[host], vs) {
					byHost[host] = append(byHost[host], vs)
				}
			}
		}
	}
	out := make([]VirtualHost, 0, len(byHost))
	for host, services := range byHost {
		out = append(out, VirtualHost{Host: host, Routes: m.routesOf(services)})
	}
	slices.SortFunc(out, func(a, b VirtualHost) int { return cmp.Compare(a.Host, b.Host) })
	return out
}

// servedHosts returns the hosts of a VirtualService that a server of this gateway serves.
func (m *Model) servedHosts(g Gateway, s server, vs *resource.Resource) []Host {
	spec := vs.Spec.(*networkingv1alpha3.VirtualService)
	if !exported(spec.GetExportTo(), vs.Namespace, g.Namespace) {
		return nil
	}
	var out []Host
	for _, offered := range s.hosts(m.settings) {
		if offered.namespace != "*" && offered.namespace != vs.Namespace {
			continue
		}
		for _, written := range spec.GetHosts() {
			if host, ok := m.settings.resolve(written, vs.Namespace).intersect(offered.host); ok && !slices.Contains(out, host) {
				out = append(out, host)
			}
		}
	}
	return out
}

// routesOf concatenates the routes of VirtualServices in Istio's order. Within one, nothing
// after the first catch-all route can be reached; of all, the catch-all routes come last.
func (m *Model) routesOf(services []*resource.Resource) []Route {
	sorted := slices.Clone(services)
	slices.SortStableFunc(sorted, compareAge)
	var specific, catchAll []Route
	for _, vs := range sorted {
		for _, r := range m.reachable(vs) {
			if r.CatchAll() {
				catchAll = append(catchAll, r)
			} else {
				specific = append(specific, r)
			}
		}
	}
	return append(specific, catchAll...)
}

// reachable expands the HTTP routes of a VirtualService to one route per match, up to and
// including the first catch-all.
func (m *Model) reachable(vs *resource.Resource) []Route {
	var out []Route
	for i, http := range vs.Spec.(*networkingv1alpha3.VirtualService).GetHttp() {
		matches := http.GetMatch()
		if len(matches) == 0 {
			matches = []*networkingv1alpha3.HTTPMatchRequest{nil}
		}
		for _, match := range matches {
			r := Route{VirtualService: vs, Index: i, HTTP: http, Match: match, Hosts: resolved(m.settings, vs.Namespace, http.GetRoute())}
			out = append(out, r)
			if r.CatchAll() {
				return out
			}
		}
	}
	return out
}
