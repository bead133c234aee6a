package pace_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/portreeve/portreeve/xds/pace"
)

// TestLimit holds how many lines a minute are written in all and of one peer, and that what is left
// out is told of and counted.
func TestLimit(t *testing.T) {
	now := time.Unix(0, 0)
	l := pace.New(10, 4, func() time.Time { return now })
	take := func(peer string, count int) (written int, said []any) {
		for range count {
			more, ok := l.Take(peer)
			if said = append(said, more...); ok {
				written++
			}
		}
		return written, said
	}
	if n, said := take("a", 100); n != 4 || len(said) != 2 || said[0] != "hint" {
		t.Errorf("of one peer there are %d lines, and %v", n, said)
	}
	if n, _ := take("b", 1); n != 1 {
		t.Error("one peer keeps another out of the log")
	}
	all := 0
	for i := range 50 {
		n, _ := take(fmt.Sprint(i), 1)
		all += n
	}
	if all != 5 {
		t.Errorf("of others there are %d lines", all)
	}
	now = now.Add(time.Minute)
	if n, said := take("a", 2); n != 2 || !slices.Equal(said, []any{"left out before", 96 + 45}) {
		t.Errorf("the next minute there are %d, and %v", n, said)
	}
}
