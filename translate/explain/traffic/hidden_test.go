package traffic

import "testing"

// TestNothingIsKnownOfAHiddenHeader holds that neither its value nor its absence is taken for known, until it is
// set or removed.
func TestNothingIsKnownOfAHiddenHeader(t *testing.T) {
	h := NewHeaders([]Header{{Name: "x-a", Value: "1"}, {Name: "x-b", Value: "2"}}, NoOthers)
	h.Hide("x-a")
	h.Add("x-a", "3")
	copied := h.Copy()
	for what, of := range map[string]*Headers{"itself": &h, "a copy": &copied} {
		if _, known := of.Values("x-a"); known || !of.Unsaid("x-a") {
			t.Errorf("%s: x-a is known", what)
		}
		if value, known := of.First("x-b"); value != "2" || !known || of.Unsaid("x-b") {
			t.Errorf("%s: x-b is not known", what)
		}
	}
	h.Set("x-a", "4")
	if value, known := h.First("x-a"); value != "4" || !known || h.Unsaid("x-a") {
		t.Errorf("what is set: %q, known %t", value, known)
	}
	copied.Remove(func(name string) bool { return name == "x-a" })
	if _, known := copied.Values("x-a"); !known {
		t.Error("whether what is removed is there is not known")
	}
}
