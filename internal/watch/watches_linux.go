package watch

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// What is asked of the kernel. Files that are unlinked but still written to have no name any
// more, so nothing is told of them.
const (
	maskNames   = unix.IN_ONLYDIR | unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_MOVE_SELF | unix.IN_DELETE_SELF
	maskAll     = maskNames | unix.IN_MODIFY | unix.IN_CLOSE_WRITE | unix.IN_ATTRIB | unix.IN_EXCL_UNLINK
	maskContent = unix.IN_MODIFY | unix.IN_CLOSE_WRITE | unix.IN_ATTRIB | unix.IN_MOVE_SELF | unix.IN_DELETE_SELF
)

// inode is what one watch is on. Several paths may lead to it.
type inode struct {
	paths  []string
	extent extent
}

// add watches a path. It may hang in a call to the system, and holds no lock then.
func (e *events) add(path string, ext extent) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return errors.New("the watching has ended")
	}
	e.adding++
	e.mu.Unlock()
	mask := map[extent]uint32{names: maskNames, all: maskAll, content: maskContent}[ext]
	wd, err := unix.InotifyAddWatch(e.fd, path, mask|unix.IN_MASK_ADD)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.adding--
	if e.closed {
		if e.adding == 0 {
			_ = unix.Close(e.fd)
		}
		return errors.New("the watching has ended")
	}
	if errors.Is(err, unix.ENOSPC) {
		return fmt.Errorf("inotify: no watch is left (see fs.inotify.max_user_watches): %w", err)
	}
	if err != nil {
		return fmt.Errorf("inotify: %w", err)
	}
	e.note(path, wd, ext)
	return nil
}

// note keeps what a watch is on, and takes in what it told before that.
func (e *events) note(path string, wd int, ext extent) {
	if before, ok := e.paths[path]; !ok || before != wd {
		e.detach(path)
		e.paths[path] = wd
		in := e.watches[wd]
		if in == nil {
			in = &inode{}
			e.watches[wd] = in
		}
		in.paths = append(in.paths, path)
	}
	e.watches[wd].extent = max(e.watches[wd].extent, ext)
	early := e.early
	e.early = nil
	now := time.Now()
	for _, r := range early {
		e.handle(r, now) // those of others become early again
	}
	if len(e.queue) > 0 {
		notify(e.ready)
	}
}

// has reports whether a path is watched.
func (e *events) has(path string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ok := e.paths[path]
	return ok
}

// forget ends the watches of a path and of all that is below it: it is not their path any more.
func (e *events) forget(top string) {
	if _, ok := e.paths[top]; !ok {
		return // a directory that is not watched has none below it either
	}
	for path := range e.paths {
		if below(path, top) {
			e.detach(path)
		}
	}
}

func (e *events) detach(path string) {
	wd, ok := e.paths[path]
	if !ok {
		return
	}
	delete(e.paths, path)
	in := e.watches[wd]
	for i, p := range in.paths {
		if p == path {
			in.paths = append(in.paths[:i], in.paths[i+1:]...)
			break
		}
	}
	if len(in.paths) == 0 {
		delete(e.watches, wd)
		_, _ = unix.InotifyRmWatch(e.fd, uint32(wd)) // it may be gone already
	}
}
