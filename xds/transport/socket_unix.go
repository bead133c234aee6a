//go:build unix

package transport

import (
	"crypto/rand"
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
)

// socket is a Unix socket that is listened on.
type socket struct {
	*net.UnixListener
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
	return create(path, r)
}

// create makes a socket in a folder that nobody else can enter, and puts it in its place with its rights.
// Made in its place it could be connected to before it has them, also where it is listened on only after:
// the kernel looks at the rights first, and then whether somebody listens.
func create(path string, r Rights) (net.Listener, error) {
	private := filepath.Join(filepath.Dir(path), "."+rand.Text()[:privateName-1])
	if err := os.Mkdir(private, 0o700); err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(private) }() // it is empty
	room, err := openOwn(private)
	if err != nil {
		return nil, err
	}
	defer room.Close()
	beside := filepath.Join(private, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: beside, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	s := &socket{UnixListener: l, path: path}
	s.close = sync.OnceValue(s.end)
	if err := s.place(room, beside, r); err != nil {
		return nil, errors.Join(err, os.Remove(beside), l.Close())
	}
	return s, nil
}

// openOwn opens a folder that was just made. Who may change the folder around it may have put another in its place,
// so that root would give away what stands there: it has to be one that nobody else can change.
func openOwn(folder string) (*os.Root, error) {
	room, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	info, err := room.Stat(".")
	if err == nil && !isOwn(info) {
		err = fmt.Errorf("%s was exchanged by another user", folder)
	}
	if err != nil {
		return nil, errors.Join(err, room.Close())
	}
	return room, nil
}

func isOwn(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid() && info.Mode().Perm()&^0o700 == 0
}

// place gives a socket its rights, and then its place.
func (s *socket) place(room *os.Root, beside string, r Rights) (err error) {
	name := filepath.Base(beside)
	if err := room.Lchown(name, r.uid, r.gid); err != nil {
		return fmt.Errorf("%w (only root can give a socket away; a user can give it to a group of his own)", err)
	}
	if err := room.Chmod(name, r.mode); err != nil {
		return err
	}
	if s.made, err = room.Lstat(name); err != nil {
		return err
	}
	return os.Rename(beside, s.path)
}

// Addr returns the path of the socket.
func (s *socket) Addr() net.Addr { return &net.UnixAddr{Name: s.path, Net: "unix"} }

// Close ends listening and removes the socket, where it is still this one.
func (s *socket) Close() error { return s.close() }

// end removes the file first: as long as it is listened on nobody else takes its place.
func (s *socket) end() error { return errors.Join(s.remove(), s.UnixListener.Close()) }

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
