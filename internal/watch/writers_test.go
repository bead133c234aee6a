package watch

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// newWriters returns writers of which those below /etc count.
func newWriters(most int) *writers {
	return &writers{most: most, relevant: func(path string) bool { return strings.HasPrefix(path, "/etc/") }, marks: map[string]mark{}, rest: 10 * time.Second}
}

func TestMarksFollowRenames(t *testing.T) {
	now := time.Unix(1000, 0)
	for name, c := range map[string]struct {
		happens func(w *writers)
		want    []string
	}{
		"modified":             {func(w *writers) {}, []string{"/etc/a/x"}},
		"closed":               {func(w *writers) { w.closed("/etc/a/x", now) }, nil},
		"closed after a pause": {func(w *writers) { w.closed("/etc/a/x", now.Add(time.Second)) }, []string{"/etc/a/x"}},
		"written on after a pause and closed": {func(w *writers) {
			w.modified("/etc/a/x", now.Add(time.Second))
			w.closed("/etc/a/x", now.Add(time.Second))
		}, []string{"/etc/a/x"}},
		"removed":                   {func(w *writers) { w.finished("/etc/a/x") }, nil},
		"a neighbour closed":        {func(w *writers) { w.finished("/etc/a") }, []string{"/etc/a/x"}},
		"file renamed":              {func(w *writers) { w.movedFrom(7, "/etc/a/x"); w.movedTo(7, "/etc/y") }, []string{"/etc/y"}},
		"directory renamed":         {func(w *writers) { w.movedFrom(7, "/etc/a"); w.movedTo(7, "/etc/b") }, []string{"/etc/b/x"}},
		"a like name renamed":       {func(w *writers) { w.movedFrom(7, "/etc/a/xx"); w.movedTo(7, "/etc/b") }, []string{"/etc/a/x"}},
		"moved out of sight":        {func(w *writers) { w.movedFrom(7, "/etc/a/x") }, nil},
		"another renamed onto it":   {func(w *writers) { w.movedTo(8, "/etc/a/x") }, nil},
		"its directory is replaced": {func(w *writers) { w.movedTo(8, "/etc/a") }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWriters(10)
			w.modified("/etc/a/x", now)
			c.happens(w)
			if got := slices.Sorted(maps.Keys(w.marks)); !slices.Equal(got, c.want) {
				t.Errorf("marked: %v, want %v", got, c.want)
			}
		})
	}
}

// TestMarksAreBounded holds for files with an open writer, and for those that were moved away.
func TestMarksAreBounded(t *testing.T) {
	start := time.Unix(1000, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	w := newWriters(3)
	for i, path := range []string{"/etc/first", "/etc/second", "/log"} {
		if got := w.modified(path, at(i)); got != "" {
			t.Errorf("%s was given up below the bound", got)
		}
	}
	w.modified("/etc/first", at(3)) // again
	if got := w.modified("/etc/third", at(4)); got != "/log" {
		t.Errorf("gave up %s, want the one that does not count", got)
	}
	if got := w.modified("/etc/fourth", at(5)); got != "/etc/second" {
		t.Errorf("gave up %s, want the one that has rested for longest", got)
	}
	for i := range 100 {
		path := fmt.Sprintf("/etc/%d", i)
		w.modified(path, at(6))
		w.movedFrom(uint32(i), path)
	}
	if len(w.moving) > 16 || len(w.marks) > 3 {
		t.Errorf("%d moving, %d marked", len(w.moving), len(w.marks))
	}
}

func TestMarksAreLookedIntoByTurns(t *testing.T) {
	start := time.Unix(1000, 0)
	w := newWriters(100)
	for i := range 5 {
		w.modified(fmt.Sprintf("/etc/%d", i), start.Add(time.Duration(i)))
	}
	w.modified("/log", start)
	var got []string
	for range 3 {
		now := start.Add(time.Second)
		got = append(got, w.due(now, now, 2)...)
	}
	if want := []string{"/etc/0", "/etc/1", "/etc/2", "/etc/3", "/etc/4"}; !slices.Equal(got, want) {
		t.Errorf("looked into %v, want %v", got, want)
	}
	w.recheck()
	if got := w.due(start, start, 10); len(got) != 5 {
		t.Errorf("in doubt: looked into %v, want all five", got)
	}
	w.sweep(start.Add(time.Second))
	if _, ok := w.marks["/log"]; ok || len(w.marks) != 5 {
		t.Errorf("after the rest: %v, want those that count", w.marks)
	}
}

func TestBelow(t *testing.T) {
	for _, c := range []struct {
		path, top string
		want      bool
	}{
		{"/a/b", "/a", true}, {"/a", "/a", true}, {"/ab", "/a", false}, {"/a", "/a/b", false}, {"/a", "/", true}, {"a/b", ".", true}, {"/a", ".", false},
	} {
		if got := below(c.path, c.top); got != c.want {
			t.Errorf("%s below %s: %v", c.path, c.top, got)
		}
	}
	for _, c := range []struct {
		path, dir, base string
		inside          bool
	}{
		{"/a/b/c", "/a", "c", true}, {"/a/.b/c", "/a", "c", false}, {"/a", "/a", "", false}, {"b/c", ".", "c", true}, {"/b", "/", "b", true},
	} {
		if base, inside := within(c.path, c.dir); base != c.base || inside != c.inside {
			t.Errorf("%s within %s: %q %v", c.path, c.dir, base, inside)
		}
	}
}
