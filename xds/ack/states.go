package ack

import (
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/xds/snapshot"
)

// maxNamed bounds the gateways that the metric names: a fleet that refuses an edit refuses it as a whole.
const maxNamed = 50

// states tells how gateways stand to what they were sent. It is worked out when it is asked for, so what is made good is gone.
type states struct {
	store             *Store
	gateways, refused *prometheus.Desc
}

var _ prometheus.Collector = states{}

func newStates(s *Store) states {
	return states{s,
		prometheus.NewDesc("portreeve_xds_gateways", "Discovery streams of gateways by how they stand to what they were sent: "+
			"accepted all of it, pending (an answer is due), refused (they stay on what they had).", []string{"state"}, nil),
		prometheus.NewDesc("portreeve_xds_gateway_refused", "Discovery streams that refuse what they were sent, by node of the gateway and type. "+
			"The first 50 gateways by name are told apart, the others are \"other\"; a gateway that refuses nothing is absent.", []string{"gateway", "type"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c states) Describe(out chan<- *prometheus.Desc) {
	out <- c.gateways
	out <- c.refused
}

// Collect implements prometheus.Collector.
func (c states) Collect(out chan<- prometheus.Metric) {
	count, refused := c.store.states()
	for state, n := range count {
		out <- prometheus.MustNewConstMetric(c.gateways, prometheus.GaugeValue, float64(n), string(state))
	}
	for key, n := range bounded(refused) {
		out <- prometheus.MustNewConstMetric(c.refused, prometheus.GaugeValue, float64(n), key.gateway, key.kind)
	}
}

// refusedBy is a gateway by its node, and the short name of a type that it refuses.
type refusedBy struct{ gateway, kind string }

// states counts the streams by state, and those that refuse by gateway and type.
func (s *Store) states() (map[State]int, map[refusedBy]int) {
	count, refused := map[State]int{Accepted: 0, Pending: 0, Refused: 0}, map[refusedBy]int{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for st := range s.streams {
		state := Accepted
		for _, t := range snapshot.Types() {
			r, ok := st.types[t.URL]
			switch {
			case !ok:
			case r.stands():
				state = Refused
				refused[refusedBy{st.peer.Node, t.Short}]++
			case len(r.due) > 0 && state == Accepted:
				state = Pending
			}
		}
		count[state]++
	}
	return count, refused
}

// bounded joins the gateways beyond those that are told apart. A node may say anything of itself, and a label
// has to be text.
func bounded(refused map[refusedBy]int) map[refusedBy]int {
	gateways := map[string]bool{}
	for key := range refused {
		gateways[key.gateway] = true
	}
	ordered := slices.Sorted(maps.Keys(gateways))
	out := map[refusedBy]int{}
	for key, n := range refused {
		if i, _ := slices.BinarySearch(ordered, key.gateway); i >= maxNamed {
			key.gateway = "other"
		}
		key.gateway = strings.ToValidUTF8(key.gateway, "?")
		out[key] += n
	}
	return out
}
