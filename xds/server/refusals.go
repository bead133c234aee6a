package server

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/xds/node"
)

// logged is how many refusals a minute are logged: whoever is refused comes again, and must
// not fill the disk. The metric counts all.
const logged = 60

// refusal is one thing that a peer is refused. Of who the peer is there is what was known by then.
type refusal struct{ kind, peer, node, identity, reason string }

// refusals counts what peers are refused, and logs it.
type refusals struct {
	logger *slog.Logger
	count  *prometheus.CounterVec
	now    func() time.Time

	mu     sync.Mutex
	minute time.Time
	lines  int
}

func newRefusals(logger *slog.Logger, now func() time.Time) *refusals {
	r := &refusals{logger: logger, now: now, count: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "portreeve_xds_refused_total",
		Help: "What peers of the xDS port were refused: a node, its Envoy, new groups, what they asked for, connections, connections that did not say who they are, TLS handshakes, certificates, what their identity does not allow, and keys over plain text.",
	}, []string{"reason"})}
	for _, reason := range reasons() {
		r.count.WithLabelValues(reason)
	}
	return r
}

// reasons are the values of the metric's label.
func reasons() []string {
	return []string{
		"node", "envoy", "groups", "demand", "connections", "strangers",
		"identity", "certificate", "revoked", "mapping", "plaintext", "handshake",
	}
}

// note counts a refusal, and logs it unless enough was logged in this minute. What the peer
// says of itself is cut.
func (r *refusals) note(what refusal) {
	r.count.WithLabelValues(what.kind).Inc()
	r.mu.Lock()
	if now := r.now(); now.Sub(r.minute) >= time.Minute {
		r.minute, r.lines = now, 0
	}
	r.lines++
	lines := r.lines
	r.mu.Unlock()
	line := []any{"peer", what.peer, "node", node.Cut(what.node), "identity", what.identity, "reason", what.reason}
	switch {
	case lines < logged:
		r.logger.Warn("gateway refused", line...)
	case lines == logged:
		r.logger.Warn("gateway refused", append(line,
			"hint", fmt.Sprintf("further ones of this minute are not logged; portreeve_xds_refused_total counts them all, %d lines a minute are written", logged))...)
	}
}
