package sink

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of a Set, taken when they are asked for.
type metrics struct{ set *Set }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("portreeve_audit_"+name, help, append([]string{"sink"}, labels...), nil)
}

// Describe implements prometheus.Collector.
func (m metrics) Describe(c chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, c) }

// Collect implements prometheus.Collector.
func (m metrics) Collect(c chan<- prometheus.Metric) {
	for _, name := range m.set.order {
		m.set.senders[name].collect(c)
	}
}

func (s *sender) collect(c chan<- prometheus.Metric) {
	gauge := func(name, help string, value float64) {
		c <- prometheus.MustNewConstMetric(describe(name, help), prometheus.GaugeValue, value, s.name)
	}
	up := 0.0
	if s.health.up() {
		up = 1
	}
	events, bytes, age := s.queue.waiting(s.now())
	gauge("delivery_up", "Whether a sink takes events: 0 after three failures in a row.", up)
	gauge("spool_events", "Events that wait to be delivered.", float64(events))
	gauge("spool_bytes", "Bytes of events that wait to be delivered.", float64(bytes))
	gauge("spool_oldest_seconds", "Age of the oldest event that waits to be delivered; 0 where none does.", age.Seconds())
	s.mu.Lock()
	defer s.mu.Unlock()
	c <- prometheus.MustNewConstMetric(describe("delivered_total", "Events that a sink has taken."), prometheus.CounterValue, float64(s.delivered), s.name)
	for _, why := range []reason{full, refused, brokenSpool} {
		c <- prometheus.MustNewConstMetric(describe("delivery_lost_total", "Events that a sink will never get: there was no room (full), it refused them for too long (refused), or the spool was not whole (broken).", "reason"),
			prometheus.CounterValue, float64(s.losses[why]), s.name, string(why))
	}
}

// waiting returns how much waits, and for how long.
func (q *queue) waiting(now time.Time) (events int, bytes int64, age time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.events > 0 {
		age = max(0, now.Sub(q.oldest))
	}
	return q.events, q.bytes, age
}

// aged notes when the entry came that is delivered next.
func (q *queue) aged(at time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.oldest = at
}
