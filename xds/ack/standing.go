package ack

import (
	"cmp"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/xds/snapshot"
)

// maxOrigins bounds the places that the metric tells apart; a file can have a policy on each line.
const maxOrigins = 50

// standing counts the gateways that refuse what they were sent at present, by type and by the first
// place that it comes from. It is worked out when it is asked for, so what is made good is gone.
type standing struct {
	store *Store
	desc  *prometheus.Desc
}

var _ prometheus.Collector = standing{}

func newStanding(s *Store) standing {
	return standing{s, prometheus.NewDesc("portreeve_xds_standing_refusals",
		"Discovery streams of gateways that refuse what they were sent and stay on what they had, by type and first place in the files. "+
			"The 50 places with most of them are told apart, the others are \"other\"; it is empty where none is known.", []string{"type", "origin"}, nil)}
}

// Describe implements prometheus.Collector.
func (c standing) Describe(out chan<- *prometheus.Desc) { out <- c.desc }

// Collect implements prometheus.Collector.
func (c standing) Collect(out chan<- prometheus.Metric) {
	counts := c.store.standing()
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b refusedAt) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a.origin, b.origin), cmp.Compare(a.kind, b.kind))
	})
	bounded, origins := map[refusedAt]int{}, map[string]bool{"": true}
	for _, key := range keys {
		if !origins[key.origin] && len(origins) > maxOrigins {
			bounded[refusedAt{key.kind, "other"}] += counts[key]
			continue
		}
		origins[key.origin] = true
		bounded[key] += counts[key]
	}
	for key, n := range bounded {
		out <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(n), key.kind, key.origin)
	}
}

// refusedAt is the short name of a type, and the first place that what is refused of it comes from.
type refusedAt struct{ kind, origin string }

// standing counts the refusals that stand.
func (s *Store) standing() map[refusedAt]int {
	out := map[refusedAt]int{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for st := range s.streams {
		for _, t := range snapshot.Types() {
			r, ok := st.types[t.URL]
			if !ok || r.refusal == nil || !r.stands() {
				continue
			}
			key := refusedAt{kind: t.Short}
			if len(r.refusal.Origins) > 0 {
				key.origin = r.refusal.Origins[0].String()
			}
			out[key]++
		}
	}
	return out
}

// stands reports whether anything is refused and nothing newer of it was accepted.
func (r *record) stands() bool {
	if r.refused {
		return true
	}
	for _, res := range r.resources {
		if res.Refused != "" {
			return true
		}
	}
	return false
}
