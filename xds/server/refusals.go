package server

import (
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/pace"
)

// The bounds of what is logged of refusals: lines a minute, and those of one gateway, who comes again every few
// seconds and must not hide the others. The metric counts all.
const refusalLines, refusalLinesOfOne = 60, 10

// Refusal is one thing that a peer is refused. Of who the peer is there is what was known by then.
type Refusal struct {
	// Kind is one of the values of the label of portreeve_xds_refused_total.
	Kind string
	// Peer is the address that it comes from.
	Peer string
	// Node is the id that it claims, cut, and Identity what its connection has proved. Both may be empty.
	Node, Identity string
	// Reason says it in a sentence.
	Reason string
}

// refusals counts what peers are refused, logs it and tells of it.
type refusals struct {
	logger *slog.Logger
	tell   func(Refusal)
	count  *prometheus.CounterVec
	limit  *pace.Limit
}

func newRefusals(logger *slog.Logger, tell func(Refusal), now func() time.Time) *refusals {
	if tell == nil {
		tell = func(Refusal) {}
	}
	r := &refusals{logger: logger, tell: tell, limit: pace.New(refusalLines, refusalLinesOfOne, now), count: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "portreeve_xds_refused_total",
		Help: "What peers of the xDS port were refused: a node, its Envoy, new groups, a stream where as many are served as may be, what they asked for, connections, connections that did not say who they are, TLS handshakes, certificates, what their identity does not allow, and keys over plain text.",
	}, []string{"reason"})}
	for _, reason := range reasons() {
		r.count.WithLabelValues(reason)
	}
	return r
}

// reasons are the values of the metric's label.
func reasons() []string {
	return []string{
		"node", "envoy", "groups", "streams", "demand", "connections", "strangers",
		"identity", "certificate", "revoked", "mapping", "plaintext", "handshake",
	}
}

// note counts a refusal and tells of it, and logs it unless enough was logged in this minute. What the peer
// says of itself is cut.
func (r *refusals) note(what Refusal) {
	what.Node = node.Cut(what.Node)
	r.count.WithLabelValues(what.Kind).Inc()
	r.tell(what)
	if more, ok := r.limit.Take(hostOf(what.Peer) + " " + what.Node); ok {
		r.logger.Warn("gateway refused", append([]any{"peer", what.Peer, "node", what.Node, "identity", what.Identity, "reason", what.Reason}, more...)...)
	}
}

// hostOf returns an address without its port.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}
