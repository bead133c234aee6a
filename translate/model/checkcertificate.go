package model

import (
	"slices"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// withoutCertificate warns of hosts that a server demands a client certificate for and that
// a server of another port answers for without one, because a VirtualService names the
// Gateways of both. On one port such hosts are kept apart (guarded).
func (m *Model) withoutCertificate() diag.List {
	var strict, lax []server
	redirecting := map[address][]server{}
	for at, servers := range m.servers(func(*networkingv1alpha3.Gateway) bool { return true }) {
		for _, s := range servers {
			switch {
			case demandsCertificate(s):
				strict = append(strict, s)
			case s.spec.GetTls().GetHttpsRedirect() && s.traffic() == HTTP:
				redirecting[at] = append(redirecting[at], s)
			case s.traffic().requests():
				lax = append(lax, s)
			}
		}
	}
	var out diag.List
	for _, s := range strict {
		for _, l := range lax {
			if _, possible, _ := common(selectorOf(s), selectorOf(l)); possible && s.at() != l.at() {
				out = append(out, m.evading(s, l, redirecting[l.at()])...)
			}
		}
	}
	return out
}

// at is the address that a server listens on.
func (s server) at() address { return address{boundTo(s.spec.GetBind()), s.spec.GetPort().GetNumber()} }

// evading reports the first VirtualService by which a server that demands nothing answers for a
// host of one that demands a certificate, unless a third server redirects that to HTTPS.
func (m *Model) evading(strict, lax server, redirecting []server) diag.List {
	for _, vs := range m.routes[strict.key()] {
		if !slices.Contains(m.routes[lax.key()], vs) || !m.routesFor(lax, vs) || !m.routesFor(strict, vs) {
			continue
		}
		open := m.servedHosts(lax, vs)
		for _, h := range m.servedHosts(strict, vs) {
			covers := func(o Host) bool { return h.within(o) }
			redirected := slices.ContainsFunc(redirecting, func(r server) bool { return slices.ContainsFunc(m.servedHosts(r, vs), covers) })
			if redirected || !slices.ContainsFunc(open, covers) {
				continue
			}
			return diag.List{finding(diag.CodeCertificateEvaded, lax.gateway, lax.path().Field("hosts"),
				"by %s this server answers for %s without the client certificate that the server at %s demands", vs.Key, h, strict.gateway.Origin.At(strict.path())).
				WithHint("httpsRedirect, hosts without %s, or a VirtualService for each of the servers", h)}
		}
	}
	return nil
}

// routesFor reports whether a VirtualService has an HTTP route that is for a server.
func (m *Model) routesFor(s server, vs *resource.Resource) bool {
	return slices.ContainsFunc(m.httpRoutes(vs), func(r Route) bool {
		return len(r.HTTP.GetMatch()) == 0 || slices.ContainsFunc(r.HTTP.GetMatch(), func(match *networkingv1alpha3.HTTPMatchRequest) bool {
			return m.forServer(s, vs, match.GetPort(), match.GetGateways())
		})
	})
}
