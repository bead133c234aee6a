package resource

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestCoveringIsTheFirstThatCovers holds what is found in lists that are made up against a
// comparison of each value with each other one.
func TestCoveringIsTheFirstThatCovers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	parts := []string{"/", "/a", "/b", "*", "{*}", "{**}", "a", "*/", "}", "."}
	found := 0
	for range 5000 {
		var values []string
		for range 1 + random.IntN(8) {
			var v strings.Builder
			for range random.IntN(5) {
				v.WriteString(parts[random.IntN(len(parts))])
			}
			values = append(values, v.String())
		}
		wides := widesOf(values)
		for _, v := range values {
			want := slices.IndexFunc(values, func(wide string) bool { return wide != v && coversPath(wide, v) })
			if want >= 0 {
				found++
			}
			if got := wides.covering(v, values); got != want {
				t.Fatalf("%q of %q is covered by %d, want %d", v, values, got, want)
			}
		}
	}
	if found < 1000 {
		t.Errorf("only %d are covered: the test decides nothing", found)
	}
}
