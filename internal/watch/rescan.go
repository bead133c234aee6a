package watch

import (
	"io/fs"
	"maps"
	"path/filepath"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
)

// soon has the directories looked through soon: not more often than every 100 ms, nor for
// more than a fifth of the time.
func (w *Watcher) soon(now time.Time) {
	if !w.again.IsZero() {
		return
	}
	if w.again = w.scanned.Add(max(100*time.Millisecond, 5*w.took)); w.again.Before(now) {
		w.again = now
	}
}

// rescan looks for what no event told.
func (w *Watcher) rescan(now time.Time) {
	w.again = time.Time{}
	s := w.scan()
	w.scanned = time.Now()
	w.took = w.scanned.Sub(now)
	w.compare(s, now)
	for path := range w.tree {
		if _, ok := s.tree[path]; !ok && !w.settling.has(path) {
			w.touch(path, now, signature{})
		}
	}
	w.tree = s.tree
	w.sees(s.failed)
}

// sees takes in whether everything could be watched, and says when that has become otherwise.
func (w *Watcher) sees(failed error) {
	if w.blind.Swap(failed != nil) == (failed != nil) {
		return
	}
	if failed != nil {
		w.options.Logger.Warn("something cannot be watched: its changes are seen at the next rescan, and files that cannot be asked for writers wait longer", "error", failed)
		return
	}
	w.options.Logger.Info("everything is watched again")
}

// recheck looks into everything after events were lost: what has changed, whether files that
// are about to settle have a writer whose writing was missed, and whether the writers that are
// known still exist.
func (w *Watcher) recheck(now time.Time) {
	w.events.ask((*writers).recheck)
	for _, path := range w.settling.unsettled() {
		w.found(path, w.look(path), now)
	}
	w.rescan(now)
	w.lookInto(now)
}

// appeared watches a directory that has appeared with all that is in it, or a file that has
// names elsewhere.
func (w *Watcher) appeared(path string, sign signature, now time.Time) {
	s := w.newScan()
	switch {
	case hidden(filepath.Base(path)):
		return
	case sign.mode.IsRegular():
		if kind, err := w.kind(path); err == nil {
			s.file(path, kind)
		}
		return
	case !sign.mode.IsDir():
		return
	}
	s.dir(path)
	if s.failed != nil {
		w.sees(s.failed)
	}
	w.compare(s, now)
	for path, sign := range s.tree {
		w.tree[path] = sign
	}
}

// adopt takes what a symlink that was renamed into place leads to for known, and watches it:
// the change that tells of the symlink tells of all that, but of what may still be written.
func (w *Watcher) adopt(link string, now time.Time) {
	top := link
	if filepath.Base(link) == dataLink {
		top = filepath.Dir(link)
	}
	s := w.scan()
	maps.DeleteFunc(w.tree, func(path string, _ signature) bool { return below(path, top) })
	for path, sign := range s.tree {
		if below(path, top) {
			w.tree[path] = sign
			if now.Sub(sign.mtime) < w.options.RemoteQuiet { // of others a writer is seen when they are read
				w.suspect(path, sign, now)
			}
		}
	}
}

// vanished lets what was in motion below a directory that is gone settle with it.
func (w *Watcher) vanished(dir string, now time.Time) {
	for _, path := range w.settling.unsettled() {
		if path != dir && below(path, dir) {
			w.touch(path, now, w.look(path))
		}
	}
}

// compare touches all that looks other than it did.
func (w *Watcher) compare(s *scan, now time.Time) {
	for path, sign := range s.tree {
		if w.tree[path] != sign && !w.settling.has(path) {
			w.found(path, sign, now)
		}
	}
	for _, dir := range s.replaced {
		w.touch(dir, now, w.look(dir))
	}
}

// found takes in a file that has changed, or has come, without an event of its writing.
func (w *Watcher) found(path string, sign signature, now time.Time) {
	w.suspect(path, sign, now)
	w.touch(path, now, sign)
}

// suspect asks whether somebody writes to a file that was written out of sight. Where that cannot
// be known it counts as being written until it has rested for long. Where nothing tells of
// writers at all, touch waits for that rest.
func (w *Watcher) suspect(path string, sign signature, now time.Time) {
	if !sign.exists || sign.broken || !sign.mode.IsRegular() || w.open(path) {
		return
	}
	c, err := w.ask(path)
	dropped := ""
	switch {
	case c.Remote:
	case c.Writer == disk.WriterPresent:
		w.events.ask(func(ws *writers) { dropped = ws.modified(path, now) })
	case (err != nil || c.Writer == disk.WriterUnknown) && now.Sub(sign.mtime) < w.options.RemoteQuiet:
		w.events.ask(func(ws *writers) { dropped = ws.unknown(path, sign.mtime, now, w.options.RemoteQuiet) })
	}
	if dropped != "" {
		w.settling.hold(dropped, now, w.look(dropped), w.options.Abandon)
	}
}

// strange reports whether a name that has appeared is of a file that was written elsewhere: moved
// in from a directory that is not watched, or a link.
func (w *Watcher) strange(e event) bool {
	switch {
	case e.has(moved):
		return !e.has(renamed)
	case !e.has(created):
		return false
	}
	info, err := w.options.Disk.Lstat(e.path)
	return err == nil && (info.Mode().Type() == fs.ModeSymlink || linked(info))
}

// touch takes in that something happened to a path.
func (w *Watcher) touch(path string, now time.Time, sign signature) {
	switch {
	case sign.broken:
		// It cannot be read at all, so not half of it either. The reader is to know soon.
		w.settling.touch(path, now, sign, w.options.Quiet)
	case w.open(path):
		w.settling.hold(path, now, sign, w.rest(path))
	default:
		w.settling.touch(path, now, sign, w.rest(path))
	}
}

// rest returns how long a path must be left alone.
func (w *Watcher) rest(path string) time.Duration {
	if !seesWriters {
		return w.options.RemoteQuiet
	}
	remote, err := w.options.Disk.Remote(path)
	for gone(err) && path != filepath.Dir(path) { // what is there of the way to it tells
		path = filepath.Dir(path)
		remote, err = w.options.Disk.Remote(path)
	}
	if remote || err != nil {
		return w.options.RemoteQuiet
	}
	return w.options.Quiet
}

// record keeps what a path that is being told looks like.
func (w *Watcher) record(path string) {
	if sign := w.look(path); sign.exists {
		w.tree[path] = sign
		return
	}
	for known := range w.tree {
		if below(known, path) {
			delete(w.tree, known)
		}
	}
}
