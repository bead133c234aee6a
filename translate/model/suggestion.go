package model

import (
	"maps"
	"slices"

	"github.com/portreeve/portreeve/translate/resource"
)

// suggestions finds names that were probably meant.
type suggestions struct {
	// near holds what was found: the same slip often stands in many policies.
	near map[slip]string
	// comparisons is how many more names may be compared: a suggestion must not make a
	// large directory slow.
	comparisons int
	// suggested is how many would have to be compared for all slips, each of them once.
	suggested int
	costs     map[slip]int
	// asked are the slips about which the check asked that is running.
	asked []slip
}

func newSuggestions() suggestions {
	return suggestions{near: map[slip]string{}, comparisons: maxComparisons, costs: map[slip]int{}}
}

// slip is a written name and what it should be the name of.
type slip struct{ kind, written string }

// maxComparisons bounds the names that are compared for suggestions in one Build.
const maxComparisons = 5000

// meant returns the hint for a name that is not among the known ones of its kind: the one
// that was probably meant, or else what to do.
func (s *suggestions) meant(written slip, known map[string]bool, otherwise string) string {
	s.count(written, len(known))
	s.asked = append(s.asked, written)
	near, ok := s.near[written]
	if !ok && len(known) <= s.comparisons {
		s.comparisons -= len(known)
		near = resource.DidYouMean(written.written, slices.Sorted(maps.Keys(known)))
		s.near[written] = near
	}
	if near == "" {
		return otherwise
	}
	return "did you mean " + near + "?"
}

// count takes a slip in that is asked about, or was and is still there.
func (s *suggestions) count(written slip, names int) {
	if _, counted := s.costs[written]; !counted {
		s.costs[written] = names
		s.suggested += names
	}
}
