package jwks

import (
	"cmp"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// register creates and registers the metrics.
func (f *Fetcher) register(r prometheus.Registerer) error {
	f.fetches = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "portreeve_jwks_fetches_total",
		Help: "Requests for keys and discovery documents by result: fetched, unchanged (304) or failed.",
	}, []string{"result"})
	for _, result := range []string{"fetched", "unchanged", "failed"} {
		f.fetches.WithLabelValues(result)
	}
	if r == nil {
		return nil
	}
	if err := r.Register(f.fetches); err != nil {
		return err
	}
	return r.Register(newCollector(f))
}

// count counts a request.
func (f *Fetcher) count(got answer, err error) {
	result := "fetched"
	switch {
	case err != nil:
		result = "failed"
	case got.unchanged:
		result = "unchanged"
	}
	f.fetches.WithLabelValues(result).Inc()
}

// collector reads the metrics of sources from their status, so none outlives its source.
type collector struct {
	fetcher                *Fetcher
	keys, success, failing *prometheus.Desc
}

var _ prometheus.Collector = (*collector)(nil)

func newCollector(f *Fetcher) *collector {
	label := []string{"source"}
	return &collector{
		fetcher: f,
		keys:    prometheus.NewDesc("portreeve_jwks_keys", "Keys in use by source.", label, nil),
		success: prometheus.NewDesc("portreeve_jwks_last_success_timestamp_seconds", "When the keys of a source were last fetched or confirmed; 0 is never.", label, nil),
		failing: prometheus.NewDesc("portreeve_jwks_failed_since_timestamp_seconds", "Since when fetching from a source fails; 0 is that it does not.", label, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	out <- c.keys
	out <- c.success
	out <- c.failing
}

// sourceValues are the values of the sources that share a label: addresses that differ in
// their query alone do. The worst of them is shown.
type sourceValues struct {
	keys             int
	success, failing float64
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	values := map[string]sourceValues{}
	for _, s := range c.fetcher.Status() {
		var success, failing float64
		if !s.FetchedAt.IsZero() {
			success = float64(s.FetchedAt.UnixMilli()) / 1000
		}
		if !s.FailedSince.IsZero() {
			failing = float64(s.FailedSince.UnixMilli()) / 1000
		}
		label := strings.ToValidUTF8(cmp.Or(s.URI, s.Issuer), "?")
		if v, ok := values[label]; ok {
			s.Keys, success = min(s.Keys, v.keys), min(success, v.success)
			// The earlier failure is the worse one, and 0 is none.
			failing = cmp.Or(min(failing, v.failing), max(failing, v.failing))
		}
		values[label] = sourceValues{s.Keys, success, failing}
	}
	for label, v := range values {
		out <- prometheus.MustNewConstMetric(c.keys, prometheus.GaugeValue, float64(v.keys), label)
		out <- prometheus.MustNewConstMetric(c.success, prometheus.GaugeValue, v.success, label)
		out <- prometheus.MustNewConstMetric(c.failing, prometheus.GaugeValue, v.failing, label)
	}
}
