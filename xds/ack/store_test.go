package ack_test

import (
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/xds/ack"
)

const ecds = resourcev3.ExtensionConfigType

// clock ticks a second each time that it is read.
func clock() func() time.Time {
	var mu sync.Mutex
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
}

func newStore(t *testing.T, o ack.Options) *ack.Store {
	t.Helper()
	o.Clock = clock()
	s, err := ack.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func delta(node string) ack.Peer {
	return ack.Peer{Node: node, Group: "g", Address: "127.0.0.1:1", Protocol: ack.Delta}
}

// only returns the one type of the one gateway.
func only(t *testing.T, s *ack.Store) ack.Type {
	t.Helper()
	g := s.Gateways()
	if len(g) != 1 || len(g[0].Types) != 1 {
		t.Fatalf("gateways = %+v, want one with one type", g)
	}
	return g[0].Types[0]
}

func at(second int) time.Time { return time.Date(2026, 1, 1, 0, 0, second, 0, time.UTC) }

func TestAcceptAndRefuse(t *testing.T) {
	s := newStore(t, ack.Options{})
	st := s.Open(delta("n"))
	st.Sent(ack.Delivery{URL: ecds, Version: "v1", Nonce: "1", Resources: map[string]string{"allow": "a1", "deny": "d1"}})
	if got := only(t, s); got.State != ack.Pending || got.Accepted != "" {
		t.Errorf("after sending: %+v", got)
	}
	st.Acked(ecds, "1")
	st.Sent(ack.Delivery{URL: ecds, Version: "v2", Nonce: "2", Resources: map[string]string{"deny": "d2"}})
	st.Nacked(ecds, "2", "no such thing")
	want := ack.Type{
		URL: ecds, Name: "ECDS", State: ack.Refused,
		Sent: ack.Response{Version: "v2", Nonce: "2", At: at(3)}, Accepted: "v1",
		Refusal: &ack.Refusal{Version: "v2", At: at(4), Message: "no such thing", Resources: []string{"deny"}},
		Count:   2, Resources: []ack.Resource{{Name: "allow", Sent: "a1", Accepted: "a1"}, {Name: "deny", Sent: "d2", Accepted: "d1", Refused: "d2"}},
	}
	if d := cmp.Diff(want, only(t, s)); d != "" {
		t.Errorf("after the refusal (-want +got):\n%s", d)
	}

	// A request that repeats the nonce to change its subscription accepts nothing.
	st.Acked(ecds, "2")
	if d := cmp.Diff(want, only(t, s)); d != "" {
		t.Errorf("after a repeated nonce (-want +got):\n%s", d)
	}

	// In delta an accepted neighbour does not make the refused resource good.
	st.Sent(ack.Delivery{URL: ecds, Version: "v3", Nonce: "3", Resources: map[string]string{"allow": "a2"}})
	st.Acked(ecds, "3")
	if got := only(t, s); got.State != ack.Refused || got.Accepted != "v3" {
		t.Errorf("after a neighbour was accepted: %+v", got)
	}

	st.Sent(ack.Delivery{URL: ecds, Version: "v4", Nonce: "4", Resources: map[string]string{"deny": "d3"}})
	st.Acked(ecds, "4")
	if got := only(t, s); got.State != ack.Accepted || got.Refusal == nil || got.Resources[1] != (ack.Resource{Name: "deny", Sent: "d3", Accepted: "d3"}) {
		t.Errorf("after the repair: %+v", got)
	}
}

func TestRemoved(t *testing.T) {
	s := newStore(t, ack.Options{})
	st := s.Open(delta("n"))
	st.Sent(ack.Delivery{URL: ecds, Version: "v1", Nonce: "1", Resources: map[string]string{"allow": "a1", "deny": "d1"}})
	st.Acked(ecds, "1")
	st.Sent(ack.Delivery{URL: ecds, Version: "v2", Nonce: "2", Removed: []string{"deny", "unknown"}})
	if got := only(t, s).Resources; len(got) != 2 || got[1] != (ack.Resource{Name: "deny", Accepted: "d1"}) {
		t.Errorf("resources while the removal is due: %+v", got)
	}
	st.Acked(ecds, "2")
	if got := only(t, s).Resources; len(got) != 1 || got[0].Name != "allow" {
		t.Errorf("resources after the removal: %+v", got)
	}
}

// In state-of-the-world a response replaces what was there.
func TestStateOfTheWorld(t *testing.T) {
	s := newStore(t, ack.Options{})
	p := delta("n")
	p.Protocol = ack.SotW
	st := s.Open(p)
	st.Sent(ack.Delivery{URL: ecds, Version: "v1", Nonce: "1", Resources: map[string]string{"allow": "v1", "deny": "v1"}})
	st.Sent(ack.Delivery{URL: ecds, Version: "v2", Nonce: "2", Resources: map[string]string{"allow": "v2"}})
	st.Acked(ecds, "1") // too late: it is not the last one
	if got := only(t, s); got.State != ack.Pending || got.Accepted != "" {
		t.Errorf("after a late answer: %+v", got)
	}
	st.Acked(ecds, "2")
	got := only(t, s)
	if d := cmp.Diff([]ack.Resource{{Name: "allow", Sent: "v2", Accepted: "v2"}}, got.Resources); d != "" || got.Accepted != "v2" {
		t.Errorf("accepted %q, resources (-want +got):\n%s", got.Accepted, d)
	}
}

// A gateway that comes back with what is current is up to date without being sent anything.
func TestReconnected(t *testing.T) {
	s := newStore(t, ack.Options{})
	st := s.Open(delta("n"))
	st.Has(ecds, map[string]string{"deny": "d1"})
	st.Current(ecds, "v1")
	want := ack.Type{URL: ecds, Name: "ECDS", State: ack.Accepted, Accepted: "v1", Count: 1, Resources: []ack.Resource{{Name: "deny", Accepted: "d1"}}}
	if d := cmp.Diff(want, only(t, s)); d != "" {
		t.Errorf("type (-want +got):\n%s", d)
	}
	st.Sent(ack.Delivery{URL: ecds, Version: "v2", Nonce: "1", Resources: map[string]string{"deny": "d2"}})
	st.Nacked(ecds, "1", "no")
	st.Current(ecds, "v2") // what was refused must never be taken for accepted
	if got := only(t, s); got.Accepted != "v1" || got.State != ack.Refused {
		t.Errorf("after a refusal: %+v", got)
	}
}

func TestRefusedNames(t *testing.T) {
	sent := map[string]string{"http": "1", "http-2": "1", "0.0.0.0_80": "1", "edge/allow": "1"}
	for name, tc := range map[string]struct {
		message string
		want    []string
	}{
		"none":         {"something is wrong", []string{}},
		"one":          {"Error adding/updating listener(s) http: no filter chain", []string{"http"}},
		"longer name":  {"Error adding/updating listener(s) http-2: no filter chain\n", []string{"http-2"}},
		"two":          {"Error adding/updating listener(s) 0.0.0.0_80: x, http-2: y", []string{"0.0.0.0_80", "http-2"}},
		"quoted":       {`Unable to read "edge/allow".`, []string{"edge/allow"}},
		"end":          {"cannot warm http", []string{"http"}},
		"inside words": {"xhttp httpx my/http http/2", []string{}},
		"after a part": {"http-2x, then http.", []string{"http"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, ack.Options{})
			st := s.Open(delta("n"))
			st.Sent(ack.Delivery{URL: ecds, Version: "v", Nonce: "1", Resources: sent})
			st.Nacked(ecds, "1", tc.message)
			got := only(t, s)
			if d := cmp.Diff(tc.want, got.Refusal.Resources); d != "" {
				t.Errorf("resources (-want +got):\n%s", d)
			}
			blamed := 0
			for _, r := range got.Resources {
				if r.Refused != "" {
					blamed++
				}
			}
			if want := len(tc.want); blamed != want && !(want == 0 && blamed == len(sent)) {
				t.Errorf("%d resources are marked as refused, want %d, or all where none is named", blamed, want)
			}
		})
	}
}

