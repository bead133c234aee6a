package model

import (
	"cmp"
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
	// HTTPS is requests over TLS that ends at the gateway.
	HTTPS
	// TLS is connections over TLS that ends at the gateway, whatever they carry.
	TLS
)

// String names the traffic as findings do.
func (t Traffic) String() string {
	switch t {
	case TCP:
		return "TCP"
	case Passthrough:
		return "TLS passthrough"
	case HTTPS:
		return "HTTPS"
	case TLS:
		return "TLS"
	default:
		return "HTTP"
	}
}

// Secure reports the kinds of TLS, which are told apart by the name that the client asks for.
func (t Traffic) Secure() bool { return t == Passthrough || t.ended() }

// ended reports TLS that ends at the gateway.
func (t Traffic) ended() bool { return t == HTTPS || t == TLS }

// requests reports traffic whose requests are read, so that policies about requests count.
func (t Traffic) requests() bool { return t == HTTP || t == HTTPS }

// Chain is the connections of a port that go one way.
type Chain struct {
	// ServerNames are the names that the client asks for by TLS: names, *.domain, or * alone
	// for any TLS connection. There is none where the port is not TLS, and every connection
	// counts.
	ServerNames []Host
	// TLS says how TLS ends here; it is nil where the gateway does not decrypt.
	TLS *Termination
	// HTTP has the routes of an HTTPS server. It is nil where connections are forwarded, as
	// the fields below say.
	HTTP *Port
	// VirtualService has the route.
	VirtualService *resource.Resource
	// Route are the destinations, and Hosts their hosts, resolved, in the same order.
	Route []*networkingv1alpha3.RouteDestination
	Hosts []Host
}

// traffic tells what a server takes in.
func (s server) traffic() Traffic {
	passthrough := s.spec.GetTls().GetMode() == networkingv1alpha3.ServerTLSSettings_PASSTHROUGH
	switch strings.ToUpper(s.spec.GetPort().GetProtocol()) {
	case "TCP", "MONGO", "MYSQL", "REDIS":
		return TCP
	case "TLS":
		if !passthrough {
			return TLS
		}
		return Passthrough
	case "HTTPS":
		if !passthrough {
			return HTTPS
		}
		return Passthrough
	default:
		return HTTP
	}
}

// sharingPort returns the servers of one address that can be served beside each other. As in
// Istio an older one wins: what conflicts with it is left out, so its connections are
// closed. Build reports the conflict.
func sharingPort(servers []server, settings Settings) []server {
	var out []server
	names := map[Host]bool{}
	for _, s := range servers {
		if len(out) > 0 && (!canSharePort(s, out[0]) || s.traffic() == TCP) {
			continue
		}
		own := s.hosts(settings)
		if s.traffic().Secure() && slices.ContainsFunc(own, func(h serverHost) bool { return names[h.asked] }) {
			continue
		}
		for _, h := range own {
			names[h.asked] = true
		}
		out = append(out, s)
	}
	return out
}

// canSharePort reports whether the connections of two servers of one address can be told apart,
// or need not be.
func canSharePort(a, b server) bool {
	return a.traffic() == b.traffic() || a.traffic().Secure() && b.traffic().Secure()
}

// chains returns where the connections of the TCP and TLS servers of one port go, ordered by
// server name. A connection that no chain takes is closed. The secrets that they need are added to
// secrets. A server that is left out beside others still guards its hosts.
func (m *Model) chains(g Gateway, p Port, all []server, secrets map[string]Secret) []Chain {
	var out []Chain
	servers, taken := sharingPort(all, m.settings), map[Host]bool{}
	on := neighbours{all: all, served: servers}
	for _, s := range servers {
		if s.traffic().ended() {
			c, ok := m.endedChain(g, p, s, on, secrets)
			if ok {
				out = append(out, c)
			}
			// Also where it is not served: its names are not for a server that does not decrypt.
			for _, name := range s.serverNames() {
				taken[name] = true
			}
		}
	}
	for _, s := range servers {
		if s.traffic().ended() {
			continue
		}
		for _, c := range m.chainsOf(g, s) {
			// Of two routes the older one, and in one VirtualService the first, wins.
			name := c.firstName()
			if !taken[name] {
				out = append(out, c)
			}
			taken[name] = true
		}
	}
	slices.SortFunc(out, func(a, b Chain) int { return cmp.Compare(a.firstName(), b.firstName()) })
	return out
}

