package ack

import (
	"github.com/hashicorp/go-multierror"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/xds/snapshot"
)

// metrics count what the store is told. The labels are bounded: a type that is not delivered
// counts as "other".
type metrics struct {
	connected               *prometheus.GaugeVec
	sent, accepted, refused *prometheus.CounterVec
	edits                   *prometheus.HistogramVec
}

// newMetrics returns metrics that are all there from the beginning, at zero: a counter that
// appears with its first refusal would hide that refusal from a rate.
func newMetrics() metrics {
	m := metrics{
		connected: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "portreeve_xds_connected_gateways", Help: "Open discovery streams of gateways, by protocol.",
		}, []string{"protocol"}),
		sent:     counter("portreeve_xds_responses_sent_total", "Discovery responses sent, by type."),
		accepted: counter("portreeve_xds_acks_total", "Discovery responses that a gateway accepted, by type."),
		refused:  counter("portreeve_xds_nacks_total", "Discovery responses that a gateway refused, by type."),
	}
	m.edits = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "portreeve_edit_to_ack_seconds",
		Help: "Time from when an edit was seen until a gateway that was connected accepted the first response with it, by type. " +
			"What a gateway is sent for other reasons does not count (connecting, other keys), nor what it refuses.",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
	}, []string{"type"})
	for _, p := range []Protocol{SotW, Delta} {
		m.connected.WithLabelValues(string(p))
	}
	for _, t := range snapshot.Types() {
		m.sent.WithLabelValues(t.Short)
		m.accepted.WithLabelValues(t.Short)
		m.refused.WithLabelValues(t.Short)
		m.edits.WithLabelValues(t.Short)
	}
	return m
}

func counter(name, help string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"type"})
}

func (m metrics) register(r prometheus.Registerer, more ...prometheus.Collector) error {
	var errs *multierror.Error
	for _, c := range append([]prometheus.Collector{m.connected, m.sent, m.accepted, m.refused, m.edits}, more...) {
		errs = multierror.Append(errs, r.Register(c))
	}
	return errs.ErrorOrNil()
}
