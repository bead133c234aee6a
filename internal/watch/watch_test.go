package watch_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/portreeve/portreeve/internal/disk"
	"github.com/portreeve/portreeve/internal/watch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const bound = 10 * time.Second

// watched runs a watcher on a new directory until the test ends.
func watched(t *testing.T, quiet, rescan time.Duration) (string, *watch.Watcher) {
	t.Helper()
	return watchedUpTo(t, quiet, 10*quiet, rescan)
}

func watchedUpTo(t *testing.T, quiet, most, rescan time.Duration) (string, *watch.Watcher) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "policy")
	must(t, os.Mkdir(dir, 0o700))
	w, err := watch.New(watch.Options{
		Dirs: []string{dir}, Relevant: func(name string) bool { return strings.HasSuffix(name, ".yaml") && !strings.HasPrefix(name, ".") },
		Quiet: quiet, Max: most, Rescan: rescan, RemoteQuiet: 2 * quiet, Disk: disk.New(disk.Options{Timeout: bound}), Logger: slog.New(slog.DiscardHandler),
	})
	must(t, err)
	run(t, w)
	return dir, w
}

// run runs a watcher until the test ends.
func run(t *testing.T, w *watch.Watcher) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// next returns the next change.
func next(t *testing.T, w *watch.Watcher) watch.Change {
	t.Helper()
	select {
	case c := <-w.Changes():
		return c
	case <-time.After(bound):
		t.Fatal("no change was told")
		return watch.Change{}
	}
}

// none holds that nothing is told for as long as two quiet periods take.
func none(t *testing.T, w *watch.Watcher, what string) {
	t.Helper()
	select {
	case c := <-w.Changes():
		t.Errorf("%s: told %v, want nothing", what, c)
	case <-time.After(400 * time.Millisecond):
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	must(t, os.WriteFile(path, []byte(content), 0o600))
}

func TestEachWayOfEditingIsToldOnce(t *testing.T) {
	for name, edit := range map[string]func(t *testing.T, dir string){
		"create":   func(t *testing.T, dir string) { t.Helper(); write(t, filepath.Join(dir, "new.yaml"), "x") },
		"in place": func(t *testing.T, dir string) { t.Helper(); write(t, filepath.Join(dir, "a.yaml"), "y") },
		"delete":   func(t *testing.T, dir string) { t.Helper(); must(t, os.Remove(filepath.Join(dir, "a.yaml"))) },
		"delete and create": func(t *testing.T, dir string) {
			t.Helper()
			must(t, os.Remove(filepath.Join(dir, "a.yaml")))
			write(t, filepath.Join(dir, "a.yaml"), "y")
		},
		"moved in from elsewhere": func(t *testing.T, dir string) {
			t.Helper()
			write(t, filepath.Join(filepath.Dir(filepath.Dir(dir)), "b.yaml"), "x")
			must(t, os.Rename(filepath.Join(filepath.Dir(filepath.Dir(dir)), "b.yaml"), filepath.Join(dir, "b.yaml")))
		},
		"new folder with a file": func(t *testing.T, dir string) {
			t.Helper()
			must(t, os.Mkdir(filepath.Join(dir, "sub"), 0o700))
			write(t, filepath.Join(dir, "sub", "b.yaml"), "x")
		},
		"a whole folder replaced": func(t *testing.T, dir string) {
			t.Helper()
			other := dir + "-other"
			must(t, os.Mkdir(other, 0o700))
			write(t, filepath.Join(other, "b.yaml"), "x")
			must(t, os.Rename(dir, dir+"-old"))
			must(t, os.Rename(other, dir))
		},
		"a thousand files": func(t *testing.T, dir string) {
			t.Helper()
			for i := range 1000 {
				write(t, filepath.Join(dir, fmt.Sprintf("f%d.yaml", i)), "x")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, w := watchedUpTo(t, 200*time.Millisecond, bound, time.Hour) // a busy machine takes long to write a thousand
			write(t, filepath.Join(dir, "a.yaml"), "x")
			next(t, w)
			edit(t, dir)
			if c := next(t, w); len(c.Unsettled) > 0 {
				t.Errorf("told with %v unsettled", c.Unsettled)
			}
			none(t, w, "after the edit")
		})
	}
}

func TestARenameIntoPlaceIsToldAtOnce(t *testing.T) {
	// A quiet period that the test would not live to see the end of.
	dir, w := watched(t, time.Hour, time.Hour)
	write(t, filepath.Join(dir, ".new"), "x")
	must(t, os.Rename(filepath.Join(dir, ".new"), filepath.Join(dir, "a.yaml")))
	c := next(t, w)
	if want := filepath.Join(dir, "a.yaml"); len(c.Complete) != 1 || c.Complete[0] != want {
		t.Errorf("complete: %v, want %s", c.Complete, want)
	}
}

func TestASymlinkSwapIsToldAtOnce(t *testing.T) {
	dir, w := watched(t, time.Hour, time.Hour)
	must(t, os.Mkdir(filepath.Join(dir, "..one"), 0o700))
	must(t, os.Symlink("..one", filepath.Join(dir, "..data_tmp")))
	must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	next(t, w)
}

// TestADirectorySwapIsToldAtOnce holds for a watched directory that is a symlink; what is in its
// new target is watched.
func TestADirectorySwapIsToldAtOnce(t *testing.T) {
	root := t.TempDir()
	link := filepath.Join(root, "policy")
	for _, name := range []string{"one", "two"} {
		must(t, os.Mkdir(filepath.Join(root, name), 0o700))
		write(t, filepath.Join(root, name, "a.yaml"), name)
	}
	must(t, os.Symlink("one", link))
	w, err := watch.New(watch.Options{
		Dirs: []string{link}, Relevant: func(name string) bool { return strings.HasSuffix(name, ".yaml") },
		Quiet: time.Hour, Max: time.Hour, Rescan: time.Hour, Disk: disk.New(disk.Options{Timeout: bound}), Logger: slog.New(slog.DiscardHandler),
	})
	must(t, err)
	run(t, w)
	must(t, os.Symlink("two", link+".new"))
	must(t, os.Rename(link+".new", link))
	if c := next(t, w); !slices.Equal(c.Complete, []string{link}) {
		t.Errorf("told %+v, want %s complete", c, link)
	}
	write(t, filepath.Join(root, "two", ".new"), "x")
	must(t, os.Rename(filepath.Join(root, "two", ".new"), filepath.Join(root, "two", "a.yaml")))
	if c := next(t, w); !slices.Equal(c.Complete, []string{filepath.Join(link, "a.yaml")}) {
		t.Errorf("told %+v, want the file in the new target", c)
	}
}

func TestWhatCannotBeWatchedIsAnError(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	write(t, file, "x")
	for name, o := range map[string]watch.Options{
		"missing":                        {Dirs: []string{filepath.Join(dir, "missing")}},
		"a file":                         {Dirs: []string{dir, file}},
		"a file in a missing directory":  {Files: []string{filepath.Join(dir, "missing", "mesh")}},
		"a file in what is no directory": {Files: []string{filepath.Join(file, "mesh")}},
	} {
		o.Relevant, o.Disk, o.Logger = func(string) bool { return true }, disk.New(disk.Options{Timeout: bound}), slog.New(slog.DiscardHandler)
		if _, err := watch.New(o); err == nil || !strings.Contains(err.Error(), "watch "+dir) {
			t.Errorf("%s: %v, want an error", name, err)
		}
	}
}

func TestWhatIsNotRelevantIsNotTold(t *testing.T) {
	dir, w := watched(t, 20*time.Millisecond, time.Hour)
	for _, name := range []string{"README.md", ".hidden.yaml", "a.yaml~", ".a.yaml.swp"} {
		write(t, filepath.Join(dir, name), "x")
	}
	none(t, w, "irrelevant files")
}

func TestAFileThatIsWrittenWithoutEndDoesNotHoldUpOthers(t *testing.T) {
	dir, w := watched(t, 200*time.Millisecond, time.Hour) // long beside what a busy machine holds up the writer
	busy := filepath.Join(dir, "busy.yaml")
	stop, stopped, begun := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for text := "x"; ; text += "x" {
			select {
			case <-stop:
				return
			case <-tick.C:
				if _ = os.WriteFile(busy, []byte(text), 0o600); text == "x" {
					close(begun)
				}
			}
		}
	}()
	<-begun
	write(t, filepath.Join(dir, "a.yaml"), "x")
	// A machine that holds up the writer for long lets it settle for once.
	for c := next(t, w); !slices.Contains(c.Unsettled, busy); c = next(t, w) {
		write(t, filepath.Join(dir, "a.yaml"), "y")
	}
	close(stop)
	<-stopped
	for c := next(t, w); len(c.Unsettled) > 0; {
		c = next(t, w)
	}
}

