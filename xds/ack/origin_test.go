package ack_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/snapshot"
)

func line(n int) diag.Position { return diag.Position{File: "policy.yaml", Line: n, Column: 5} }

// TestARefusalNamesWhatWasWritten holds which places a refusal names: of the rules that stand in the
// message, or else of the resources that do, or else of all that was sent.
func TestARefusalNamesWhatWasWritten(t *testing.T) {
	trace := snapshot.Trace{
		"rbac":     diag.PlacesOf(map[string]diag.Position{"ns[a]-policy[b]-rule[1]": line(1), "ns[a]-policy[b]-rule[11]": line(11)}),
		"listener": diag.PlacesOf(map[string]diag.Position{"": line(3)}),
		"other":    diag.PlacesOf(map[string]diag.Position{"": line(4), "jwt-1": line(5)}),
	}
	for name, c := range map[string]struct {
		message string
		sent    []string
		want    []diag.Position
	}{
		"a rule":              {`invalid Policies["ns[a]-policy[b]-rule[11]"]`, []string{"rbac"}, []diag.Position{line(11)}},
		"no rule of many":     {"too large", []string{"rbac"}, []diag.Position{line(1), line(11)}},
		"a resource of two":   {"Error adding/updating listener(s) listener: cannot bind", []string{"listener", "other"}, []diag.Position{line(3)}},
		"a rule in resources": {"other: jwt-1 is wrong", []string{"listener", "other"}, []diag.Position{line(5)}},
		"nothing":             {"no", []string{"listener", "other"}, []diag.Position{line(3), line(4)}},
		"what is not traced":  {"no", []string{"made up"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t, ack.Options{})
			st := s.Open(delta("n"))
			d := ack.Delivery{URL: ecds, Nonce: "1", Resources: map[string]string{}, Trace: trace}
			for _, name := range c.sent {
				d.Resources[name] = "v"
			}
			st.Sent(d)
			_, refusal := st.Nacked(ecds, "1", c.message)
			if d := cmp.Diff(c.want, refusal.Origins); d != "" {
				t.Errorf("returned (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.want, only(t, s).Refusal.Origins); d != "" {
				t.Errorf("recorded (-want +got):\n%s", d)
			}
		})
	}
}

// TestOriginsAreBounded holds that neither a refusal of everything nor a client that never answers
// keeps much.
func TestOriginsAreBounded(t *testing.T) {
	st := newStore(t, ack.Options{}).Open(delta("n"))
	rules := map[string]diag.Position{}
	for i := range 1000 {
		rules[fmt.Sprint("rule-", i)] = line(i + 1)
	}
	for i := range 10 {
		st.Sent(ack.Delivery{URL: ecds, Nonce: fmt.Sprint(i), Resources: map[string]string{"rbac": "v"}, Trace: snapshot.Trace{"rbac": diag.PlacesOf(rules)}})
	}
	if _, refusal := st.Nacked(ecds, "0", "no"); refusal == nil || len(refusal.Origins) != 0 {
		t.Errorf("a response that was long ago is refused as %+v, want it untraced", refusal)
	}
	if _, refusal := st.Nacked(ecds, "9", "no"); len(refusal.Origins) != 100 || refusal.Origins[99] != line(100) {
		t.Errorf("%d origins", len(refusal.Origins))
	}
}

// TestTheSameRefusalAgain holds when a refusal is news: where the message or the content is another,
// or the gateway had taken it meanwhile.
func TestTheSameRefusalAgain(t *testing.T) {
	st := newStore(t, ack.Options{}).Open(delta("n"))
	nonce := 0
	refuse := func(version, message string) bool {
		nonce++
		st.Sent(ack.Delivery{URL: resourcev3.ListenerType, Nonce: fmt.Sprint(nonce), Resources: map[string]string{"a": version, "b": "1"}})
		_, refusal := st.Nacked(resourcev3.ListenerType, fmt.Sprint(nonce), message)
		return refusal.Again
	}
	for i, c := range []struct {
		version, message string
		again            bool
	}{{"1", "a is busy", false}, {"1", "a is busy", true}, {"1", "a is broken", false}, {"2", "a is broken", false}, {"2", "a is broken", true}} {
		if got := refuse(c.version, c.message); got != c.again {
			t.Errorf("refusal %d: again is %v", i, got)
		}
	}
	st.Sent(ack.Delivery{URL: resourcev3.ListenerType, Nonce: "taken", Resources: map[string]string{"a": "2"}})
	st.Acked(resourcev3.ListenerType, "taken")
	if refuse("2", "a is broken") {
		t.Error("it is not news although it was taken meanwhile")
	}
}

