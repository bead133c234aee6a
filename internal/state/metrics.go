package state

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics count what becomes of the state.
type metrics struct {
	writes    *prometheus.CounterVec
	unwritten prometheus.Gauge
	aside     prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{
		writes:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "portreeve_state_writes_total", Help: "Writes of the state directory by result."}, []string{"result"}),
		unwritten: prometheus.NewGauge(prometheus.GaugeOpts{Name: "portreeve_state_unwritten_since_timestamp_seconds", Help: "Since when there is a state that is not on disk; 0 is that all is."}),
		aside:     prometheus.NewCounter(prometheus.CounterOpts{Name: "portreeve_state_set_aside_total", Help: "Files of the state directory that could not be read and were set aside."}),
	}
	for _, result := range []string{"written", "failed"} {
		m.writes.WithLabelValues(result)
	}
	return m
}

func (m *metrics) register(r prometheus.Registerer) error {
	return errors.Join(r.Register(m.writes), r.Register(m.unwritten), r.Register(m.aside))
}

func (m *metrics) written(err error) {
	result := "written"
	if err != nil {
		result = "failed"
	}
	m.writes.WithLabelValues(result).Inc()
}

// since says since when something is to be written; the zero time is that nothing is.
func (m *metrics) since(at time.Time) {
	if at.IsZero() {
		m.unwritten.Set(0)
		return
	}
	m.unwritten.Set(float64(at.UnixMilli()) / 1000)
}