func TestWhatNoEventToldIsFoundByTheRescan(t *testing.T) {
	root := t.TempDir()
	target := filepath.Join(root, "elsewhere.yaml")
	dir, w := watched(t, 20*time.Millisecond, 50*time.Millisecond)
	write(t, target, "x")
	must(t, os.Symlink(target, filepath.Join(dir, "a.yaml")))
	next(t, w)
	write(t, target, "longer") // no directory that is watched sees this
	next(t, w)
	info, err := os.Stat(target)
	must(t, err)
	write(t, target, "LONGER")
	must(t, os.Chtimes(target, info.ModTime(), info.ModTime())) // nor does it look other than before
	next(t, w)
}

// single runs a watcher on a file of its own until the test ends.
func single(t *testing.T, file string) *watch.Watcher {
	t.Helper()
	w, err := watch.New(watch.Options{
		Files: []string{file}, Relevant: func(string) bool { return false },
		Quiet: 20 * time.Millisecond, Max: 200 * time.Millisecond, Rescan: time.Hour, Disk: disk.New(disk.Options{Timeout: bound}), Logger: slog.New(slog.DiscardHandler),
	})
	must(t, err)
	run(t, w)
	return w
}

// TestASingleFileIsWatched holds for a file outside the directories, and for each way of editing it.
func TestASingleFileIsWatched(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "mesh")
	w := single(t, file)
	edits := []func(){
		func() { write(t, file, "a") },
		func() {
			write(t, file+".new", "b")
			must(t, os.Rename(file+".new", file))
		},
		func() { must(t, os.Remove(file)) },
	}
	for i, edit := range edits {
		write(t, filepath.Join(dir, "neighbour"), "x")
		edit()
		if c := next(t, w); !slices.Equal(c.Settled, []string{file}) {
			t.Errorf("edit %d: told %+v, want %s", i, c, file)
		}
	}
}
