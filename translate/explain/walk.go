package explain

import (
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
	// over says that no request gets further: one of the ends is certain.
	over bool
	// allowedBy is the index of the finding by which the request may pass, or -1.
	allowedBy int
	// upgrade is the protocol that the client asks to change to.
	upgrade string
	// chosen are the routes as Envoy holds them.
	chosen []route.Candidate
	// added are headers that filters add to answers of those behind them.
	added []traffic.Header
	// places are the routes of findings.
	places      []place
	destination *Destination
}

// place is the route that a finding is about.
type place struct {
	finding     int
	host, route int
}

func newWalk(a *asking, from way) *walk {
	return &walk{asking: a, chain: from.chain, when: from.when, stream: newStream(a, from.chain), allowedBy: noReason}
}

// run takes the connection, and the request in it, through the chain.
func (w *walk) run() {
	w.handshake()
	for _, f := range w.chain.filters {
		f(w)
	}
	if w.chain.manager != nil {
		w.chain.manager.run(w)
	}
	// A chain without a filter closes its connections.
	w.stop(traffic.Known(true), end{verdict: Closed, reason: noReason})
}

// handshake closes a connection without the certificate that clients have to have.
func (w *walk) handshake() {
	if w.stream.Mutual {
		w.notLookedAt("whether the gateway accepts the client's certificate")
	}
	if w.chain.tls == nil || !w.chain.tls.demands || w.asking.request.Certificate != nil {
		return
	}
	missing := traffic.Known(true)
	if w.asking.request.Unknown.Certificate {
		missing = traffic.DependsOn("client certificate").Not()
	}
	i := w.found(traffic.Finding{
		Filter: "transport socket", Kind: traffic.Denies, Matched: missing, Wants: "a client certificate", Saw: "none",
	})
	w.stop(missing, end{verdict: Closed, reason: i})
}

// found notes a finding, and returns its index.
func (w *walk) found(f traffic.Finding) int {
	w.stream.Findings = append(w.stream.Findings, f)
	return len(w.stream.Findings) - 1
}

// notLookedAt notes what the answer does not take into account.
func (w *walk) notLookedAt(what ...string) {
	if w.over {
		return
	}
	w.stream.NotLookedAt = append(w.stream.NotLookedAt, what...)
}

// stop ends the request under a condition, as far as it gets here.
func (w *walk) stop(when traffic.Condition, with end) {
	if w.over || when.Fails() {
		return
	}
	with.when = when
	with.reply = w.finished(with.reply)
	w.over = when.Holds()
	w.ends = append(w.ends, with)
}

// filtered ends the request by a filter: what its route does to headers of answers is done to the answer. The route is
// chosen again for it where the filter has asked for that: one token of two may be good.
func (w *walk) filtered(when traffic.Condition, with end) {
	w.rechoose()
	if len(w.chosen) == 1 && !w.over && !when.Fails() {
		var notKnown []string
		with.reply, notKnown = w.chosen[0].Answered(w.stream, with.reply)
		w.notLookedAt(notKnown...)
	}
	w.stop(when, with)
}

// run takes the request through a connection manager.
func (m *manager) run(w *walk) {
	if w.asking.request.Connection {
		w.notLookedAt("what is sent on the connection: the server of this port reads requests, so ask about one")
		w.stop(traffic.Known(true), end{verdict: Depends, reason: noReason})
		return
	}
	if w.asking.request.TLS && !w.stream.TLS {
		// The first bytes of TLS are no request; what Envoy answers the client cannot read.
		reply := traffic.Reply{Details: codecError, Flags: "DPE"}
		w.stop(traffic.Known(true), end{verdict: Closed, reply: reply, reason: noReason})
	}
	m.receive(w)
	w.chosen = m.routes.Choose(w.stream)
	m.rejectedUpgrade(w)
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

// taken is the whole condition under which one of the chosen routes is taken.
func (w *walk) taken(i int) traffic.Condition {
	out := w.chosen[i].If
	for _, before := range w.chosen[:i] {
		out = out.And(before.If.Not())
	}
	return out
}

// onRoute says whether the request is on a route, as Envoy holds it.
func (w *walk) onRoute() traffic.Condition {
	out := traffic.Known(false)
	for i := range w.chosen {
		if w.chosen[i].VirtualHost != nil {
			out = out.Or(w.chosen[i].If)
		}
	}
	return out
}
