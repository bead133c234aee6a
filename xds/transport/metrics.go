package transport

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics tell of the files.
type metrics struct {
	failures prometheus.Counter
	expiry   *prometheus.Desc
	now      func() time.Time
	// until is when what is in force of a file ends.
	until *ends
}

type ends struct {
	mu     sync.Mutex
	byFile map[string]time.Time
}

var _ prometheus.Collector = metrics{}

func newMetrics(now func() time.Time) metrics {
	return metrics{
		failures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "portreeve_xds_tls_reload_failures_total",
			Help: "How often the files of TLS for gateways were read and could not be taken. It grows for as long as they cannot.",
		}),
		expiry: prometheus.NewDesc("portreeve_xds_certificate_expiry_seconds",
			"How long the certificate of the control plane, and the first of the authorities of gateways, are still good; negative once expired.", []string{"file"}, nil),
		now: now, until: &ends{byFile: map[string]time.Time{}},
	}
}

// ends notes until when what is in force of a file is good.
func (m metrics) ends(file string, at time.Time) {
	m.until.mu.Lock()
	defer m.until.mu.Unlock()
	m.until.byFile[file] = at
}

// Describe implements prometheus.Collector.
func (m metrics) Describe(out chan<- *prometheus.Desc) { out <- m.expiry }

// Collect implements prometheus.Collector.
func (m metrics) Collect(out chan<- prometheus.Metric) {
	m.until.mu.Lock()
	until := maps.Clone(m.until.byFile)
	m.until.mu.Unlock()
	for _, file := range slices.Sorted(maps.Keys(until)) {
		out <- prometheus.MustNewConstMetric(m.expiry, prometheus.GaugeValue, until[file].Sub(m.now()).Seconds(), file)
	}
}
