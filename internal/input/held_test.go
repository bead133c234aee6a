package input

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/portreeve/portreeve/internal/disk"
)

// hangs put something in the place of a file that cannot be read, and return what takes it away.
func hangs() map[string]func(t *testing.T, b *bed, path string) (repair func()) {
	away := func(t *testing.T, path string) {
		t.Helper()
		must(t, os.Remove(path))
	}
	return map[string]func(t *testing.T, b *bed, path string) func(){
		"a named pipe": func(t *testing.T, _ *bed, path string) func() {
			t.Helper()
			away(t, path)
			must(t, syscall.Mkfifo(path, 0o600))
			return func() { away(t, path) }
		},
		"a symlink to a named pipe": func(t *testing.T, _ *bed, path string) func() {
			t.Helper()
			away(t, path)
			pipe := filepath.Join(t.TempDir(), "pipe")
			must(t, syscall.Mkfifo(pipe, 0o600))
			must(t, os.Symlink(pipe, path))
			return func() { away(t, path) }
		},
		"a symlink to a terminal": func(t *testing.T, _ *bed, path string) func() {
			t.Helper()
			away(t, path)
			must(t, os.Symlink("/dev/ptmx", path))
			return func() { away(t, path) }
		},
		"a directory": func(t *testing.T, _ *bed, path string) func() {
			t.Helper()
			away(t, path)
			must(t, os.Mkdir(path, 0o700))
			return func() { away(t, path) }
		},
		"a write lease": func(t *testing.T, _ *bed, path string) func() {
			t.Helper()
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			must(t, err)
			_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK)
			must(t, err)
			return func() { must(t, f.Close()) }
		},
		"a disk that does not answer": func(t *testing.T, b *bed, path string) func() {
			t.Helper()
			return stick(t, b, path)
		},
		"a directory above that does not answer": func(t *testing.T, b *bed, path string) func() {
			t.Helper()
			return stick(t, b, filepath.Dir(path))
		},
	}
}

// stick makes a call for a path that comes back when it is told to.
func stick(t *testing.T, b *bed, path string) func() {
	t.Helper()
	end, ended := make(chan struct{}), make(chan struct{})
	if err := b.disk.Do(path, func() error { defer close(ended); <-end; return nil }); err == nil {
		t.Fatal("the call came back")
	}
	return func() {
		close(end)
		<-ended
		for len(b.disk.Stuck()) > 0 {
			if _, err := b.disk.Stat(b.other); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestAFileThatCannotBeRead holds that it keeps what it last held while other files' edits go on,
// that it is read again when it can be, and that one that was never read refuses.
func TestAFileThatCannotBeRead(t *testing.T) {
	for name, hang := range hangs() {
		t.Run(name, func(t *testing.T) {
			b := lie(t, nil)
			path := filepath.Join(b.dir, "b.yaml")
			b.want("before", b.Read(Change{}), "c.yaml=c, a.yaml=a, b.yaml=b")
			repair := hang(t, b, path)
			put(t, filepath.Join(b.other, "c.yaml"), "edited")
			r := b.Read(Change{Settled: []string{path, filepath.Join(b.other, "c.yaml")}})
			if got := b.summary(Reading{Files: r.Files, Unreadable: r.Unreadable, Lost: r.Lost}); got != "c.yaml=edited, a.yaml=a, b.yaml=b" {
				t.Errorf("while it hangs: %s", got)
			}
			if len(r.Held) == 0 || r.Again.After == 0 {
				t.Errorf("held %v, again %+v; want it told and tried again", r.Held, r.Again)
			}
			if fresh := b.again(nil).Read(Change{}); len(fresh.Unreadable) == 0 || len(fresh.Held) > 0 {
				t.Errorf("never read: %s; want it refused", b.summary(fresh))
			}
			repair()
			put(t, path, "repaired")
			b.want("repaired", b.Read(Change{Retry: r.Again.Paths}), "c.yaml=edited, a.yaml=a, b.yaml=repaired")
		})
	}
}

// TestADirectoryWithPoliciesInThePlaceOfAFile holds that what is in it counts, and that the file
// keeps what it last held until the directory is gone.
func TestADirectoryWithPoliciesInThePlaceOfAFile(t *testing.T) {
	b := lie(t, nil)
	path := filepath.Join(b.dir, "b.yaml")
	b.Read(Change{})
	must(t, os.Remove(path))
	must(t, os.Mkdir(path, 0o700))
	put(t, filepath.Join(path, "x.yaml"), "x")
	b.want("a directory", b.Read(Change{Settled: []string{path}}), "c.yaml=c, a.yaml=a, b.yaml=b, x.yaml=x, PR0110 b.yaml")
	must(t, os.RemoveAll(path))
	b.want("gone", b.Read(Change{Settled: []string{path}}), "c.yaml=c, a.yaml=a")
}

// TestAMeshFileThatCannotBeRead holds the same for the mesh configuration.
func TestAMeshFileThatCannotBeRead(t *testing.T) {
	mesh := filepath.Join(t.TempDir(), "mesh")
	put(t, mesh, "m")
	b := lie(t, func(o *Options) { o.Files = []string{mesh} })
	b.Read(Change{})
	must(t, os.Remove(mesh))
	must(t, syscall.Mkfifo(mesh, 0o600))
	b.want("a pipe", b.Read(Change{Settled: []string{mesh}}), "mesh=m, c.yaml=c, a.yaml=a, b.yaml=b, PR0110 mesh")
}

// TestAFileWithAWriter holds that a file that somebody has open for writing is not complete,
// however long ago the last byte came, and counts when it is closed.
func TestAFileWithAWriter(t *testing.T) {
	b := lie(t, nil)
	first := b.again(nil)
	path := filepath.Join(b.dir, "b.yaml")
	b.Read(Change{})
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	must(t, err)
	_, err = f.WriteString("half")
	must(t, err)
	r := b.Read(Change{Settled: []string{path}})
	if c, err := b.disk.Read(path, 100); err != nil || c.Writer == disk.WriterUnknown {
		t.Skipf("this file system cannot be asked for writers: %v, %v", c.Writer, err)
	}
	b.want("with a writer", r, "c.yaml=c, a.yaml=a, b.yaml=b")
	b.want("at the start", first.Read(Change{}), "c.yaml=c, a.yaml=a, PR0101 b.yaml")
	must(t, f.Close())
	b.want("closed", b.Read(Change{Retry: r.Again.Paths}), "c.yaml=c, a.yaml=a, b.yaml=half")
	b.want("at the start, closed", first.Read(Change{}), "c.yaml=c, a.yaml=a, b.yaml=half")
}

// TestAFileThatTheWatcherSawModified holds for a file system that cannot be asked.
func TestAFileThatTheWatcherSawModified(t *testing.T) {
	var writing []string
	b := lie(t, func(o *Options) { o.Writing = func() []string { return writing } })
	path := filepath.Join(b.dir, "b.yaml")
	b.Read(Change{})
	b.write("b.yaml", "half")
	writing = []string{path}
	b.want("somebody else's change", b.Read(Change{Settled: []string{filepath.Join(b.dir, "a.yaml")}}), "c.yaml=c, a.yaml=a, b.yaml=b")
	writing = nil
	b.want("closed", b.Read(Change{Settled: []string{path}}), "c.yaml=c, a.yaml=a, b.yaml=half")
}
