package watch

import (
	"slices"
	"testing"
	"time"
)

// TestSettling walks through bursts of edits on a clock of its own: quiet 50, most 500.
func TestSettling(t *testing.T) {
	type touch struct {
		at   int // milliseconds
		path string
		size int64
	}
	for name, c := range map[string]struct {
		touches []touch
		// sizes are what a look at the paths finds.
		sizes     map[string]int64
		checkAt   int
		tell      bool
		unsettled []string
	}{
		"quiet":                    {[]touch{{0, "a", 1}}, map[string]int64{"a": 1}, 50, true, nil},
		"too early":                {[]touch{{0, "a", 1}}, map[string]int64{"a": 1}, 49, false, nil},
		"written since":            {[]touch{{0, "a", 1}}, map[string]int64{"a": 2}, 50, false, nil},
		"still being written":      {[]touch{{0, "a", 1}, {480, "a", 9}}, map[string]int64{"a": 9}, 500, true, []string{"a"}},
		"one settled, one not":     {[]touch{{0, "a", 1}, {10, "b", 1}, {490, "b", 2}}, map[string]int64{"a": 1, "b": 2}, 500, true, []string{"b"}},
		"gone while others move":   {[]touch{{0, "a", -1}, {490, "b", 2}}, map[string]int64{"a": -1, "b": 2}, 500, true, []string{"a", "b"}},
		"written at the last look": {[]touch{{0, "a", 1}}, map[string]int64{"a": 5}, 500, true, []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Unix(1000, 0)
			at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
			s := settling{quiet: 50 * time.Millisecond, most: 500 * time.Millisecond}
			for _, touched := range c.touches {
				s.touch(touched.path, at(touched.at), signature{exists: touched.size >= 0, size: touched.size})
			}
			tell, settled, unsettled := s.check(at(c.checkAt), func(path string) signature { return signature{exists: c.sizes[path] >= 0, size: c.sizes[path]} })
			if tell != c.tell || !slices.Equal(unsettled, c.unsettled) {
				t.Errorf("got %v %v, want %v %v", tell, unsettled, c.tell, c.unsettled)
			}
			if c.tell && len(settled)+len(unsettled) != len(c.sizes) {
				t.Errorf("%v and %v are not all paths of %v", settled, unsettled, c.sizes)
			}
			if c.tell && s.idle() != (len(c.unsettled) == 0) {
				t.Errorf("unsettled files are forgotten: %v", s.pending)
			}
		})
	}
}

func TestDueIsNeverLaterThanTheLongestWait(t *testing.T) {
	start := time.Unix(1000, 0)
	s := settling{quiet: 50 * time.Millisecond, most: 500 * time.Millisecond}
	for ms := 0; ms < 2000; ms += 20 {
		s.touch("a", start.Add(time.Duration(ms)*time.Millisecond), signature{})
	}
	if got := s.due().Sub(start); got != 500*time.Millisecond {
		t.Errorf("due after %v, want 500ms", got)
	}
}
