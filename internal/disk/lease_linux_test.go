package disk_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/portreeve/portreeve/internal/disk"
)

// leaseOf names, for this program as a helper of its tests, the file to hold a write lease on.
const leaseOf = "DISK_TEST_LEASE_OF"

// holding holds a write lease until its input ends, where the program was started for that.
func holding() bool {
	path := os.Getenv(leaseOf)
	if path == "" {
		return false
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK)
	}
	fmt.Println(err)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return true
}

// writeLease has another process hold a write lease until the function that it returns is called.
func writeLease(t *testing.T, path string) (release func()) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	c := exec.CommandContext(t.Context(), self)
	c.Env = append(os.Environ(), leaseOf+"="+path)
	in, err := c.StdinPipe()
	must(t, err)
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "<nil>\n" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	return func() {
		must(t, in.Close())
		must(t, c.Wait())
	}
}

func TestWhatIsNotRegularDoesNotBlock(t *testing.T) {
	dir := t.TempDir()
	pipe, link, terminal := filepath.Join(dir, "pipe"), filepath.Join(dir, "link"), filepath.Join(dir, "terminal")
	must(t, unix.Mkfifo(pipe, 0o600))
	must(t, os.Symlink(pipe, link))
	must(t, os.Symlink("/dev/ptmx", terminal))
	for _, path := range []string{pipe, link, terminal, "/dev/zero"} {
		if _, err := disk.New(disk.Options{Timeout: bound}).Read(path, 10); !errors.Is(err, disk.ErrNotRegular) {
			t.Errorf("%s: got %v, want ErrNotRegular", path, err)
		}
	}
}

// TestASpecialFileIsNotOpened holds because opening a device may do something.
func TestASpecialFileIsNotOpened(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	must(t, unix.Mkfifo(pipe, 0o600))
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	must(t, err)
	defer func() { must(t, unix.Close(fd)) }()
	_, err = unix.InotifyAddWatch(fd, dir, unix.IN_OPEN)
	must(t, err)
	if _, err := disk.New(disk.Options{Timeout: bound}).Read(pipe, 10); !errors.Is(err, disk.ErrNotRegular) {
		t.Errorf("got %v, want ErrNotRegular", err)
	}
	if n, err := unix.Read(fd, make([]byte, 4096)); !errors.Is(err, unix.EAGAIN) {
		t.Errorf("it was opened: %d bytes of events, %v", n, err)
	}
}

func TestAWriteLeaseOfAnotherDoesNotBlock(t *testing.T) {
	d := disk.New(disk.Options{Timeout: bound})
	path := filepath.Join(t.TempDir(), "a")
	must(t, os.WriteFile(path, []byte("x"), 0o600))
	release := writeLease(t, path)
	if _, err := d.Read(path, 10); !errors.Is(err, disk.ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
	release()
	if _, err := d.Read(path, 10); err != nil {
		t.Errorf("after it was released: %v", err)
	}
}

func TestAWriterIsSeen(t *testing.T) {
	d := disk.New(disk.Options{Timeout: bound})
	dir := t.TempDir()
	path, other := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	must(t, os.WriteFile(path, []byte("x"), 0o600))
	must(t, os.Link(path, other))
	hold := func(path string, want disk.Writer) {
		t.Helper()
		c, err := d.Read(path, 10)
		if err != nil || c.Writer != want || string(c.Bytes) != "x" {
			t.Errorf("read: writer %v, %q, %v, want %v", c.Writer, c.Bytes, err, want)
		}
		if c, err = d.Ask(path); err != nil || c.Writer != want {
			t.Errorf("asked: writer %v, %v, want %v", c.Writer, err, want)
		}
	}
	hold(path, disk.WriterAbsent)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	hold(path, disk.WriterPresent)
	hold(other, disk.WriterPresent)
	must(t, f.Close())
	hold(path, disk.WriterAbsent)
}