func (c Chain) firstName() Host {
	if len(c.ServerNames) == 0 {
		return ""
	}
	return c.ServerNames[0]
}

// chainsOf returns the chains of one server that does not decrypt in the order of the
// routes, of which the first for a name counts.
func (m *Model) chainsOf(g Gateway, s server) []Chain {
	var out []Chain
	for _, vs := range m.routesOf(g, s) {
		served := s.servedHosts(vs, m.settings)
		if len(served) == 0 {
			continue
		}
		if s.traffic() == Passthrough {
			out = append(out, s.tlsChains(vs, served, m.settings)...)
		} else {
			out = append(out, s.tcpChains(vs, m.settings)...)
		}
	}
	return out
}

// tcpChains returns a chain for each tcp route that is for this server. Where a connection
// is going and who sends it is no condition on a gateway, as in Istio.
func (s server) tcpChains(vs *resource.Resource, settings Settings) []Chain {
	var out []Chain
	for _, r := range vs.Spec.(*networkingv1alpha3.VirtualService).GetTcp() {
		matches := len(r.GetMatch()) == 0
		for _, match := range r.GetMatch() {
			matches = matches || s.isFor(vs, match.GetPort(), match.GetGateways())
		}
		if matches {
			out = append(out, newChain("", vs, r.GetRoute(), settings))
		}
	}
	return out
}

// tlsChains returns a chain for each name of each tls route that is for this server. A name
// that the server does not offer is not served, also where Istio would.
func (s server) tlsChains(vs *resource.Resource, served []Host, settings Settings) []Chain {
	var out []Chain
	for _, r := range vs.Spec.(*networkingv1alpha3.VirtualService).GetTls() {
		for _, match := range r.GetMatch() {
			if !s.isFor(vs, match.GetPort(), match.GetGateways()) {
				continue
			}
			for _, written := range match.GetSniHosts() {
				for _, name := range settings.routedNames(written, vs.Namespace, served) {
					out = append(out, newChain(name, vs, r.GetRoute(), settings))
				}
			}
		}
	}
	return out
}

// routedNames returns what a name of a tls match has in common with the served hosts. A
// short name stays as clients send it.
func (s Settings) routedNames(written, namespace string, served []Host) []Host {
	var out []Host
	whole := s.served(written, namespace)
	for _, host := range served {
		name, ok := whole.intersect(host)
		if name == whole {
			name = Host(asked(written))
		}
		if ok && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// asked returns a name as clients ask for it by TLS: in lower case, without a dot at its end.
func asked(written string) string { return strings.TrimSuffix(strings.ToLower(written), ".") }

// isFor reports whether a match that names a port and Gateways, or neither, is for a server.
func (s server) isFor(vs *resource.Resource, port uint32, gateways []string) bool {
	if port != 0 && port != s.spec.GetPort().GetNumber() {
		return false
	}
	return len(gateways) == 0 || slices.ContainsFunc(gateways, func(written string) bool {
		return gatewayName(written, vs.Namespace) == s.key()
	})
}

func newChain(name Host, vs *resource.Resource, route []*networkingv1alpha3.RouteDestination, settings Settings) Chain {
	out := Chain{VirtualService: vs, Route: route, Hosts: resolved(settings, vs.Namespace, route)}
	if name != "" {
		out.ServerNames = []Host{name}
	}
	return out
}

// destination is an entry of an HTTP, TLS or TCP route.
type destination interface {
	GetDestination() *networkingv1alpha3.Destination
}

// Receives reports whether a destination of a route is sent anything. Of several, those of
// weight 0 are not; a single one gets all, whatever its weight.
func Receives[D interface{ GetWeight() int32 }](route []D, d D) bool {
	return d.GetWeight() != 0 || len(route) == 1
}

// resolved returns the hosts of a route's destinations, in order.
func resolved[D destination](settings Settings, namespace string, route []D) []Host {
	out := make([]Host, 0, len(route))
	for _, d := range route {
		out = append(out, settings.resolve(d.GetDestination().GetHost(), namespace))
	}
	return out
}
