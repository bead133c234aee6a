package model

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
)

// endedChain returns the chain of a server at which TLS ends. There is none where a secret
// is not there, or a TLS server has no route: the connections are then closed.
func (m *Model) endedChain(g Gateway, p Port, s server, on neighbours, secrets map[string]Secret) (Chain, bool) {
	tls, needed, ok := s.termination(m.credentials, g.Namespace)
	if !ok {
		return Chain{}, false
	}
	out := Chain{ServerNames: s.serverNames(), TLS: &tls}
	if s.traffic() == HTTPS {
		out.HTTP = m.httpsPort(g, p, s, on)
	} else {
		routes := m.chainsOf(g, s)
		if len(routes) == 0 {
			return Chain{}, false
		}
		out.VirtualService, out.Route, out.Hosts = routes[0].VirtualService, routes[0].Route, routes[0].Hosts
	}
	for _, secret := range needed {
		// Two secrets of one name would be taken for each other, and with them who is verified
		// by what. Nothing makes two; if something did, the server would stay closed.
		if have, taken := secrets[secret.Name]; taken && !have.same(secret) {
			return Chain{}, false
		}
	}
	for _, secret := range needed {
		// Of several places the first is told, whatever the order of the ports.
		if have, taken := secrets[secret.Name]; !taken || secret.Pos.Compare(have.Pos) < 0 {
			secrets[secret.Name] = secret
		}
	}
	return out, true
}

// httpsPort returns the routes of an HTTPS server. It has its own, whatever other servers
// are on the port.
func (m *Model) httpsPort(g Gateway, p Port, s server, on neighbours) *Port {
	name := s.name()
	hosts := collapsed(s.withoutDemandedHosts(on, m.virtualHosts(g, []server{s}), m.settings))
	return &Port{
		Bind: p.Bind, Number: p.Number, Gateways: gatewaysOf([]server{s}), Traffic: HTTPS,
		Hosts: hosts, Misdirected: s.misdirected(on.served, hosts, m.settings),
		Server: &name,
	}
}

// serverNames returns the names that clients ask a server for by TLS, in order. Of several
// with *, that one alone counts.
func (s server) serverNames() []Host {
	var out []Host
	for _, written := range s.spec.GetHosts() {
		name := Host(asked(written[strings.IndexByte(written, '/')+1:]))
		if name == "*" {
			return []Host{"*"}
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// withoutDemandedHosts takes from the routes of a server the hosts for which another server of the port
// asks for a client certificate and this one does not, or for another. The client chooses the name that it
// asks for by TLS and the host of its requests by itself: without this, *.example would let
// requests for admin.example through that admin.example wants a certificate for. Istio lets
// them through. Such requests are answered with 421, or with 404 where the other server is left out.
func (s server) withoutDemandedHosts(on neighbours, hosts []VirtualHost, settings Settings) []VirtualHost {
	own := s.hosts(settings)
	for _, other := range on.all {
		if !demandsCertificate(other) || demandsCertificate(s) && s.demand() == other.demand() {
			continue
		}
		for _, h := range other.hosts(settings) {
			if slices.ContainsFunc(own, func(o serverHost) bool { return o.host != h.host && h.host.within(o.host) }) {
				empty := VirtualHost{Host: h.host, Domains: []Host{h.host}, Elsewhere: slices.Contains(on.served, other)}
				hosts = withoutHost(hosts, own, empty)
			}
		}
	}
	slices.SortFunc(hosts, func(a, b VirtualHost) int { return cmp.Compare(a.Host, b.Host) })
	return hosts
}

func demandsCertificate(s server) bool {
	return s.traffic() == HTTPS && s.spec.GetTls().GetMode() == networkingv1alpha3.ServerTLSSettings_MUTUAL
}

// demand tells apart what servers ask of client certificates.
func (s server) demand() string {
	tls := s.spec.GetTls()
	parts := []any{tls.GetCaCertificates(), tls.GetCaCrl(), tls.GetSubjectAltNames(), tls.GetVerifyCertificateSpki(), tls.GetVerifyCertificateHash(), tls.GetInsecureSkipVerify().GetValue()}
	for _, c := range s.credentials() {
		if c.purpose == forClients {
			parts = append(parts, c.sdsName())
		}
	}
	return fmt.Sprintf("%q", parts)
}

// withoutHost empties the virtual hosts of a host that is demanded elsewhere, except those that the server
// itself names more closely. There is one afterwards, empty as is given.
func withoutHost(hosts []VirtualHost, own []serverHost, empty VirtualHost) []VirtualHost {
	demanded := empty.Host
	closer := func(h Host) bool {
		return slices.ContainsFunc(own, func(o serverHost) bool { return o.host != demanded && o.host.within(demanded) && h.within(o.host) })
	}
	found := false
	for i, h := range hosts {
		if h.Host.within(demanded) && !closer(h.Host) {
			hosts[i].Routes, hosts[i].origins, hosts[i].Elsewhere = nil, "", h.Elsewhere || empty.Elsewhere
		}
		if h.Host != demanded && demanded.within(h.Host) {
			hosts[i].Surrounds = true
		}
		found = found || h.Host == demanded
	}
	if !found {
		hosts = append(hosts, empty)
	}
	return hosts
}

// redirecting marks the virtual hosts of the servers with httpsRedirect, and adds those that
// no VirtualService serves.
func (m *Model) redirecting(g Gateway, servers []server, hosts []VirtualHost) []VirtualHost {
	at := map[Host]int{}
	for i, h := range hosts {
		at[h.Host] = i
	}
	mark := func(h Host) {
		i, there := at[h]
		if !there {
			i = len(hosts)
			hosts, at[h] = append(hosts, VirtualHost{Host: h, Domains: []Host{h}}), i
		}
		hosts[i].HTTPSOnly = true
	}
	for _, s := range servers {
		if !s.spec.GetTls().GetHttpsRedirect() {
			continue
		}
		for _, vs := range m.routesOf(g, s) {
			for _, h := range s.servedHosts(vs, m.settings) {
				mark(h)
			}
		}
		for _, h := range s.hosts(m.settings) {
			mark(h.host)
		}
	}
	slices.SortFunc(hosts, func(a, b VirtualHost) int { return cmp.Compare(a.Host, b.Host) })
	return hosts
}