// TestPolicyThatIsAcceptedUnread holds that policy which was refused does not pass for accepted where
// the gateway says yes to the same content: Envoy does not look at it again. Other content does.
func TestPolicyThatIsAcceptedUnread(t *testing.T) {
	for _, p := range []ack.Protocol{ack.Delta, ack.SotW} {
		t.Run(string(p), func(t *testing.T) {
			s := newStore(t, ack.Options{})
			peer := delta("n")
			peer.Protocol = p
			st := s.Open(peer)
			nonce := 0
			send := func(policy, other string) string {
				nonce++
				d := ack.Delivery{URL: ecds, Version: policy + other, Nonce: fmt.Sprint(nonce), Resources: map[string]string{"policy": policy, "other": other}}
				if p == ack.SotW {
					d.Hashes, d.Resources = d.Resources, map[string]string{"policy": d.Version, "other": d.Version}
				}
				st.Sent(d)
				return d.Nonce
			}
			st.Acked(ecds, send("1", "1"))
			st.Nacked(ecds, send("bad", "1"), "policy: no")
			d, ok := st.Acked(ecds, send("bad", "2"))
			if got := only(t, s); !ok || !slices.Equal(d.Unread, []string{"policy"}) || got.State != ack.Refused || got.Accepted != "11" {
				t.Errorf("accepted unread: %v, %+v", d.Unread, got)
			}
			d, _ = st.Acked(ecds, send("good", "2"))
			if got := only(t, s); len(d.Unread) != 0 || got.State != ack.Accepted || got.Accepted != "good2" {
				t.Errorf("after the repair: %v, %+v", d.Unread, got)
			}
		})
	}
}

// TestTheMetricOfStandingRefusals holds what it counts, that it tells a bounded number of places
// apart, and that what is made good is gone.
func TestTheMetricOfStandingRefusals(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	s := newStore(t, ack.Options{Registerer: reg})
	refuse := func(n int) *ack.Stream {
		st := s.Open(delta(fmt.Sprint("gateway-", n)))
		st.Sent(ack.Delivery{URL: resourcev3.ListenerType, Nonce: "1", Resources: map[string]string{"l": "v"}, Trace: snapshot.Trace{"l": diag.PlacesOf(map[string]diag.Position{"": line(n)})}})
		st.Nacked(resourcev3.ListenerType, "1", "no")
		return st
	}
	first := refuse(7)
	refuse(7)
	const series = "portreeve_xds_standing_refusals "
	if got := gather(t, reg)[series+"policy.yaml:7:5"]; got != 2 {
		t.Errorf("%v gateways refuse the line, want 2", got)
	}
	first.Sent(ack.Delivery{URL: resourcev3.ListenerType, Nonce: "2", Resources: map[string]string{"l": "w"}})
	first.Acked(resourcev3.ListenerType, "2")
	if got := gather(t, reg)[series+"policy.yaml:7:5"]; got != 1 {
		t.Errorf("%v gateways refuse the line after one has taken a newer one, want 1", got)
	}
	for n := range 200 {
		refuse(1000 + n)
	}
	count, all := 0, 0.0
	for name, value := range gather(t, reg) {
		if strings.HasPrefix(name, series) {
			count, all = count+1, all+value
		}
	}
	if count != 51 || all != 201 {
		t.Errorf("%d series count %v gateways, want 51 and 201", count, all)
	}
}
