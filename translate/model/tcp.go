package model

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/resource"
)

// Traffic is what a server takes in.
type Traffic uint8

const (
	// HTTP is requests in plain text.
	HTTP Traffic = iota
	// TCP is connections, whatever they carry. One route takes all of them.
	TCP
	// Passthrough is TLS connections that are routed by the name which the client asks for
	// (SNI) and are not decrypted.
	Passthrough
)

// String names the traffic as findings do.
func (t Traffic) String() string {
	switch t {
	case TCP:
		return "TCP"
	case Passthrough:
		return "TLS passthrough"
	default:
		return "HTTP"
	}
}

// Chain is the connections of a port that go one way.
type Chain struct {
	// ServerName is the name that the client asks for by TLS: a name, *.domain, or * for any
	// TLS connection. It is empty where the port is not TLS, and every connection counts.
	ServerName Host
	// VirtualService has the route.
	VirtualService *resource.Resource
	// Route are the destinations, and Hosts their hosts, resolved, in the same order.
	Route []*networkingv1alpha3.RouteDestination
	Hosts []Host
}

// traffic tells what a server takes in. TLS that ends at the gateway is refused by
// validation; should it get here it has no tls route, so its port stays closed.
func (s server) traffic() Traffic {
	switch strings.ToUpper(s.spec.GetPort().GetProtocol()) {
	case "TCP":
		return TCP
	case "TLS", "HTTPS":
		return Passthrough
	default:
		return HTTP
	}
}

// together returns the servers of one address that can be served beside each other. As in
// Istio an older one wins: what conflicts with it is left out, so its connections are
// closed. Build reports the conflict.
func (m *Model) together(servers []server) []server {
	var out []server
	names := map[Host]bool{}
	for _, s := range servers {
		if len(out) > 0 && (s.traffic() != out[0].traffic() || s.traffic() == TCP) {
			continue
		}
		own := s.hosts(m.settings)
		if s.traffic() == Passthrough && slices.ContainsFunc(own, func(h serverHost) bool { return names[h.host] }) {
			continue
		}
		for _, h := range own {
			names[h.host] = true
		}
		out = append(out, s)
	}
	return out
}

// chains returns where the connections of TCP and TLS passthrough servers of one port go,
// ordered by server name. A connection that no chain takes is closed.
func (m *Model) chains(g Gateway, servers []server) []Chain {
	byName := map[Host]Chain{}
	for _, s := range servers {
		for _, c := range m.chainsOf(g, s) {
			// Of two routes the older one, and in one VirtualService the first, wins.
			if _, taken := byName[c.ServerName]; !taken {
				byName[c.ServerName] = c
			}
		}
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b Chain) int { return cmp.Compare(a.ServerName, b.ServerName) })
}

// chainsOf returns the chains of one server in the order of the routes, of which the first
// for a name counts.
func (m *Model) chainsOf(g Gateway, s server) []Chain {
	var out []Chain
	for _, vs := range m.routes[s.key()] {
		served := m.servedHosts(g, s, vs)
		if len(served) == 0 {
			continue
		}
		if s.traffic() == TCP {
			out = append(out, m.tcpChains(s, vs)...)
		} else {
			out = append(out, m.tlsChains(s, vs, served)...)
		}
	}
	return out
}

// tcpChains returns a chain for each tcp route that is for this server. Where a connection
// is going and who sends it is no condition on a gateway, as in Istio.
func (m *Model) tcpChains(s server, vs *resource.Resource) []Chain {
	var out []Chain
	for _, r := range vs.Spec.(*networkingv1alpha3.VirtualService).GetTcp() {
		matches := len(r.GetMatch()) == 0
		for _, match := range r.GetMatch() {
			matches = matches || m.forServer(s, vs, match.GetPort(), match.GetGateways())
		}
		if matches {
			out = append(out, m.chain("", vs, r.GetRoute()))
		}
	}
	return out
}

// tlsChains returns a chain for each name of each tls route that is for this server. A name
// that the server does not offer is not served, also where Istio would.
func (m *Model) tlsChains(s server, vs *resource.Resource, served []Host) []Chain {
	var out []Chain
	for _, r := range vs.Spec.(*networkingv1alpha3.VirtualService).GetTls() {
		for _, match := range r.GetMatch() {
			if !m.forServer(s, vs, match.GetPort(), match.GetGateways()) {
				continue
			}
			for _, written := range match.GetSniHosts() {
				for _, name := range m.serverNames(written, vs.Namespace, served) {
					out = append(out, m.chain(name, vs, r.GetRoute()))
				}
			}
		}
	}
	return out
}

// serverNames returns what a name of a tls match has in common with the served hosts. A
// short name stays as clients send it.
func (m *Model) serverNames(written, namespace string, served []Host) []Host {
	var out []Host
	whole := m.settings.resolve(written, namespace)
	for _, host := range served {
		name, ok := whole.intersect(host)
		if name == whole {
			name = Host(strings.ToLower(written))
		}
		if ok && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// forServer reports whether a match that names a port and Gateways, or neither, is for a server.
func (m *Model) forServer(s server, vs *resource.Resource, port uint32, gateways []string) bool {
	if port != 0 && port != s.spec.GetPort().GetNumber() {
		return false
	}
	return len(gateways) == 0 || slices.ContainsFunc(gateways, func(written string) bool {
		return gatewayName(written, vs.Namespace, m.settings) == s.key()
	})
}

func (m *Model) chain(name Host, vs *resource.Resource, route []*networkingv1alpha3.RouteDestination) Chain {
	return Chain{ServerName: name, VirtualService: vs, Route: route, Hosts: resolved(m.settings, vs.Namespace, route)}
}

// destination is an entry of an HTTP, TLS or TCP route.
type destination interface {
	GetDestination() *networkingv1alpha3.Destination
}

// resolved returns the hosts of a route's destinations, in order.
func resolved[D destination](settings Settings, namespace string, route []D) []Host {
	out := make([]Host, 0, len(route))
	for _, d := range route {
		out = append(out, settings.resolve(d.GetDestination().GetHost(), namespace))
	}
	return out
}
