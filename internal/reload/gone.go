package reload

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// goneFor is how long a gateway that has gone is missed. Who takes one away for good has that much to bear.
const goneFor = 24 * time.Hour

// NewGoneMetric returns the metric of gateways that were connected and are not any more.
func NewGoneMetric(r *Reloader) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "portreeve_gateways_gone",
		Help: "Gateways, by the id of their node, that were connected to this process in the last 24 hours and are not now. Of the 16,384 that were seen last.",
	}, func() float64 { return float64(r.nodes.missed(r.options.Now())) })
}

// missed returns how many nodes have no stream, and had one not long ago.
func (n *nodes) missed(now time.Time) (count int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.entries {
		if len(e.open) == 0 && now.Sub(e.gone) < goneFor {
			count++
		}
	}
	return count
}
