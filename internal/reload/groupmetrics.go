package reload

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// NewGroupMetrics returns the metrics of what policy comes to on the groups that are connected.
func NewGroupMetrics(r *Reloader) prometheus.Collector {
	gauge := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }
	return groupCollector{r,
		prometheus.NewDesc("portreeve_groups", "Groups of gateways that are connected, by what becomes of the newest generation there: held is one that the record does not take.", []string{"state"}, nil),
		gauge("portreeve_refused_generation_age_seconds", "How long the latest generation, whichever it was, has been refused to somebody; 0 while it is not."),
		gauge("portreeve_generation_age_seconds", "How long ago the newest generation was read."),
		gauge("portreeve_served_generation_age_seconds", "How long ago the oldest generation that a group of connected gateways is served was read; that of the newest where all have it."),
		gauge("portreeve_groups_refused", "Groups of gateways, of those connected, that an error keeps from the latest generation."),
		gauge("portreeve_groups_without_policy", "Groups of gateways, of those served, on which nothing is enforced."),
		gauge("portreeve_groups_without_token_demand", "Groups of gateways, of those served, on which nothing asks for a token."),
	}
}

type groupCollector struct {
	reloader                                                   *Reloader
	all, age, newest, oldest, refused, noPolicy, noTokenDemand *prometheus.Desc
}

var _ prometheus.Collector = groupCollector{}

// Describe implements prometheus.Collector.
func (c groupCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.all, c.age, c.newest, c.oldest, c.refused, c.noPolicy, c.noTokenDemand} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c groupCollector) Collect(out chan<- prometheus.Metric) {
	v, states := c.reloader.shown.Load(), map[string]float64{"served": 0, "refused": 0, "waiting": 0, "held": 0}
	var refused, noPolicy, noTokenDemand float64
	for _, g := range v.groups {
		if !g.connected {
			continue
		}
		states[v.stateOf(g)]++
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
	for state, n := range states {
		out <- prometheus.MustNewConstMetric(c.all, prometheus.GaugeValue, n, state)
	}
	c.collectAges(out, v)
	for d, n := range map[*prometheus.Desc]float64{c.age: v.refusedFor(c.reloader.options.Now()).Seconds(), c.refused: refused, c.noPolicy: noPolicy, c.noTokenDemand: noTokenDemand} {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n)
	}
}

// collectAges tells how old the newest generation is, and the oldest that is served. There is neither before the first.
func (c groupCollector) collectAges(out chan<- prometheus.Metric, v *view) {
	if v.latest == nil {
		return
	}
	now, oldest := c.reloader.options.Now(), v.latest.At
	for _, g := range v.groups {
		if g.connected && g.serving != nil && g.serving.At.Before(oldest) {
			oldest = g.serving.At
		}
	}
	for d, at := range map[*prometheus.Desc]time.Time{c.newest: v.latest.At, c.oldest: oldest} {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, max(0, now.Sub(at).Seconds()))
	}
}

// stateOf returns what becomes of the newest generation in a group that is connected.
func (v *view) stateOf(g groupView) string {
	switch {
	case v.withheld != nil:
		return "held"
	case len(g.refused) > 0:
		return "refused"
	case g.serving == nil || len(g.waiting) > 0:
		return "waiting"
	default:
		return "served"
	}
}

// refusedFor returns how long the latest generation, whichever it was, has been refused to somebody.
func (v *view) refusedFor(now time.Time) time.Duration {
	if v.refusedSince.IsZero() {
		return 0
	}
	return max(0, now.Sub(v.refusedSince))
}
