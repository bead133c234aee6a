package watch

import (
	"slices"
	"testing"
	"time"
)

// nobody has a file open.
func nobody(string) bool { return false }

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
				s.touch(touched.path, at(touched.at), signature{exists: touched.size >= 0, size: touched.size}, s.quiet)
			}
			tell, settled, unsettled := s.check(at(c.checkAt), func(path string) signature { return signature{exists: c.sizes[path] >= 0, size: c.sizes[path]} }, nobody)
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
		s.touch("a", start.Add(time.Duration(ms)*time.Millisecond), signature{}, s.quiet)
	}
	if got := s.due(nobody).Sub(start); got != 500*time.Millisecond {
		t.Errorf("due after %v, want 500ms", got)
	}
}

// TestNobodyWaitsForTheSlow holds for a file that a writer has open and for one that must rest
// for long: quiet 50, most 500, the longer rest 10 s.
func TestNobodyWaitsForTheSlow(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	sizes := map[string]int64{"slow": 1, "open": 1, "a": 1}
	look := func(path string) signature { return signature{exists: true, size: sizes[path]} }
	written := map[string]bool{"open": true}
	open := func(path string) bool { return written[path] }
	s := settling{quiet: 50 * time.Millisecond, most: 500 * time.Millisecond}
	s.touch("slow", at(0), look("slow"), 10*time.Second)
	s.touch("open", at(0), look("open"), s.quiet) // found to be open when it is looked at
	s.touch("a", at(1), look("a"), s.quiet)
	hold := func(ms int, due int, settled, unsettled []string) {
		t.Helper()
		if got := s.due(open); got != at(due) {
			t.Errorf("at %d: due at %v, want %d", ms, got.Sub(start), due)
		}
		tell, gotSettled, gotUnsettled := s.check(at(ms), look, open)
		if tell != (settled != nil) || !slices.Equal(gotSettled, settled) || !slices.Equal(gotUnsettled, unsettled) {
			t.Errorf("at %d: told %v, settled %v, unsettled %v, want %v and %v", ms, tell, gotSettled, gotUnsettled, settled, unsettled)
		}
	}
	hold(51, 51, []string{"a"}, []string{"open", "slow"})
	if !s.free("b") {
		t.Error("a rename into place has to wait for the slow")
	}
	s.touch("b", at(60), look("b"), s.quiet)
	if !s.free("b") || s.free("c") {
		t.Error("a rename into place waits for its own path, or for no other")
	}
	s.forget("b")
	sizes["slow"] = 2
	hold(10000, 10000, nil, nil)
	hold(19999, 20000, nil, nil)
	written["open"] = false
	hold(19999, 50, []string{"open"}, []string{"slow"})
	hold(20000, 20000, []string{"slow"}, nil)
	if due := s.due(open); !due.IsZero() {
		t.Errorf("due at %v, want never", due)
	}
}
