package server

import (
	"math"
	"testing"
	"time"
)

// TestAStreamLivesNoLongerThanItMay holds that all streams end in time, also where that was meant to be never, and
// not all at once.
func TestAStreamLivesNoLongerThanItMay(t *testing.T) {
	for _, most := range []time.Duration{1, time.Second, time.Hour, math.MaxInt64} {
		ages := map[time.Duration]bool{}
		for range 1000 {
			age := ageWithin(most)
			if age > most || age < most-most/5 {
				t.Fatalf("a stream that may live for %v lives for %v", most, age)
			}
			ages[age] = true
		}
		if most > 1 && len(ages) < 900 {
			t.Errorf("1000 streams end at %d times", len(ages))
		}
	}
}
