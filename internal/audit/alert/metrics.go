package alert

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are those of alerts.
type metrics struct {
	inForce, groups                      prometheus.Gauge
	messages, heldBack, failures, missed prometheus.Counter
}

func newMetrics() *metrics {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "portreeve_audit_alert" + name, Help: help})
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "portreeve_audit_alert_" + name + "_total", Help: help})
	}
	return &metrics{
		inForce:  gauge("s", "AuditAlert objects that are in force."),
		groups:   gauge("_groups", "Groups of events that alerts tell of, or did not long ago."),
		messages: counter("messages", "Messages that alerts handed to webhooks."),
		heldBack: counter("held_back", "Messages that the rate of an alert held back and that were joined to its next one."),
		failures: counter("failures", "Messages that could not be handed to a webhook; they are tried again."),
		missed:   counter("missed_events", "Events that came too fast for alerts to look at."),
	}
}

func (m *metrics) register(r prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{m.inForce, m.groups, m.messages, m.heldBack, m.failures, m.missed} {
		if err := r.Register(c); err != nil {
			return fmt.Errorf("register the metrics of alerts: %w", err)
		}
	}
	return nil
}
