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
		Help: "What peers of the xDS port were refused: a node, its Envoy, new groups, what they asked for, connections, and connections that did not say who they are.",
	}, []string{"reason"})}
	for _, reason := range []string{"node", "envoy", "groups", "demand", "connections", "strangers"} {
		r.count.WithLabelValues(reason)
	}
	return r
}

// note counts a refusal, and logs it unless enough was logged in this minute. What the peer
// says of itself is cut.
func (r *refusals) note(kind, peer, id, reason string) {
	r.count.WithLabelValues(kind).Inc()
	r.mu.Lock()
	if now := r.now(); now.Sub(r.minute) >= time.Minute {
		r.minute, r.lines = now, 0
	}
	r.lines++
	lines := r.lines
	r.mu.Unlock()
	switch {
	case lines < logged:
		r.logger.Warn("gateway refused", "peer", peer, "node", node.Cut(id), "reason", reason)
	case lines == logged:
		r.logger.Warn("gateway refused", "peer", peer, "node", node.Cut(id), "reason", reason,
			"hint", fmt.Sprintf("further ones of this minute are not logged; portreeve_xds_refused_total counts them all, %d lines a minute are written", logged))
	}
}
