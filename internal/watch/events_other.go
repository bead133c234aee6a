//go:build !linux

package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// maxQueued bounds the events that nobody has taken yet.
const maxQueued = 16384

// seesWriters says that open writers are not told of: files must rest for longer.
const seesWriters = false

// events is what fsnotify tells.
type events struct {
	watcher *fsnotify.Watcher
	ready   chan struct{}
	mounted chan struct{}
	done    chan struct{}

	mu    sync.Mutex
	added map[string]bool
	queue []event
	lost  bool
}

func newEvents(func(path string) bool) (*events, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("start watching: %w", err)
	}
	e := &events{watcher: w, ready: make(chan struct{}, 1), mounted: make(chan struct{}), done: make(chan struct{}), added: map[string]bool{}}
	go e.wait()
	return e, nil
}

func (e *events) close() {
	_ = e.watcher.Close()
	<-e.done
}

func (e *events) wait() {
	defer close(e.done)
	for {
		select {
		case ev, ok := <-e.watcher.Events:
			if !ok {
				return
			}
			e.push(ev)
		case _, ok := <-e.watcher.Errors:
			if !ok {
				return
			}
			e.mu.Lock()
			e.lost = true
			e.mu.Unlock()
		}
		select {
		case e.ready <- struct{}{}:
		default:
		}
	}
}

func (e *events) push(ev fsnotify.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := event{path: filepath.Clean(ev.Name)}
	for from, to := range map[fsnotify.Op]op{fsnotify.Create: created, fsnotify.Write: written, fsnotify.Remove: removed, fsnotify.Rename: removed, fsnotify.Chmod: changed} {
		if ev.Has(from) {
			out.op |= to
		}
	}
	if out.has(created) && strings.Contains(ev.String(), " ← ") {
		out.op |= renamed
	}
	if out.has(removed) {
		delete(e.added, out.path)
	}
	if len(e.queue) >= maxQueued {
		e.lost = true
		return
	}
	e.queue = append(e.queue, out)
}

func (e *events) take() ([]event, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	queue, lost := e.queue, e.lost
	e.queue, e.lost = nil, false
	return queue, lost
}

// ask calls a function with no writers, since none are known.
func (e *events) ask(f func(*writers)) {
	f(&writers{relevant: func(string) bool { return false }, marks: map[string]mark{}})
}

func (e *events) add(path string, ext extent) error {
	if ext == content {
		return nil
	}
	if err := e.watcher.Add(path); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.added[path] = true
	return nil
}

func (e *events) has(path string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.added[path]
}

// linked is not asked where writers are not told of.
func linked(os.FileInfo) bool { return false }

func isNotDir(err error) bool { return errors.Is(err, syscall.ENOTDIR) }
