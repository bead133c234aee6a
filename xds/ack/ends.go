package ack

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ends tells when the first certificate of a gateway that is connected ends: a gateway whose certificate is not
// renewed goes on with the policy that it has and gets no more.
type ends struct {
	store *Store
	desc  *prometheus.Desc
}

var _ prometheus.Collector = ends{}

func newEnds(s *Store) ends {
	return ends{s, prometheus.NewDesc("portreeve_xds_gateway_certificate_expiry_seconds",
		"Seconds until the first certificate ends of those by which gateways are connected. It is absent where no gateway has one.", nil, nil)}
}

// Describe implements prometheus.Collector.
func (c ends) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

// Collect implements prometheus.Collector.
func (c ends) Collect(out chan<- prometheus.Metric) {
	if first := c.store.firstEnd(); !first.IsZero() {
		out <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, first.Sub(c.store.clock()).Seconds())
	}
}

// firstEnd returns when the first certificate of an open stream ends, or the zero time.
func (s *Store) firstEnd() (first time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for st := range s.streams {
		if end := st.peer.CertificateEnds; !end.IsZero() && (first.IsZero() || end.Before(first)) {
			first = end
		}
	}
	return first
}
