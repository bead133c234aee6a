package server

import "testing"

// TestTheLastPlacesAreForThoseWhoWereHere holds how many streams there may be, that the last of them are for groups
// that are known, and that one that ends makes room.
func TestTheLastPlacesAreForThoseWhoWereHere(t *testing.T) {
	p := places{most: 40}
	taken := func(take func() bool) (n int) {
		for take() {
			n++
		}
		return n
	}
	if got := taken(p.takeNew); got != 38 {
		t.Errorf("newcomers have %d places", got)
	}
	if got := taken(p.take); got != 2 {
		t.Errorf("%d are kept for those who were here before", got)
	}
	if p.give(); p.takeNew() || !p.take() {
		t.Error("a place that was given back is not there, or for newcomers")
	}
}
