package explain

import (
	"net/netip"

	"github.com/portreeve/portreeve/translate/explain/route"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// walk is the way of one request through a chain, from filter to filter. It goes on behind a filter
// that has stopped it, so that all reasons are found; only what can be reached makes ends.
type walk struct {
	asking *asking
	chain  *chain
	// when the connection takes this chain.
	when   traffic.Condition
	stream *traffic.Stream
	ends   []end
	// over says that no request gets here: one of the ends is certain.
	over bool
	// chosen are the routes as Envoy holds them, nil where it has to choose.
	chosen      []route.Candidate
	destination *Destination
}

func newWalk(a *asking, from way) *walk {
	return &walk{asking: a, chain: from.chain, when: from.when, stream: newStream(a, from.chain)}
}

func newStream(a *asking, c *chain) *traffic.Stream {
	r := a.request
	out := &traffic.Stream{
		At: r.At, Trusted: r.Trusted, QueryUnknown: r.Unknown.Query,
		Metadata: map[string]traffic.Object{}, State: map[string]string{},
	}
	out.Destination = netip.AddrPortFrom(r.Address, uint16(r.Port)) //nolint:gosec // a port
	out.Direct, out.Remote = r.Client, r.Client
	out.TLS = c.tls != nil
	if r.TLS && a.listener.inspects {
		out.ServerName, out.ServerNameUnknown = r.ServerName, r.Unknown.ServerName
	}
	if c.tls != nil && c.tls.verifies {
		out.CertificateUnknown = r.Unknown.Certificate
		if r.Certificate != nil {
			out.Mutual, out.URIs, out.DNSNames, out.Subject = true, r.Certificate.URIs, r.Certificate.DNSNames, r.Certificate.Subject
		}
	}
	return out
}

// run takes the connection, and the request in it, through the chain.
func (w *walk) run() {
	w.handshake()
	for _, f := range w.chain.filters {
		f(w)
	}
	if w.chain.manager != nil {
		w.requests(w.chain.manager)
	}
	// A chain without a filter closes its connections.
	w.stop(traffic.Known(true), end{verdict: Closed, reason: noReason})
}

// handshake closes a connection without the certificate that clients have to have.
func (w *walk) handshake() {
	if w.chain.tls == nil || !w.chain.tls.demands || w.asking.request.Certificate != nil {
		return
	}
	missing := traffic.Known(true)
	if w.asking.request.Unknown.Certificate {
		missing = traffic.DependsOn("client certificate").Not()
	}
	w.stream.Findings = append(w.stream.Findings, traffic.Finding{
		Filter: "transport socket", Kind: traffic.Denies, Matched: missing,
		Wants: "a client certificate", Saw: "none",
	})
	w.stop(missing, end{verdict: Closed, reason: len(w.stream.Findings) - 1})
}

// stop ends the request under a condition, as far as it gets here.
func (w *walk) stop(when traffic.Condition, with end) {
	if w.over || when.Fails() {
		return
	}
	with.when = when
	w.over = when.Holds()
	w.ends = append(w.ends, with)
}

func (w *walk) stops(e traffic.Effect, verdict Verdict, reason int) {
	w.stop(e.Stops, end{verdict: verdict, reply: e.Reply, reason: reason})
}

// requests takes the request through a connection manager.
func (w *walk) requests(m *manager) {
	if w.asking.request.Connection {
		w.stop(traffic.DependsOn("the requests of the connection"), end{verdict: Answered, reason: noReason})
	}
	m.receive(w)
	w.chosen = m.routes.Choose(w.stream)
	for _, f := range m.filters {
		w.rechoose()
		f(w)
	}
}

// rechoose chooses the route again where a filter has asked for it. Envoy does so at the next filter
// that asks for its route, and all of ours do.
func (w *walk) rechoose() {
	if w.stream.RouteCleared {
		w.stream.RouteCleared = false
		w.chosen = w.chain.manager.routes.Choose(w.stream)
	}
}
