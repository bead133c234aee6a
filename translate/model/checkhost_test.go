package model

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestWithoutPorts holds which hosts of lists that are made up have nothing beside them for a port,
// against a comparison of each with each other one.
func TestWithoutPorts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "A", "b", ".", ":", "80", "*", ":*"}
	found := 0
	for range 5000 {
		var hosts []string
		for range 1 + random.IntN(6) {
			var h strings.Builder
			for range random.IntN(5) {
				h.WriteString(parts[random.IntN(len(parts))])
			}
			hosts = append(hosts, h.String())
		}
		var want []int
		for i, h := range hosts {
			withPort := slices.ContainsFunc(hosts, func(o string) bool {
				before, prefix := strings.CutSuffix(strings.ToLower(o), "*")
				with := strings.ToLower(h) + ":"
				return strings.HasPrefix(before, with) || prefix && strings.HasPrefix(with, before)
			})
			if !strings.HasSuffix(h, "*") && !strings.Contains(h, ":") && !withPort {
				want = append(want, i)
			}
		}
		found += len(want)
		if got := withoutPorts(hosts); !slices.Equal(got, want) {
			t.Fatalf("of %q without ports are %v, want %v", hosts, got, want)
		}
	}
	if found < 1000 {
		t.Errorf("only %d are without ports: the test decides nothing", found)
	}
}
