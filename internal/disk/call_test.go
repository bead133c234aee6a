package disk_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/portreeve/portreeve/internal/disk"
)

// bound is how long a test waits for what must happen.
const bound = 10 * time.Second

func TestMain(m *testing.M) {
	if holding() {
		return
	}
	goleak.VerifyTestMain(m)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// hanging makes calls that hang until the test, or the function that it returns, ends them.
func hanging(t *testing.T, d *disk.Disk) (hang func(path string) error, end func()) {
	t.Helper()
	release := make(chan struct{})
	end = sync.OnceFunc(func() { close(release) })
	t.Cleanup(end)
	return func(path string) error {
		return d.Do(path, func() error {
			<-release
			return nil
		})
	}, end
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick, end := time.NewTicker(time.Millisecond), time.After(bound)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("never: %s", what)
		}
	}
}

func TestACallThatHangsIsGivenUpAndItsPathComesBack(t *testing.T) {
	d := disk.New(disk.Options{Timeout: 50 * time.Millisecond})
	file := filepath.Join(t.TempDir(), "a")
	must(t, os.WriteFile(file, []byte("x"), 0o600))
	hang, end := hanging(t, d)
	if err := hang(file); !errors.Is(err, disk.ErrStuck) {
		t.Fatalf("got %v, want ErrStuck", err)
	}
	if got := d.Stuck(); !slices.Equal(got, []string{file}) {
		t.Errorf("stuck: %v, want %s", got, file)
	}
	_, err := d.Read(file, 10)
	if at := (*fs.PathError)(nil); !errors.Is(err, disk.ErrStuck) || !errors.As(err, &at) || at.Path != file || !strings.Contains(err.Error(), "has not come back") {
		t.Errorf("the same path: %v, want a PathError with ErrStuck", err)
	}
	end()
	eventually(t, "the path can be used again", func() bool { _, err := d.Read(file, 10); return err == nil })
	if got := d.Stuck(); len(got) > 0 {
		t.Errorf("stuck: %v, want none", got)
	}
}

// TestOneCallAPathIsMade holds for callers at the same time too.
func TestOneCallAPathIsMade(t *testing.T) {
	d := disk.New(disk.Options{Timeout: 50 * time.Millisecond})
	hang, _ := hanging(t, d)
	errs := make(chan error, 10)
	for range cap(errs) {
		go func() { errs <- hang("/some/path") }()
	}
	for range cap(errs) {
		if err := <-errs; !errors.Is(err, disk.ErrStuck) {
			t.Errorf("got %v, want ErrStuck", err)
		}
	}
	if got := d.Stuck(); len(got) != 1 {
		t.Errorf("stuck: %v, want one", got)
	}
}

func TestAsManyAsTheBoundGetStuck(t *testing.T) {
	d := disk.New(disk.Options{Timeout: 200 * time.Millisecond})
	hang, end := hanging(t, d)
	errs := make(chan error, 40)
	for i := range cap(errs) {
		go func() { errs <- hang(fmt.Sprintf("/%d/a", i)) }()
	}
	for range cap(errs) {
		if err := <-errs; !errors.Is(err, disk.ErrStuck) {
			t.Errorf("got %v, want ErrStuck", err)
		}
	}
	if got := d.Stuck(); len(got) != 16 {
		t.Errorf("%d are stuck, want 16: %v", len(got), got)
	}
	called := false
	err := d.Do("/another", func() error { called = true; return nil })
	if !errors.Is(err, disk.ErrStuck) || called {
		t.Errorf("beyond the bound: %v, called %v, want ErrStuck at once", err, called)
	}
	end()
	eventually(t, "recovery", func() bool { return d.Do("/another", func() error { return nil }) == nil })
}

// TestADirectoryCannotTakeTheDiskFromOthers holds for many files that hang in one directory,
// and for all that is below a directory that hangs itself.
func TestADirectoryCannotTakeTheDiskFromOthers(t *testing.T) {
	d := disk.New(disk.Options{Timeout: 10 * time.Millisecond})
	hang, _ := hanging(t, d)
	for i := range 20 {
		if err := hang(fmt.Sprintf("/hung/%d", i)); !errors.Is(err, disk.ErrStuck) {
			t.Fatalf("got %v, want ErrStuck", err)
		}
		_ = hang("/mount")
		if err := hang(fmt.Sprintf("/mount/deep/%d", i)); !errors.Is(err, disk.ErrStuck) || !strings.Contains(err.Error(), "/mount has not") {
			t.Fatalf("below what hangs: %v, want ErrStuck", err)
		}
	}
	if got := d.Stuck(); len(got) != 5 {
		t.Errorf("stuck: %v, want four of the files and the mount", got)
	}
	if _, err := d.Stat(t.TempDir()); err != nil {
		t.Errorf("elsewhere: %v", err)
	}
}

func TestAnswersAreThoseOfTheSystem(t *testing.T) {
	d := disk.New(disk.Options{})
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "b"), []byte("x"), 0o600))
	must(t, os.Symlink("b", filepath.Join(dir, "a")))
	entries, err := d.ReadDir(dir)
	if err != nil || len(entries) != 2 || entries[0].Name() != "a" {
		t.Errorf("entries: %v, %v", entries, err)
	}
	if to, err := d.Readlink(filepath.Join(dir, "a")); err != nil || to != "b" {
		t.Errorf("link: %q, %v", to, err)
	}
	if info, err := d.Lstat(filepath.Join(dir, "a")); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("lstat: %v, %v", info, err)
	}
	if info, err := d.Stat(filepath.Join(dir, "a")); err != nil || info.Size() != 1 {
		t.Errorf("stat: %v, %v", info, err)
	}
	if _, err := d.EvalSymlinks(filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := d.ReadDir(filepath.Join(dir, "b")); err == nil {
		t.Error("a file was read as a directory")
	}
	empty := filepath.Join(dir, "empty")
	must(t, os.Mkdir(empty, 0o700))
	if entries, err := d.ReadDir(empty); err != nil || len(entries) > 0 {
		t.Errorf("empty: %v, %v", entries, err)
	}
}
