package disk

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestAWriterThatComesDuringTheReadDoesNotWait has one come at the first byte of a file of
// several chunks: it opens the file although there is more to read, and is seen. The kernel
// signals it with SIGIO, which would end a program that did not take it.
func TestAWriterThatComesDuringTheReadDoesNotWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), 4*chunk), 0o600); err != nil {
		t.Fatal(err)
	}
	f, _, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	l := hold(f)
	if !l.held {
		t.Fatalf("no lease: %v", l.writer)
	}
	opened := make(chan error, 1)
	source := &during{Reader: f, at: func(n int) {
		switch n {
		case 1:
			go func() {
				w, err := os.OpenFile(path, os.O_WRONLY, 0)
				if err == nil {
					err = w.Close()
				}
				opened <- err
			}()
			broken(t, f)
		case 3 * chunk:
			select {
			case err := <-opened:
				opened <- err
			case <-time.After(10 * time.Second):
				t.Error("the writer waits for the whole read")
			}
		}
	}}
	if _, err := readAll(source, 4*chunk, 8*chunk, l); err != nil {
		t.Fatal(err)
	}
	if got := l.release(); got != WriterPresent {
		t.Errorf("writer %v, want one that is present", got)
	}
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

// broken waits until somebody waits for the lease.
func broken(t *testing.T, f *os.File) {
	t.Helper()
	tick, end := time.NewTicker(time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for {
		if kind, err := fcntl(f, unix.F_GETLEASE, 0); err == nil && kind != unix.F_RDLCK {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatal("the lease was not broken")
		}
	}
}

// during reads byte by byte at its beginning, and calls at when that many have been read.
type during struct {
	io.Reader
	n  int
	at func(n int)
}

func (d *during) Read(p []byte) (int, error) {
	if d.n == 0 {
		p = p[:1]
	} else if next := chunk - d.n%chunk; len(p) > next {
		p = p[:next]
	}
	n, err := d.Reader.Read(p)
	d.n += n
	d.at(d.n)
	return n, err
}

// TestAFileThatGrowsIsBounded holds for one that grows as fast as it is read.
func TestAFileThatGrowsIsBounded(t *testing.T) {
	got, err := readAll(endless{}, 5, 3*chunk, &lease{})
	if err != nil || len(got) != 3*chunk+1 {
		t.Errorf("%d bytes, %v, want one more than the limit", len(got), err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestADirectoryIsBounded(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := New(Options{}).readDir(dir, 3); err != nil || len(got) != 3 {
		t.Errorf("three of three: %v, %v", got, err)
	}
	if _, err := New(Options{}).readDir(dir, 2); err == nil {
		t.Error("three were read where two are allowed")
	}
}

// TestOtherMachinesWritersAreNotConcluded holds for what cannot be mounted in a test.
func TestOtherMachinesWritersAreNotConcluded(t *testing.T) {
	for name, kind := range map[string]uint32{"NFS": 0x6969, "CIFS": 0xff534d42, "SMB2": 0xfe534d42, "FUSE": 0x65735546, "9p": 0x1021997, "vboxsf": 0x786f4256, "ceph": 0xc36400} {
		if !remote(kind) {
			t.Errorf("%s is taken for local", name)
		}
	}
	for name, kind := range map[string]uint32{"ext4": 0xef53, "xfs": 0x58465342, "tmpfs": 0x1021994, "overlay": 0x794c7630, "btrfs": 0x9123683e} {
		if remote(kind) {
			t.Errorf("%s is taken for remote", name)
		}
	}
	if got := (Content{Remote: true}).hold(nil).release(); got != WriterUnknown {
		t.Errorf("remote: writer %v, want unknown", got)
	}
}
