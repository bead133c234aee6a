package jwks

import (
	"cmp"
	"strings"
	"time"

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
	fetcher *Fetcher

	keys, stale, staleFor, success, failing, next, misspelt *prometheus.Desc
}

var _ prometheus.Collector = (*collector)(nil)

func newCollector(f *Fetcher) *collector {
	label := []string{"source"}
	return &collector{
		fetcher:  f,
		keys:     prometheus.NewDesc("portreeve_jwks_keys", "Keys in use by source.", label, nil),
		success:  prometheus.NewDesc("portreeve_jwks_last_success_timestamp_seconds", "When the keys of a source were last fetched or confirmed; 0 is never.", label, nil),
		stale:    prometheus.NewDesc("portreeve_jwks_stale", "1 where keys are in use that the last fetch did not confirm, else 0.", label, nil),
		staleFor: prometheus.NewDesc("portreeve_jwks_stale_seconds", "How long ago the keys of a source that the last fetch did not confirm were fetched or confirmed; 0 where it did, or there are none.", label, nil),
		next:     prometheus.NewDesc("portreeve_jwks_next_try_timestamp_seconds", "When a source is asked again.", label, nil),
		misspelt: prometheus.NewDesc("portreeve_jwks_issuer_differs", "1 where the issuer's discovery document spells the issuer otherwise than the rule, whose tokens are all refused, else 0.", label, nil),
		failing:  prometheus.NewDesc("portreeve_jwks_failed_since_timestamp_seconds", "Since when fetching from a source fails; 0 is that it does not.", label, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	out <- c.keys
	out <- c.stale
	out <- c.staleFor
	out <- c.success
	out <- c.failing
	out <- c.next
	out <- c.misspelt
}

// sourceValues are the values of the sources that share a label: addresses that differ in
// their query alone do. The worst of them is shown.
type sourceValues struct{ keys, stale, staleFor, success, failing, next, misspelt float64 }

func valuesOf(s SourceStatus, now time.Time) sourceValues {
	v := sourceValues{keys: float64(s.Keys), success: seconds(s.FetchedAt), failing: seconds(s.FailedSince), next: seconds(s.NextTry)}
	if s.State == Stale {
		v.stale, v.staleFor = 1, max(0, now.Sub(s.FetchedAt).Seconds())
	}
	if s.PublishedIssuer != "" {
		v.misspelt = 1
	}
	return v
}

// seconds returns a time as metrics have it; none is 0.
func seconds(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.UnixMilli()) / 1000
}

// worstOf returns the worst of each value of two sources that share a label.
func worstOf(v, w sourceValues) sourceValues {
	return sourceValues{
		keys: min(v.keys, w.keys), stale: max(v.stale, w.stale), staleFor: max(v.staleFor, w.staleFor), success: min(v.success, w.success),
		// The earlier failure counts, and 0 is none.
		failing: cmp.Or(min(v.failing, w.failing), max(v.failing, w.failing)),
		next:    max(v.next, w.next), misspelt: max(v.misspelt, w.misspelt),
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	values := map[string]sourceValues{}
	for _, s := range c.fetcher.Status() {
		label, v := strings.ToValidUTF8(cmp.Or(s.URI, s.Issuer), "?"), valuesOf(s, c.fetcher.options.Now())
		if other, ok := values[label]; ok {
			v = worstOf(v, other)
		}
		values[label] = v
	}
	for label, v := range values {
		for d, value := range map[*prometheus.Desc]float64{c.keys: v.keys, c.stale: v.stale, c.staleFor: v.staleFor, c.success: v.success, c.failing: v.failing, c.next: v.next, c.misspelt: v.misspelt} {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, label)
		}
	}
}
