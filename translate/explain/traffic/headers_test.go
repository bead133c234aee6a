package traffic_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

func written(h traffic.Headers) string {
	var out []string
	for _, l := range h.Lines() {
		out = append(out, l.Name+": "+l.Value)
	}
	return strings.Join(out, "\n")
}

func TestHeadersAreHeldAsByEnvoy(t *testing.T) {
	h := traffic.NewHeaders([]traffic.Header{
		{Name: "X", Value: "1"}, {Name: "User-Agent", Value: "a"}, {Name: "x", Value: "2"}, {Name: "user-agent", Value: ""}, {Name: "User-agent", Value: "b"},
		{Name: "Cookie", Value: "a"}, {Name: "cookie", Value: "b"}, {Name: "accept", Value: ""}, {Name: "accept", Value: "c"},
	}, traffic.NoOthers)
	want := "x: 1\nuser-agent: a,b\nx: 2\ncookie: a\ncookie: b\naccept: c"
	if diff := cmp.Diff(want, written(h)); diff != "" {
		t.Error(diff)
	}
	if v, ok := h.Joined("x"); v != "1,2" || !ok {
		t.Error(v, ok)
	}
	if v, ok := h.Joined("y"); v != "" || ok {
		t.Error(v, ok)
	}
	if matched, there := h.Some("x", func(v string) bool { return v == "2" }); !matched || !there {
		t.Error(matched, there)
	}
	if _, there := h.Some("y", func(string) bool { return true }); there {
		t.Error("y is there")
	}
}

func TestHeadersChange(t *testing.T) {
	h := traffic.NewHeaders([]traffic.Header{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}, {Name: "a", Value: "3"}, {Name: "c", Value: "4"}, {Name: "a", Value: "5"}}, traffic.NoOthers)
	h.Set("a", "x")
	h.Set("d", "y")
	h.Remove(func(name string) bool { return name == "b" })
	h.Add("a", "z")
	if diff := cmp.Diff("a: x\nc: 4\nd: y\na: z", written(h)); diff != "" {
		t.Error(diff)
	}
}

func TestHeadersThatAreNotGivenAreNotKnown(t *testing.T) {
	for others, known := range map[traffic.Others]bool{traffic.NoOthers: true, traffic.OthersUnknown: false} {
		h := traffic.NewHeaders([]traffic.Header{{Name: "a", Value: "1"}}, others)
		if v, ok := h.Values("a"); len(v) != 1 || !ok {
			t.Error("a is given")
		}
		if _, ok := h.Values("b"); ok != known || h.Open() == known {
			t.Errorf("others %v: known %v, open %v", others, ok, h.Open())
		}
		if _, ok := h.First("b"); ok {
			t.Error("b is not given")
		}
	}
}

// TestHostIsTheAuthority holds that to Envoy the header host is :authority, under either name.
func TestHostIsTheAuthority(t *testing.T) {
	h := traffic.NewHeaders([]traffic.Header{{Name: ":authority", Value: "a.example"}}, traffic.NoOthers)
	first, _ := h.First("host")
	joined, _ := h.Joined("host")
	values, _ := h.Values("host")
	matched, there := h.Some("host", func(v string) bool { return v == "a.example" })
	if first != "a.example" || joined != "a.example" || len(values) != 1 || !matched || !there {
		t.Error(first, joined, values, matched, there)
	}
	h.Set("host", "b.example")
	if got := written(h); got != ":authority: b.example" {
		t.Error(got)
	}
}

// TestOfDoubtedHeadersNothingIsKnown holds that neither what is given nor what is written later counts.
func TestOfDoubtedHeadersNothingIsKnown(t *testing.T) {
	h := traffic.NewHeaders([]traffic.Header{{Name: "a", Value: "1"}, {Name: "b", Value: "2"}, {Name: ":path", Value: "/"}}, traffic.NoOthers)
	h.Doubt(func(name string) bool { return name != "b" })
	h.Set("a", "3")
	copied := h.Copy()
	for _, of := range []*traffic.Headers{&h, &copied} {
		_, known := of.Values("a")
		_, there := of.Joined("a")
		if known || there || !of.Unsaid("a") || !of.Unsaid("c") || of.Unsaid("b") {
			t.Error("a is known, or b is not")
		}
		if got := written(*of); got != "b: 2\n:path: /" {
			t.Error(got)
		}
	}
}
