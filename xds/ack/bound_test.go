package ack_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/xds/ack"
)

// TestWhatAClientSaysItHasIsBounded holds that saying it again and again does not fill memory.
func TestWhatAClientSaysItHasIsBounded(t *testing.T) {
	s := newStore(t, ack.Options{})
	st := s.Open(delta("n"))
	st.Has(ecds, map[string]string{"-first": "1"})
	for i := range 50 {
		versions := map[string]string{}
		for j := range 1000 {
			versions[fmt.Sprintf("%d-%d", i, j)] = "1"
		}
		st.Has(ecds, versions)
	}
	st.Has(ecds, map[string]string{"-first": "2"})
	got := only(t, s)
	if got.Count != 40_000 || len(got.Resources) != 100 || got.Resources[0].Name != "-first" {
		t.Errorf("%d resources are kept, and %d shown", got.Count, len(got.Resources))
	}
	for _, r := range got.Resources {
		if r.Name == "-first" && r.Accepted != "2" {
			t.Errorf("one that is known stays on %s", r.Accepted)
		}
	}
}

// TestWhatIsNeverAnsweredIsBounded holds that a gateway that asks for ever other names and answers
// nothing is remembered for few of them; what it was sent last can always be answered.
func TestWhatIsNeverAnsweredIsBounded(t *testing.T) {
	st := newStore(t, ack.Options{}).Open(delta("n"))
	const responses = 20
	for i := range responses {
		many := map[string]string{}
		for j := range 30_000 {
			many[fmt.Sprint(j)] = "1"
		}
		st.Sent(ack.Delivery{URL: ecds, Version: "1", Nonce: fmt.Sprint(i), Resources: many})
	}
	names := 0
	for i := range responses {
		d, ok := st.Acked(ecds, fmt.Sprint(i))
		names += len(d.Resources)
		if i == responses-1 && !ok {
			t.Error("the answer to what was sent last is passed by")
		}
	}
	if names > 100_000 {
		t.Errorf("%d names wait for an answer", names)
	}
}

// TestAMessageDoesNothingToATerminal holds that what is shown of a refusal is text.
func TestAMessageDoesNothingToATerminal(t *testing.T) {
	s := newStore(t, ack.Options{})
	st := s.Open(delta("n"))
	st.Sent(ack.Delivery{URL: ecds, Version: "1", Nonce: "1", Resources: map[string]string{"a": "1"}})
	st.Nacked(ecds, "1", "one\n\ttwo\x1b[2J\r\x00\u009b")
	if got := only(t, s).Refusal.Message; got != "one\n\ttwo"+strings.Replace("?[2J???", "?", "\uFFFD", -1) {
		t.Errorf("it is %q", got)
	}
}

// TestWhatIsShownOfAGatewayIsBounded holds that of many resources those are shown that matter: what
// is refused, then what is pending.
func TestWhatIsShownOfAGatewayIsBounded(t *testing.T) {
	s := newStore(t, ack.Options{})
	st := s.Open(delta("n"))
	many := map[string]string{}
	for i := range 5000 {
		many[fmt.Sprintf("a-%d", i)] = "1"
	}
	st.Sent(ack.Delivery{URL: ecds, Version: "1", Nonce: "1", Resources: many})
	st.Acked(ecds, "1")
	st.Sent(ack.Delivery{URL: ecds, Version: "2", Nonce: "2", Resources: map[string]string{"z-refused": "2", "y": "2"}})
	st.Nacked(ecds, "2", "z-refused is wrong")
	st.Sent(ack.Delivery{URL: ecds, Version: "3", Nonce: "3", Resources: map[string]string{"x-pending": "3"}})
	got := only(t, s)
	if got.State != ack.Refused || got.Count != 5003 || len(got.Resources) != 100 {
		t.Errorf("%s, %d resources, %d shown", got.State, got.Count, len(got.Resources))
	}
	var last []string
	for _, r := range got.Resources[97:] {
		last = append(last, r.Name)
	}
	if strings.Join(last, " ") != "x-pending y z-refused" {
		t.Errorf("of those that matter it shows %v", last)
	}
}

// TestWhatIsNamedByARefusalIsBounded holds how many resources a refusal names, and how much of a
// message is searched for them.
func TestWhatIsNamedByARefusalIsBounded(t *testing.T) {
	s := newStore(t, ack.Options{})
	st := s.Open(delta("n"))
	many, message := map[string]string{}, ""
	for i := range 1000 {
		name := fmt.Sprintf("a%d", i)
		many[name], message = "1", message+" "+name
	}
	st.Sent(ack.Delivery{URL: ecds, Version: "1", Nonce: "1", Resources: many})
	st.Nacked(ecds, "1", message)
	if got := only(t, s); len(got.Refusal.Resources) != 100 || got.Resources[99].Refused == "" {
		t.Errorf("%d are named", len(got.Refusal.Resources))
	}
	st.Sent(ack.Delivery{URL: ecds, Version: "2", Nonce: "2", Resources: many})
	st.Nacked(ecds, "2", strings.Repeat("x ", 1<<20)+"a1")
	if got := only(t, s).Refusal.Resources; len(got) != 0 {
		t.Errorf("all of a long message is searched: %v", got)
	}
}
