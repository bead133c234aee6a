package server

import "testing"

// TestTheLastPlacesAreForThoseWhoWereHere holds how many streams there may be, that the last of them are for groups
// that are known, and that one that ends makes room.
func TestTheLastPlacesAreForThoseWhoWereHere(t *testing.T) {
	p := places{most: 40}
	for i := range 38 {
		if !p.take(i%2 == 0) {
			t.Fatalf("stream %d has no place", i)
		}
	}
	if p.take(false) {
		t.Error("a newcomer has a place of those that are kept")
	}
	if !p.take(true) || !p.take(true) || p.take(true) {
		t.Error("want two more of those who were here before")
	}
	if p.give(); p.take(false) || !p.take(true) {
		t.Error("a place that was given back is not there, or for newcomers")
	}
}
