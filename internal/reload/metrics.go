package reload

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/translate/diag"
)

// Metrics counts generations.
type Metrics struct {
	generations *prometheus.CounterVec
	successful  prometheus.Gauge
	successTime prometheus.Gauge
	findings    *prometheus.GaugeVec
	unread      prometheus.Gauge
	unrecorded  prometheus.Gauge
}

// NewMetrics registers the metrics.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		generations: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "portreeve_generations_total", Help: "Policy generations by result."}, []string{"result"}),
		successful:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "portreeve_config_last_reload_successful", Help: "Whether the latest generation had no error when it was read, for all gateways and for those that were connected."}),
		successTime: prometheus.NewGauge(prometheus.GaugeOpts{Name: "portreeve_config_last_reload_success_timestamp_seconds", Help: "When the last generation without an error was read."}),
		findings:    prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "portreeve_findings", Help: "Findings of the latest generation."}, []string{"severity"}),
		unread:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "portreeve_files_held", Help: "Files and directories that cannot be read at this moment and keep what they last held."}),
		unrecorded:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "portreeve_policy_held_by_record", Help: "1 while a generation is held back because the record does not take it, else 0."}),
	}
	r.MustRegister(m.generations, m.successful, m.successTime, m.findings, m.unread, m.unrecorded)
	return m
}

// generation counts a generation with what is found about it, for all gateways and for some.
func (m *Metrics) generation(g *Generation, findings diag.List) {
	bad := len(findings.Errors())
	m.findings.WithLabelValues("error").Set(float64(bad))
	m.findings.WithLabelValues("warning").Set(float64(len(findings) - bad))
	if bad > 0 {
		m.generations.WithLabelValues("refused").Inc()
		m.successful.Set(0)
		return
	}
	m.generations.WithLabelValues("accepted").Inc()
	m.successful.Set(1)
	m.successTime.Set(float64(g.At.Unix()))
}

func (m *Metrics) held(n int) { m.unread.Set(float64(n)) }

func (m *Metrics) withheld(n int) { m.unrecorded.Set(float64(n)) }
