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
	for _, p := range []Protocol{SotW, Delta} {
		m.connected.WithLabelValues(string(p))
	}
	for _, t := range snapshot.Types() {
		m.sent.WithLabelValues(t.Short)
		m.accepted.WithLabelValues(t.Short)
		m.refused.WithLabelValues(t.Short)
	}
	return m
}

func counter(name, help string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"type"})
}

func (m metrics) register(r prometheus.Registerer, more ...prometheus.Collector) error {
	var errs *multierror.Error
	for _, c := range append([]prometheus.Collector{m.connected, m.sent, m.accepted, m.refused}, more...) {
		errs = multierror.Append(errs, r.Register(c))
	}
	return errs.ErrorOrNil()
}
