package ack_test

import (
	"fmt"
	"testing"
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/portreeve/portreeve/xds/ack"
)

// TestTheTimeFromEditToAck holds what of what a gateway accepts counts as an edit that has reached it, and how long it took: here the
// clock moves when the test says so.
func TestTheTimeFromEditToAck(t *testing.T) {
	const policy, routes = resourcev3.ExtensionConfigType, resourcev3.RouteType
	v2 := map[string]string{policy: "v2"}
	for name, c := range map[string]struct {
		protocol ack.Protocol
		does     func(st *ack.Stream, send func(version string), wait func(seconds int))
		want     map[string]float64
	}{
		"an edit": {ack.Delta, func(st *ack.Stream, send func(string), wait func(int)) {
			st.Edited(at(0), v2)
			send("v2")
			wait(3)
			st.Acked(policy, "v2")
		}, map[string]float64{"ECDS": 3}},
		"what no edit changed": {ack.Delta, func(st *ack.Stream, send func(string), wait func(int)) {
			send("v2")
			st.Acked(policy, "v2")
		}, nil},
		"a type that is not asked for": {ack.Delta, func(st *ack.Stream, _ func(string), _ func(int)) {
			st.Edited(at(0), map[string]string{routes: "v2"})
			st.Sent(ack.Delivery{URL: routes, Version: "v2", Nonce: "r", Resources: map[string]string{"r": "1"}})
			st.Acked(routes, "r")
		}, nil},
		"only the first response": {ack.Delta, func(st *ack.Stream, send func(string), wait func(int)) {
			st.Edited(at(0), v2)
			send("v2")
			wait(1)
			st.Acked(policy, "v2")
			wait(9)
			send("v2 without what lingered")
			st.Acked(policy, "v2 without what lingered")
		}, map[string]float64{"ECDS": 1}},
		"the first edit of several": {ack.Delta, func(st *ack.Stream, send func(string), wait func(int)) {
			st.Edited(at(0), v2)
			wait(2)
			st.Edited(at(2), map[string]string{policy: "v3"})
			send("v3")
			wait(2)
			st.Acked(policy, "v3")
		}, map[string]float64{"ECDS": 4}},
		"an edit that was taken back": {ack.Delta, func(st *ack.Stream, send func(string), wait func(int)) {
			st.Edited(at(0), v2)
			st.Edited(at(0), map[string]string{policy: "v1"})
			wait(5)
			send("other keys")
			st.Acked(policy, "other keys")
		}, nil},
		"an edit that is refused": {ack.Delta, func(st *ack.Stream, send func(string), wait func(int)) {
			st.Edited(at(0), v2)
			send("v2")
			st.Nacked(policy, "v2", "no")
			wait(60)
			send("v1")
			st.Acked(policy, "v1")
		}, nil},
		"an edit that waits too long to be one": {ack.Delta, func(st *ack.Stream, send func(string), wait func(int)) {
			st.Edited(at(0), v2)
			wait(121)
			send("v2")
			st.Acked(policy, "v2")
		}, nil},
		"an edit behind one that waits too long": {ack.Delta, func(st *ack.Stream, send func(string), wait func(int)) {
			st.Edited(at(0), v2)
			wait(121)
			st.Edited(at(121), map[string]string{policy: "v3"})
			wait(2)
			send("v3")
			st.Acked(policy, "v3")
		}, map[string]float64{"ECDS": 2}},
		"a clock that is set back": {ack.Delta, func(st *ack.Stream, send func(string), wait func(int)) {
			st.Edited(at(0), v2)
			send("v2")
			wait(-3600)
			st.Acked(policy, "v2")
		}, map[string]float64{"ECDS": 0}},
		"a response that another one replaces": {ack.SotW, func(st *ack.Stream, send func(string), wait func(int)) {
			st.Edited(at(0), v2)
			send("v2")
			wait(2)
			send("v3")
			wait(2)
			st.Acked(policy, "v3")
		}, map[string]float64{"ECDS": 4}},
	} {
		t.Run(name, func(t *testing.T) {
			registry, now := prometheus.NewRegistry(), at(0)
			s, err := ack.New(ack.Options{Clock: func() time.Time { return now }, Registerer: registry})
			if err != nil {
				t.Fatal(err)
			}
			st := s.Open(ack.Peer{Node: "n", Group: "g", Protocol: c.protocol})
			send := func(version string) {
				st.Sent(ack.Delivery{URL: policy, Version: version, Nonce: version, Resources: map[string]string{"p": version}})
			}
			send("v1")
			st.Acked(policy, "v1")
			c.does(st, send, func(seconds int) { now = now.Add(time.Duration(seconds) * time.Second) })
			if diff := cmp.Diff(c.want, edits(t, registry)); diff != "" {
				t.Errorf("seconds by type (-want +got):\n%s", diff)
			}
		})
	}
}

// edits returns the sum of what was observed by type; of types without any there is none.
func edits(t *testing.T, registry *prometheus.Registry) (out map[string]float64) {
	t.Helper()
	for _, m := range family(t, registry, "portreeve_edit_to_ack_seconds") {
		if h := m.GetHistogram(); h.GetSampleCount() > 0 {
			if out == nil {
				out = map[string]float64{}
			}
			out[m.GetLabel()[0].GetValue()] = h.GetSampleSum()
		}
	}
	return out
}

func family(t *testing.T, registry *prometheus.Registry, name string) []*dto.Metric {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()
		}
	}
	return nil
}

// TestGatewaysByState holds that each stream has one state, and that of a fleet that refuses only so many are
// named, whatever they call themselves.
func TestGatewaysByState(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := newStore(t, ack.Options{Registerer: registry})
	sent := func(node string) *ack.Stream {
		st := s.Open(delta(node))
		for _, url := range []string{resourcev3.ListenerType, ecds} {
			st.Sent(ack.Delivery{URL: url, Version: "1", Nonce: "1", Resources: map[string]string{"r": "1"}})
		}
		return st
	}
	s.Open(delta("new"))
	sent("waits")
	for _, url := range []string{resourcev3.ListenerType, ecds} {
		sent("took both").Acked(url, "1")
	}
	for i := range 60 {
		st := sent(fmt.Sprintf("refuses %02d\xff", i))
		st.Nacked(ecds, "1", "no")
	}
	states := map[string]float64{}
	for _, m := range family(t, registry, "portreeve_xds_gateways") {
		states[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
	}
	if diff := cmp.Diff(map[string]float64{"accepted": 1, "pending": 3, "refused": 60}, states); diff != "" {
		t.Errorf("gateways by state (-want +got):\n%s", diff)
	}
	refused := map[string]float64{}
	for _, m := range family(t, registry, "portreeve_xds_gateway_refused") {
		if m.GetLabel()[1].GetValue() != "ECDS" {
			t.Errorf("a type that nobody refuses counts: %v", m)
		}
		refused[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
	}
	if len(refused) != 51 || refused["other"] != 10 || refused["refuses 00?"] != 1 {
		t.Errorf("refusals of gateways: %v", refused)
	}
}
