package model

import (
	"slices"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// mtlsBypasses warns of hosts that a server demands a client certificate for and that
// a server of another port answers for without one, because a VirtualService names the
// Gateways of both. On one port such hosts are kept apart (withoutDemandedHosts).
func (c serverChecks) mtlsBypasses() diag.List {
	var strict, lax []server
	redirecting := map[address][]server{}
	for at, servers := range c.servers(func(*networkingv1alpha3.Gateway) bool { return true }) {
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
	if len(strict) == 0 {
		return nil
	}
	for _, servers := range [][]server{strict, lax} {
		slices.SortFunc(servers, func(a, b server) int { return a.place().Compare(b.place()) })
	}
	demanded := c.demanded(strict)
	var out diag.List
	for _, l := range lax {
		out = append(out, c.mtlsBypass(l, strict, demanded, redirecting[l.at()])...)
	}
	return out
}

// demanded returns the servers by the hosts that they demand a certificate for.
func (c serverChecks) demanded(strict []server) map[Host][]server {
	out := map[Host][]server{}
	for _, s := range strict {
		for _, h := range s.hosts(c.settings) {
			out[h.host] = append(out[h.host], s)
		}
	}
	return out
}

// mtlsBypass reports the VirtualServices by which a server that demands nothing answers for a host
// of others that demand a certificate, each of those once. What a third server redirects to
// HTTPS is not meant.
func (c serverChecks) mtlsBypass(lax server, strict []server, demanded map[Host][]server, redirecting []server) diag.List {
	var out diag.List
	told := map[diag.Position]bool{}
	for _, vs := range c.routes[lax.key()] {
		for _, open := range lax.servedHosts(vs, c.settings) {
			candidates := strict
			if !open.Wildcard() {
				candidates = demandedFor(open, demanded)
			}
			for _, s := range candidates {
				h, bypasses := c.bypassed(s, lax, vs, open)
				if !bypasses || told[s.place()] || slices.ContainsFunc(redirecting, func(r server) bool { return c.servesAll(r, vs, h) }) {
					continue
				}
				told[s.place()] = true
				out = append(out, diagnosticAt(diag.CodeCertificateEvaded, lax.gateway, lax.path().Field("hosts"),
					"by %s this server answers for %s without the client certificate that the server at %s demands", vs.Key, h, s.place()).
					WithHint("httpsRedirect, hosts without %s, or a VirtualService for each of the servers", h))
			}
		}
	}
	return out
}

// demandedFor returns the servers that have a name among their hosts, by itself or a wildcard.
func demandedFor(name Host, demanded map[Host][]server) []server {
	out := slices.Clone(demanded[name])
	for i := range len(name) + 1 {
		out = append(out, demanded["*"+name[i:]]...)
	}
	return out
}

// bypassed returns the host of a VirtualService, served by strict, that an open host of lax takes in.
func (c serverChecks) bypassed(strict, lax server, vs *resource.Resource, open Host) (Host, bool) {
	_, possible, _ := common(selectorOf(strict), selectorOf(lax))
	if !possible || strict.at() == lax.at() || !slices.Contains(c.routes[strict.key()], vs) {
		return "", false
	}
	served := strict.servedHosts(vs, c.settings)
	i := slices.IndexFunc(served, func(h Host) bool { return h.within(open) })
	if i < 0 || !c.routesFor(lax, vs) || !c.routesFor(strict, vs) {
		return "", false
	}
	return served[i], true
}

// servesAll reports whether a server serves a host of a VirtualService, with all that it stands for.
func (c serverChecks) servesAll(s server, vs *resource.Resource, host Host) bool {
	return slices.ContainsFunc(s.servedHosts(vs, c.settings), func(o Host) bool { return host.within(o) })
}

// routesFor reports whether a VirtualService has an HTTP route that is for a server.
func (c serverChecks) routesFor(s server, vs *resource.Resource) bool {
	return slices.ContainsFunc(c.delegates.httpRoutes(vs), func(r Route) bool {
		return len(r.HTTP.GetMatch()) == 0 || slices.ContainsFunc(r.HTTP.GetMatch(), func(match *networkingv1alpha3.HTTPMatchRequest) bool {
			return s.isFor(vs, match.GetPort(), match.GetGateways())
		})
	})
}
