package audit

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count what is recorded, and what becomes of it.
type metrics struct {
	events *prometheus.CounterVec
	lost   *prometheus.CounterVec
	up     *prometheus.GaugeVec
	since  *prometheus.GaugeVec
	queued prometheus.GaugeFunc
}

func newMetrics(q *queue) *metrics {
	return &metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "portreeve_audit_events_total", Help: "Events of the audit record, by type."}, []string{"type"}),
		lost:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "portreeve_audit_lost_total", Help: "Events that a sink of the audit record never gets; of the sink queue, events that no sink gets."}, []string{"sink"}),
		up:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "portreeve_audit_sink_up", Help: "1 where a sink of the audit record keeps what it is given, 0 where not."}, []string{"sink"}),
		since:  prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "portreeve_audit_last_success_timestamp_seconds", Help: "When a sink of the audit record last kept what it was given."}, []string{"sink"}),
		queued: prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "portreeve_audit_queue_length", Help: "Events that wait for their place in the audit record."}, func() float64 { return float64(q.length()) }),
	}
}

func (m *metrics) register(r prometheus.Registerer) error {
	m.lost.WithLabelValues(Queue)
	return errors.Join(r.Register(m.events), r.Register(m.lost), r.Register(m.up), r.Register(m.since), r.Register(m.queued))
}

// begin shows a sink of which nothing is known yet as one that works.
func (m *metrics) begin(sink string) {
	m.up.WithLabelValues(sink).Set(1)
	m.lost.WithLabelValues(sink)
}

// took notes how a sink answered.
func (m *metrics) took(sink string, err error, at time.Time) {
	if err != nil {
		m.up.WithLabelValues(sink).Set(0)
		return
	}
	m.up.WithLabelValues(sink).Set(1)
	m.since.WithLabelValues(sink).Set(float64(at.UnixMilli()) / 1000)
}
