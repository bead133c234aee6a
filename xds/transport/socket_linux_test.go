package transport_test

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// stranger connects as a user who has no rights, without a pause, until the test ends. It counts those that succeed.
type stranger struct {
	tried, connected atomic.Int64
	ended            atomic.Bool
	all              sync.WaitGroup
}

func newStranger(path string) *stranger {
	s := &stranger{}
	s.all.Go(func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its user
		const nobody = 65534
		_, _ = unix.SetfsuidRetUid(nobody)
		for !s.ended.Load() {
			fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				continue
			}
			if unix.Connect(fd, &unix.SockaddrUnix{Name: path}) == nil {
				s.connected.Add(1)
			}
			s.tried.Add(1)
			_ = unix.Close(fd)
		}
	})
	return s
}

func (s *stranger) end() int64 {
	s.ended.Store(true)
	s.all.Wait()
	return s.connected.Load()
}

// TestNobodyConnectsBeforeASocketHasItsRights has a user without rights try while sockets come and go.
func TestNobodyConnectsBeforeASocketHasItsRights(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be another user")
	}
	defer syscall.Umask(syscall.Umask(0))
	path := socketPath(t)
	must(t, os.Chmod(filepath.Dir(path), 0o755))
	open, err := net.Listen("unix", path)
	must(t, err)
	control := newStranger(path)
	eventually(t, "the user connects where he may", func() bool { return control.connected.Load() > 0 })
	control.end()
	must(t, open.Close())

	s := newStranger(path)
	for s.tried.Load() < 2000 {
		for range 100 {
			l, err := listen(t, path, "", "", "")
			must(t, err)
			must(t, l.Close())
		}
	}
	if n := s.end(); n > 0 {
		t.Errorf("he connected %d times of %d", n, s.tried.Load())
	}
}
