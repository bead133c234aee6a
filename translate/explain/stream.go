package explain

import (
	"net/netip"
	"strings"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// usualFindings is for how many findings there is room from the start. A gateway with more rules seldom looks at them all.
const usualFindings = 256

// newStream is a connection, before any filter.
func newStream(a *asking, c *chain) *traffic.Stream {
	r := a.request
	out := &traffic.Stream{
		At: r.At, Trusted: r.Trusted, QueryUnknown: r.Unknown.Query, AbsentParameters: r.Unknown.AbsentParameters,
		Metadata: map[string]traffic.Object{}, State: map[string]traffic.Text{},
		Findings: make([]traffic.Finding, 0, min(len(a.gateway.origins.rules)+1, usualFindings)),
	}
	out.Destination = netip.AddrPortFrom(r.Address, uint16(r.Port)) //nolint:gosec // a port
	if !r.Address.IsValid() && a.listener.address.IsValid() && !a.listener.address.IsUnspecified() {
		out.Destination = netip.AddrPortFrom(a.listener.address, uint16(r.Port)) //nolint:gosec // a port
	}
	// A socket of both versions tells of IPv4 as IPv6, which Envoy takes back; the PROXY protocol is taken at its word.
	out.Direct, out.Remote = unmapped(r.Client), unmapped(r.Client)
	if a.listener.proxied {
		out.Direct, out.Remote = unmapped(r.Proxy), r.Client
	}
	out.TLS = c.tls != nil
	if r.TLS && a.listener.inspects {
		out.ServerName, out.ServerNameUnknown = strings.ToLower(r.ServerName), r.Unknown.ServerName
	}
	if c.tls != nil && c.tls.verifies {
		out.CertificateUnknown = r.Unknown.Certificate
		if r.Certificate != nil {
			out.Mutual, out.URIs, out.DNSNames, out.Subject = true, r.Certificate.URIs, r.Certificate.DNSNames, r.Certificate.Subject
		}
	}
	return out
}

// unmapped is the address of a socket as Envoy holds it.
func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
