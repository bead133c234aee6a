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
	st.Has(ecds, map[string]string{"first": "1"})
	for i := range 50 {
		versions := map[string]string{}
		for j := range 1000 {
			versions[fmt.Sprintf("%d-%d", i, j)] = "1"
		}
		st.Has(ecds, versions)
	}
	st.Has(ecds, map[string]string{"first": "2"})
	got := only(t, s).Resources
	if len(got) != 40_000 {
		t.Errorf("%d resources are kept", len(got))
	}
	for _, r := range got {
		if r.Name == "first" && r.Accepted != "2" {
			t.Errorf("one that is known stays on %s", r.Accepted)
		}
	}
}

// TestAMessageDoesNothingToATerminal holds that what is shown of a refusal is text.
func TestAMessageDoesNothingToATerminal(t *testing.T) {
	s := newStore(t, ack.Options{})
	st := s.Open(delta("n"))
	st.Sent(ack.Delivery{URL: ecds, Version: "1", Nonce: "1", Resources: map[string]string{"a": "1"}})
	st.Refused(ecds, "1", "one\n\ttwo\x1b[2J\r\x00\u009b")
	if got := only(t, s).Refusal.Message; got != "one\n\ttwo"+strings.Replace("?[2J???", "?", "\uFFFD", -1) {
		t.Errorf("it is %q", got)
	}
}
