//go:build unix

package transport

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// turn is how long to wait for another process that makes a socket in the same folder.
	turn = 5 * time.Second
	// answer is how long a process that listens on a socket may take to answer.
	answer = 2 * time.Second
	// backlog is how many connections wait to be accepted, as for every listener of this program.
	backlog = 4096
)

// socket is a Unix socket that is listened on.
type socket struct {
	net.Listener
	path string
	// made is the file of the socket, which tells it from one that another process has put there.
	made  fs.FileInfo
	close func() error
}

// listenUnix listens on a socket that only those with the rights can connect to, at any moment. One that
// nobody listens on any more is replaced; anything else at the path is an error.
func listenUnix(path string, r Rights) (_ net.Listener, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("listen for gateways on unix://%s: %w", path, err)
		}
	}()
	unlock, err := lockFolder(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := clear(path); err != nil {
		return nil, err
	}
	file, err := open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // what listens is a copy
	s := &socket{path: path}
	s.close = sync.OnceValue(s.end)
	if s.made, err = os.Lstat(path); err != nil {
		return nil, err
	}
	if err := s.open(file, r); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

// open gives the socket its rights, and only then lets anybody connect: until listen every connection is
// refused, whatever the rights.
func (s *socket) open(file *os.File, r Rights) (err error) {
	if err := os.Chmod(s.path, r.mode); err != nil {
		return err
	}
	if err := os.Lchown(s.path, r.uid, r.gid); err != nil {
		return fmt.Errorf("%w (only root can give a socket away; a user can give it to a group of his own)", err)
	}
	if err := unix.Listen(int(file.Fd()), backlog); err != nil {
		return os.NewSyscallError("listen", err)
	}
	s.Listener, err = net.FileListener(file)
	return err
}

// Close ends listening and removes the socket, where it is still this one.
func (s *socket) Close() error { return s.close() }

// end removes the file first: as long as it is listened on nobody else takes its place.
func (s *socket) end() error { return errors.Join(s.remove(), s.Listener.Close()) }

func (s *socket) remove() error {
	there, err := os.Lstat(s.path)
	if err != nil || !os.SameFile(there, s.made) {
		return nil //nolint:nilerr // it has been removed already, or is another's
	}
	return os.Remove(s.path)
}

// clear takes away a socket that nobody listens on.
func clear(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return errors.New("there is a file of another kind: want a path where nothing is, or remove it")
	}
	conn, err := net.DialTimeout("unix", path, answer)
	switch {
	case err == nil:
		_ = conn.Close()
		return errors.New("another process listens there: want another path, or end it")
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	default:
		return fmt.Errorf("whether another process listens there cannot be told: %w", err)
	}
}

// open makes a socket with a file that nobody can connect to yet.
func open(path string) (*os.File, error) {
	syscall.ForkLock.RLock() // no program that is started now gets the socket
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	file := os.NewFile(uintptr(fd), path)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return nil, errors.Join(os.NewSyscallError("bind", err), file.Close())
	}
	return file, nil
}

// lockFolder waits until no other control plane makes a socket in a folder: of two that start at one time
// the second finds the first listening.
func lockFolder(folder string) (unlock func(), err error) {
	file, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(turn); ; <-time.After(turn / 100) {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() { _ = file.Close() }, nil
		case errors.Is(err, unix.EINTR):
		case !errors.Is(err, unix.EWOULDBLOCK):
			return nil, errors.Join(fmt.Errorf("lock the folder %s: %w", folder, err), file.Close())
		case time.Now().After(end):
			return nil, errors.Join(fmt.Errorf("another process has kept the folder %s locked for %v", folder, turn), file.Close())
		}
	}
}