func TestLongMessageIsCut(t *testing.T) {
	s := newStore(t, ack.Options{})
	st := s.Open(delta("n"))
	st.Sent(ack.Delivery{URL: ecds, Version: "v", Nonce: "1"})
	st.Nacked(ecds, "1", "x"+strings.Repeat("é", 1<<20))
	if m := only(t, s).Refusal.Message; len(m) > 9<<10 || !utf8.ValidString(m) {
		t.Errorf("message of %d bytes, valid %v", len(m), utf8.ValidString(m))
	}
}

func TestEvents(t *testing.T) {
	var got []ack.Event
	var s *ack.Store
	s = newStore(t, ack.Options{Observe: func(e ack.Event) {
		s.Gateways() // an observer may read the store
		got = append(got, e)
	}})
	p := delta("n")
	st := s.Open(p)
	st.Sent(ack.Delivery{URL: ecds, Version: "v1", Nonce: "1", Resources: map[string]string{"b": "1", "a": "1"}})
	st.Nacked(ecds, "1", "bad a")
	st.Nacked(ecds, "1", "bad a") // answered before
	st.Sent(ack.Delivery{URL: ecds, Version: "v2", Nonce: "2"})
	st.Acked(ecds, "2")
	st.Sent(ack.Delivery{URL: ecds, Version: "v3", Nonce: "3", Resources: map[string]string{"b": "1", "a": "2"}})
	st.Acked(ecds, "3")
	st.Close()
	st.Close()
	want := []ack.Event{
		{Kind: ack.Connected, Peer: p},
		{Kind: ack.ResponseSent, Peer: p, URL: ecds, Name: "ECDS", Version: "v1", Resources: []string{"a", "b"}},
		{Kind: ack.ResponseRefused, Peer: p, URL: ecds, Name: "ECDS", Version: "v1", Resources: []string{"a", "b"}, Refusal: &ack.Refusal{
			Version: "v1", At: at(3), Message: "bad a", Resources: []string{"a"},
		}},
		{Kind: ack.ResponseSent, Peer: p, URL: ecds, Name: "ECDS", Version: "v2"},
		{Kind: ack.ResponseAccepted, Peer: p, URL: ecds, Name: "ECDS", Version: "v2"},
		{Kind: ack.ResponseSent, Peer: p, URL: ecds, Name: "ECDS", Version: "v3", Resources: []string{"a", "b"}},
		{Kind: ack.ResponseAccepted, Peer: p, URL: ecds, Name: "ECDS", Version: "v3", Resources: []string{"a", "b"}, Mended: []string{"a"}},
		{Kind: ack.Disconnected, Peer: p},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("events (-want +got):\n%s", d)
	}
	if g := s.Gateways(); len(g) != 0 {
		t.Errorf("closed streams are remembered: %+v", g)
	}
}

func TestGatewaysAreSortedCopies(t *testing.T) {
	s := newStore(t, ack.Options{})
	for _, n := range []string{"b", "a", "c", "a"} {
		st := s.Open(delta(n))
		st.Sent(ack.Delivery{URL: resourcev3.SecretType, Version: "v", Nonce: "2"})
		st.Sent(ack.Delivery{URL: ecds, Version: "v", Nonce: "1", Resources: map[string]string{"x": "1"}})
		st.Sent(ack.Delivery{URL: resourcev3.ClusterType, Version: "v", Nonce: "3"})
	}
	got := s.Gateways()
	var nodes, types []string
	for _, g := range got {
		nodes = append(nodes, g.Node)
	}
	for _, typ := range got[0].Types {
		types = append(types, typ.Name)
	}
	if d := cmp.Diff([]string{"a", "a", "b", "c"}, nodes); d != "" || !got[0].Since.Before(got[1].Since) {
		t.Errorf("nodes (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"CDS", "SDS", "ECDS"}, types); d != "" {
		t.Errorf("types (-want +got):\n%s", d)
	}
	got[0].Types[2].Resources[0].Sent = "changed"
	if s.Gateways()[0].Types[2].Resources[0].Sent != "1" {
		t.Error("a value leads back into the store")
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := newStore(t, ack.Options{Registerer: reg})
	st := s.Open(delta("n"))
	s.Open(delta("m")).Close()
	st.Sent(ack.Delivery{URL: ecds, Version: "v", Nonce: "1"})
	st.Sent(ack.Delivery{URL: ecds, Version: "v", Nonce: "2"})
	st.Acked(ecds, "1")
	st.Nacked(ecds, "2", "no")
	want := map[string]float64{
		"portreeve_xds_connected_gateways delta": 1, "portreeve_xds_connected_gateways sotw": 0,
		"portreeve_xds_responses_sent_total ECDS": 2, "portreeve_xds_acks_total ECDS": 1, "portreeve_xds_nacks_total ECDS": 1, "portreeve_xds_standing_refusals ": 1,
		"portreeve_xds_gateways accepted": 0, "portreeve_xds_gateways pending": 0, "portreeve_xds_gateways refused": 1, "portreeve_xds_gateway_refused n": 1,
		"portreeve_edit_to_ack_seconds ECDS": 0,
	}
	// Every series is there from the beginning.
	for _, typ := range []string{"CDS", "EDS", "LDS", "RDS", "SDS"} {
		for _, name := range []string{"responses_sent", "acks", "nacks"} {
			want["portreeve_xds_"+name+"_total "+typ] = 0
		}
		want["portreeve_edit_to_ack_seconds "+typ] = 0
	}
	if d := cmp.Diff(want, gather(t, reg)); d != "" {
		t.Errorf("series (-want +got):\n%s", d)
	}
	if _, err := ack.New(ack.Options{Clock: clock(), Registerer: reg}); err == nil {
		t.Error("a second store on one registry is not an error")
	}
}

// gather returns the value of each series, by metric and label value.
func gather(t *testing.T, g prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			out[f.GetName()+" "+m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return out
}

// A client that never answers must not fill memory; the newest response stays answerable.
func TestUnansweredAreBounded(t *testing.T) {
	s := newStore(t, ack.Options{})
	st := s.Open(delta("n"))
	for range 1000 {
		st.Sent(ack.Delivery{URL: ecds, Version: "old", Nonce: "old"})
	}
	st.Sent(ack.Delivery{URL: ecds, Version: "new", Nonce: "new"})
	st.Acked(ecds, "new")
	if got := only(t, s).Accepted; got != "new" {
		t.Errorf("accepted = %q", got)
	}
	n := 0
	for only(t, s).State == ack.Pending && n < 1000 {
		st.Acked(ecds, "old")
		n++
	}
	if n >= 100 {
		t.Errorf("%d unanswered responses were kept", n)
	}
}

func TestConcurrentUse(t *testing.T) {
	s := newStore(t, ack.Options{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				st := s.Open(delta("n"))
				st.Sent(ack.Delivery{URL: ecds, Version: "v", Nonce: "1", Resources: map[string]string{"a": "1"}})
				st.Acked(ecds, "1")
				s.Gateways()
				st.Close()
			}
		})
	}
	wg.Wait()
	if g := s.Gateways(); len(g) != 0 {
		t.Errorf("%d streams are left", len(g))
	}
}
