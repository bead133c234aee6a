package watch_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/portreeve/portreeve/internal/disk"
	"github.com/portreeve/portreeve/internal/watch"
)

// mount mounts a file system over a directory until the test, or the function that it returns, ends it.
func mount(t *testing.T, source, dir, kind, data string) (unmount func()) {
	t.Helper()
	err := unix.Mount(source, dir, kind, unix.MS_NOSUID|unix.MS_NODEV, data)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENODEV) {
		t.Skipf("a %s cannot be mounted here: %v", kind, err)
	}
	must(t, err)
	unmount = sync.OnceFunc(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	t.Cleanup(unmount)
	return unmount
}

// TestAMountIsTold holds for a file system that is mounted over a directory, or over one below
// it, and unmounted, without a rescan; and its files are watched, and those that it covered once
// they are back.
func TestAMountIsTold(t *testing.T) {
	for name, below := range map[string]string{"the directory": ".", "one below it": "sub"} {
		t.Run(name, func(t *testing.T) {
			dir, w := watched(t, 20*time.Millisecond, time.Hour)
			dir = filepath.Join(dir, below)
			path := filepath.Join(dir, "a.yaml")
			must(t, os.MkdirAll(dir, 0o700))
			write(t, path, "x")
			settled(t, w, path)
			unmount := mount(t, "none", dir, "tmpfs", "size=1m")
			c := settled(t, w, path)
			for !slices.Contains(c.Settled, dir) {
				c = next(t, w)
			}
			inside := filepath.Join(dir, "b.yaml")
			f := open(t, inside)
			put(t, f, "half")
			writing(t, w, inside)
			must(t, f.Close())
			settled(t, w, inside)
			unmount()
			settled(t, w, path)
			f = open(t, path)
			put(t, f, "half")
			writing(t, w, path)
			must(t, f.Close())
			settled(t, w, path)
		})
	}
}

// hung mounts a FUSE file system that nobody serves: every call on it hangs, until the function
// that it returns ends it and unmounts it.
func hung(t *testing.T, dir string) (end func()) {
	t.Helper()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no FUSE here: %v", err)
	}
	ended := sync.OnceFunc(func() { must(t, unix.Close(fd)) }) // all calls come back
	t.Cleanup(ended)
	unmount := mount(t, "hung", dir, "fuse", "fd="+strconv.Itoa(fd)+",rootmode=40000,user_id=0,group_id=0")
	return func() {
		ended()
		unmount()
	}
}

// TestAHungMountStopsNobody holds from the start and for one that comes later, over a directory
// of its own and over one below another: others' edits are told, the watching ends at once, and
// what hung is told of when it is over.
func TestAHungMountStopsNobody(t *testing.T) {
	for name, c := range map[string]struct {
		below string
		early bool
	}{
		"its own, from the start": {"", true}, "its own, later": {"", false}, "below, from the start": {"sub", true}, "below, later": {"sub", false},
	} {
		t.Run(name, func(t *testing.T) {
			good, bad := t.TempDir(), t.TempDir()
			dirs := []string{bad, good}
			if c.below != "" {
				bad, dirs = filepath.Join(good, c.below), dirs[1:]
				must(t, os.Mkdir(bad, 0o700))
			}
			var unhang func()
			if c.early {
				unhang = hung(t, bad)
			}
			d := disk.New(disk.Options{Timeout: 100 * time.Millisecond})
			w, err := watch.New(watch.Options{
				Dirs: dirs, Relevant: func(name string) bool { return filepath.Ext(name) == ".yaml" },
				Quiet: 20 * time.Millisecond, Max: 200 * time.Millisecond, Rescan: 50 * time.Millisecond, RemoteQuiet: 50 * time.Millisecond,
				Disk: d, Logger: slog.New(slog.DiscardHandler),
			})
			must(t, err)
			run(t, w)
			if !c.early {
				unhang = hung(t, bad)
				settled(t, w, bad) // the reader is to know that it does not answer
			}
			for _, name := range []string{"a.yaml", "b.yaml"} {
				write(t, filepath.Join(good, name), "x")
				settled(t, w, filepath.Join(good, name))
			}
			if n := len(d.Stuck()); n == 0 || n > 4 {
				t.Errorf("stuck: %v", d.Stuck())
			}
			unhang()
			settled(t, w, bad)
			write(t, filepath.Join(bad, "c.yaml"), "x")
			settled(t, w, filepath.Join(bad, "c.yaml"))
		})
	}
}

func TestTheWatchingEndsWhileAMountHangs(t *testing.T) {
	dir := t.TempDir()
	hung(t, dir)
	w, err := watch.New(watch.Options{
		Dirs: []string{dir}, Relevant: func(string) bool { return true }, Quiet: time.Millisecond, Max: time.Millisecond, Rescan: time.Millisecond,
		Disk: disk.New(disk.Options{}), Logger: slog.New(slog.DiscardHandler),
	})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	select {
	case err := <-done:
		must(t, err)
	case <-time.After(bound):
		t.Error("it does not end")
	}
}
