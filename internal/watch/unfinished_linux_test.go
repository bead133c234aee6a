package watch_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/watch"
)

// open opens a file for writing until the test or the writer closes it.
func open(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	must(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func put(t *testing.T, f *os.File, content string) {
	t.Helper()
	_, err := f.WriteString(content)
	must(t, err)
}

// settled waits for a change that settles a path, and holds that none before it did.
func settled(t *testing.T, w *watch.Watcher, path string) watch.Change {
	t.Helper()
	for {
		if c := next(t, w); slices.Contains(c.Settled, path) && !slices.Contains(c.Unsettled, path) {
			return c
		}
	}
}

// writing holds which files have an open writer. The question is never answered too early.
func writing(t *testing.T, w *watch.Watcher, want ...string) {
	t.Helper()
	if got := w.Writing(); !slices.Equal(got, want) {
		t.Errorf("writing: %v, want %v", got, want)
	}
}

func TestAFileIsUnfinishedUntilItsWriterClosesIt(t *testing.T) {
	dir, w := watched(t, 20*time.Millisecond, 50*time.Millisecond)
	path, other := filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.yaml")
	f := open(t, path)
	put(t, f, "first: document\n")
	writing(t, w, path)
	// Several times the longest wait of the others, and the rescan.
	for range 5 {
		write(t, other, time.Now().String())
		c := settled(t, w, other)
		if !slices.Equal(c.Unsettled, []string{path}) || slices.Contains(c.Settled, path) {
			t.Fatalf("told %+v, want %s unsettled", c, path)
		}
	}
	none(t, w, "the writer pauses")
	put(t, f, "---\nsecond: document\n")
	none(t, w, "the writer has not closed it")
	must(t, f.Close())
	if c := settled(t, w, path); len(c.Unsettled) > 0 {
		t.Errorf("unsettled: %v", c.Unsettled)
	}
	writing(t, w) // whoever closed after the pause, the system was asked
	none(t, w, "after it was told")
}

// TestARenameIntoPlaceDoesNotWaitForAnOpenWriter has a quiet period that it would not live to
// see the end of.
func TestARenameIntoPlaceDoesNotWaitForAnOpenWriter(t *testing.T) {
	dir, w := watched(t, time.Hour, time.Hour)
	path := filepath.Join(dir, ".new")
	write(t, path, "x")
	must(t, os.Rename(path, filepath.Join(dir, "a.yaml")))
	next(t, w)
	f := open(t, filepath.Join(dir, "a.yaml"))
	put(t, f, "half")
	for _, name := range []string{"b.yaml", "c.yaml"} {
		write(t, path, "x")
		must(t, os.Rename(path, filepath.Join(dir, name)))
		c := next(t, w)
		if !slices.Equal(c.Complete, []string{filepath.Join(dir, name)}) || !slices.Equal(c.Unsettled, []string{f.Name()}) {
			t.Errorf("told %+v, want %s complete and a.yaml unsettled", c, name)
		}
	}
}

// TestARenameCarriesAnOpenWriterAlong holds for a temporary file that is renamed before it is closed.
func TestARenameCarriesAnOpenWriterAlong(t *testing.T) {
	dir, w := watched(t, 20*time.Millisecond, time.Hour)
	path := filepath.Join(dir, "a.yaml")
	f := open(t, filepath.Join(dir, ".new"))
	put(t, f, "half")
	must(t, os.Rename(f.Name(), path))
	writing(t, w, path)
	none(t, w, "it is not closed")
	must(t, f.Close())
	settled(t, w, path)
}

func TestADirectoryCarriesOpenWritersAlong(t *testing.T) {
	dir, w := watched(t, 20*time.Millisecond, time.Hour)
	must(t, os.Mkdir(filepath.Join(dir, "one"), 0o700))
	settled(t, w, filepath.Join(dir, "one"))
	f := open(t, filepath.Join(dir, "one", "a.yaml"))
	put(t, f, "half")
	writing(t, w, f.Name())
	must(t, os.Rename(filepath.Join(dir, "one"), filepath.Join(dir, "two")))
	path := filepath.Join(dir, "two", "a.yaml")
	writing(t, w, path)
	if c := settled(t, w, filepath.Join(dir, "two")); !slices.Equal(c.Unsettled, []string{path}) {
		t.Errorf("told %+v, want %s unsettled", c, path)
	}
	must(t, f.Close())
	settled(t, w, path)
}

func TestWhoWrites(t *testing.T) {
	for name, c := range map[string]struct {
		happens func(t *testing.T, dir string)
		want    bool
	}{
		"written":     {func(t *testing.T, dir string) { t.Helper(); put(t, open(t, filepath.Join(dir, "a.yaml")), "x") }, true},
		"cut":         {func(t *testing.T, dir string) { t.Helper(); must(t, open(t, filepath.Join(dir, "a.yaml")).Truncate(0)) }, true},
		"opened only": {func(t *testing.T, dir string) { t.Helper(); open(t, filepath.Join(dir, "a.yaml")) }, false},
		"linked": {func(t *testing.T, dir string) {
			t.Helper()
			must(t, os.Link(filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.yaml")))
			must(t, os.Symlink("a.yaml", filepath.Join(dir, "c.yaml")))
		}, false},
		"removed while written": {func(t *testing.T, dir string) {
			t.Helper()
			put(t, open(t, filepath.Join(dir, "a.yaml")), "x")
			must(t, os.Remove(filepath.Join(dir, "a.yaml")))
		}, false},
		"replaced while written": {func(t *testing.T, dir string) {
			t.Helper()
			f := open(t, filepath.Join(dir, "a.yaml"))
			write(t, filepath.Join(dir, ".new"), "y")
			put(t, f, "x")
			must(t, os.Rename(filepath.Join(dir, ".new"), filepath.Join(dir, "a.yaml")))
			put(t, f, "x") // nobody will read this
		}, false},
		"irrelevant": {func(t *testing.T, dir string) { t.Helper(); put(t, open(t, filepath.Join(dir, "log")), "x") }, false},
		"two writers, one closed": {func(t *testing.T, dir string) {
			t.Helper()
			f, g := open(t, filepath.Join(dir, "a.yaml")), open(t, filepath.Join(dir, "a.yaml"))
			put(t, f, "x")
			must(t, f.Close())
			put(t, g, "x")
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir, w := watched(t, 20*time.Millisecond, time.Hour)
			path := filepath.Join(dir, "a.yaml")
			write(t, path, "x")
			settled(t, w, path)
			c.happens(t, dir)
			if c.want {
				writing(t, w, path)
			} else {
				writing(t, w)
			}
		})
	}
}

// TestAWriterIsSeenUnderAnotherName holds for the target of a symlink and for a hard link whose
// directories are not watched, and for a target that is replaced.
func TestAWriterIsSeenUnderAnotherName(t *testing.T) {
	for name, link := range map[string]func(from, to string) error{"symlink": os.Symlink, "hard link": os.Link} {
		t.Run(name, func(t *testing.T) {
			target := filepath.Join(t.TempDir(), "target.yaml")
			dir, w := watched(t, 20*time.Millisecond, time.Hour)
			path := filepath.Join(dir, "a.yaml")
			write(t, target, "x")
			must(t, link(target, path))
			settled(t, w, path)
			f := open(t, target)
			put(t, f, "half")
			writing(t, w, path)
			none(t, w, "it is not closed")
			must(t, f.Close())
			settled(t, w, path)
			if name == "hard link" {
				return
			}
			for range 2 {
				write(t, target+".new", time.Now().String())
				must(t, os.Rename(target+".new", target))
				settled(t, w, path)
			}
		})
	}
}

// TestASingleFileIsUnfinishedUntilItIsClosed holds for a file outside the directories.
func TestASingleFileIsUnfinishedUntilItIsClosed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mesh")
	w := single(t, path)
	f := open(t, path)
	put(t, f, "half")
	writing(t, w, path)
	none(t, w, "it is not closed")
	must(t, f.Close())
	settled(t, w, path)
}
