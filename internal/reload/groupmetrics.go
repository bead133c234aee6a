package reload

import "github.com/prometheus/client_golang/prometheus"

// NewGroupMetrics returns the metrics of what policy comes to on the groups that are connected.
func NewGroupMetrics(r *Reloader) prometheus.Collector {
	gauge := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	return groupCollector{r,
		gauge("portreeve_groups", "Groups of gateways that are connected."),
		gauge("portreeve_groups_refused", "Groups of gateways, of those connected, that an error keeps from the latest generation."),
		gauge("portreeve_groups_without_policy", "Groups of gateways, of those served, on which nothing is enforced."),
		gauge("portreeve_groups_without_token_demand", "Groups of gateways, of those served, on which nothing asks for a token."),
	}
}

type groupCollector struct {
	reloader                              *Reloader
	all, refused, noPolicy, noTokenDemand *prometheus.Desc
}

var _ prometheus.Collector = groupCollector{}

// Describe implements prometheus.Collector.
func (c groupCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.all, c.refused, c.noPolicy, c.noTokenDemand} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c groupCollector) Collect(out chan<- prometheus.Metric) {
	var all, refused, noPolicy, noTokenDemand float64
	for _, g := range c.reloader.shown.Load().groups {
		if !g.connected {
			continue
		}
		all++
		if len(g.refused) > 0 {
			refused++
		}
		if g.serving == nil {
			continue
		}
		if g.effect.Enforcing == 0 {
			noPolicy++
		}
		if !g.effect.AsksForToken {
			noTokenDemand++
		}
	}
	for d, n := range map[*prometheus.Desc]float64{c.all: all, c.refused: refused, c.noPolicy: noPolicy, c.noTokenDemand: noTokenDemand} {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n)
	}
}
