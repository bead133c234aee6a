package sink

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAFullDiskLosesNothingThatFitsIntoMemory holds that what comes is delivered, in order with what the disk has, that Take says
// that it is not kept, and that the disk has it when there is room again.
func TestAFullDiskLosesNothingThatFitsIntoMemory(t *testing.T) {
	for name, fill := range map[string]func(t *testing.T, dir string) (empty func()){"a small file system": small, "a bound on files": bounded} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if name == "a small file system" {
				mounted(t, dir)
			}
			r := &receiver{fail: down}
			s, _ := one(t, dir, DefaultBounds(), r)
			must(t, s.Take(t.Context(), made(1, 1000)))
			empty := fill(t, dir)
			var full error
			last := 1000
			for ; full == nil && last < 1000+maxMemoryEvents; last += 100 {
				full = s.Take(t.Context(), made(last+1, last+100))
			}
			if full == nil {
				t.Error("the disk is full, and Take does not say so")
			}
			r.failing(nil)
			eventually(t, "all arrive", func() bool { return slices.Equal(once(r.numbers()), numbers(1, last)) })
			empty()
			r.failing(down)
			eventually(t, "the disk takes events again", func() bool { return s.Take(t.Context(), made(last+1, last+100)) == nil })
			closed(t, s)
		})
	}
}

// mounted puts a small file system on a directory.
func mounted(t *testing.T, dir string) {
	t.Helper()
	err := unix.Mount("none", dir, "tmpfs", 0, "size=2m")
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		t.Skipf("SKIPPED, NOT PASSED: mounting is not permitted: %v", err)
	}
	must(t, err)
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
}

// small fills a file system.
func small(t *testing.T, dir string) func() {
	t.Helper()
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, make([]byte, 4<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("it does not get full: %v", err)
	}
	return func() { must(t, os.Remove(other)) }
}

// bounded lets no file grow beyond what the spool has.
func bounded(t *testing.T, dir string) func() {
	t.Helper()
	info, err := os.Stat(spoolOf(dir))
	must(t, err)
	var before syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before))
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(info.Size()), Max: before.Max}))
	ended := false
	end := func() {
		if !ended {
			ended = true
			must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before))
		}
	}
	t.Cleanup(end)
	return end
}
