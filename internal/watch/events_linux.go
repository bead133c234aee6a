package watch

import (
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// seesWriters says that open writers are told of.
const seesWriters = true

// events is an inotify instance. fsnotify is not used here for two reasons: it does not tell
// when a writer closes a file, and it holds a lock, which its reading needs too, while it adds
// a watch, which may hang.
//
// Whoever reads from the kernel brings the writers up to date in the same step, so that what
// they say is never older than the last write before the question.
type events struct {
	fd, mounts int
	wake       [2]int
	ready      chan struct{}
	mounted    chan struct{}
	done       chan struct{}

	mu      sync.Mutex
	closed  bool
	adding  int
	watches map[int]*inode
	paths   map[string]int
	early   []raw
	from    []origin
	queue   []event
	lost    bool
	writers writers
}

func newEvents(relevant func(path string) bool) (*events, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("start watching: inotify (see fs.inotify.max_user_instances): %w", err)
	}
	e := &events{
		fd: fd, mounts: openMounts(), ready: make(chan struct{}, 1), mounted: make(chan struct{}, 1), done: make(chan struct{}),
		watches: map[int]*inode{}, paths: map[string]int{},
		writers: writers{most: maxMarks, relevant: relevant, marks: map[string]mark{}},
	}
	if err := unix.Pipe2(e.wake[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, errors.Join(fmt.Errorf("start watching: %w", err), unix.Close(fd))
	}
	go e.wait()
	return e, nil
}

// close ends the watching. It waits for nothing that may hang: the last call that adds a watch
// closes the instance, should one hang.
func (e *events) close() {
	_ = unix.Close(e.wake[1])
	<-e.done
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	if e.adding == 0 {
		_ = unix.Close(e.fd)
	}
}

// wait reads what the kernel has, whenever it has something, until the watching is closed.
func (e *events) wait() {
	defer close(e.done)
	defer func() {
		_ = unix.Close(e.wake[0])
		if e.mounts >= 0 {
			_ = unix.Close(e.mounts)
		}
	}()
	fds := []unix.PollFd{{Fd: int32(e.fd), Events: unix.POLLIN}, {Fd: int32(e.wake[0])}, {Fd: int32(e.mounts), Events: unix.POLLPRI}}
	for {
		_, err := unix.Poll(fds, -1)
		if err != nil && !errors.Is(err, unix.EINTR) || fds[1].Revents != 0 {
			return
		}
		if fds[0].Revents != 0 {
			e.pull()
		}
		switch {
		case fds[2].Revents&unix.POLLNVAL != 0:
			fds[2].Fd = -1 // it cannot be asked here
		case fds[2].Revents != 0:
			notify(e.mounted)
		}
	}
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// pull reads all that the kernel has to tell.
func (e *events) pull() {
	e.mu.Lock()
	defer e.mu.Unlock()
	var buffer [16 << 10]byte
	for !e.closed {
		n, err := unix.Read(e.fd, buffer[:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || n <= 0 {
			break
		}
		now := time.Now()
		for _, r := range decode(buffer[:n]) {
			e.handle(r, now)
		}
	}
	if len(e.queue) > 0 || e.lost {
		notify(e.ready)
	}
}

// take returns the events since it was last called, and whether some were lost.
func (e *events) take() ([]event, bool) {
	e.pull()
	e.mu.Lock()
	defer e.mu.Unlock()
	queue, lost := e.queue, e.lost
	e.queue, e.lost = nil, false
	return queue, lost
}

// ask calls a function with the writers as they are now.
func (e *events) ask(f func(*writers)) {
	e.pull()
	e.mu.Lock()
	defer e.mu.Unlock()
	f(&e.writers)
}

func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }
