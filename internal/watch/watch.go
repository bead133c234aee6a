// Package watch tells when files below some directories have changed and come to rest. It
// knows nothing of what is in them.
//
// A rename into place is complete when it is seen, and is told at once where nothing else
// is pending. Everything else (a write, a creation, a removal) waits until the files have
// been quiet: an editor that truncates and writes, or deletes and re-creates, must never
// be seen half way.
package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Options say what to watch.
type Options struct {
	// Dirs are the directories, watched with all that is below them.
	Dirs []string
	// Files are single files, watched beside the directories. One that is missing is seen when it appears.
	Files []string
	// Relevant says which file names in the directories count.
	Relevant func(name string) bool
	// Quiet is how long files must be left alone, Max the longest that a change waits for
	// that, Rescan how often the directories are looked through for changes that no event told.
	Quiet, Max, Rescan time.Duration
	Logger             *slog.Logger
}

// Change says that there is something new to read.
type Change struct {
	// Unsettled are the files that were still in motion when Max was over, as
	// filepath.Join(dir, path). The reader keeps what they last held; another change
	// follows when they have settled.
	Unsettled []string
	// Settled are the files and directories that something happened to and that have come
	// to rest. A file that is gone is gone for good only when it, or a directory above it, is
	// named here; otherwise it is being replaced at this very moment.
	Settled []string
	// Complete are the files, or the symlinks to directories, that were renamed into place
	// and are complete although they may have been written a moment ago: before At.
	Complete []string
	At       time.Time
}

// Watcher watches directories.
type Watcher struct {
	options  Options
	events   *fsnotify.Watcher
	changes  chan Change
	settling settling
	tree     map[string]signature
}

// New starts watching: what happens after it is told by Run. An error means that a
// directory cannot be watched.
func New(o Options) (*Watcher, error) {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("start watching: %w", err)
	}
	w := &Watcher{options: o, events: events, changes: make(chan Change, 1), settling: settling{quiet: o.Quiet, most: o.Max}}
	for _, dir := range o.Dirs {
		if err := w.root(dir); err != nil {
			return nil, errors.Join(err, events.Close())
		}
	}
	for _, file := range o.Files {
		if err := events.Add(filepath.Dir(file)); err != nil {
			return nil, errors.Join(fmt.Errorf("watch %s: %w", file, err), events.Close())
		}
	}
	w.tree = w.scan()
	return w, nil
}

// root watches a directory, and its parent so as to see it replaced.
func (w *Watcher) root(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("watch %s: %w", dir, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("watch %s: it is not a directory", dir)
	}
	if err := w.below(dir, map[string]bool{}); err != nil {
		return fmt.Errorf("watch %s: %w", dir, err)
	}
	if parent := filepath.Dir(filepath.Clean(dir)); parent != filepath.Clean(dir) && dir != "." {
		if err := w.events.Add(parent); err != nil {
			w.options.Logger.Warn("cannot watch the parent directory, a replaced directory is seen at the next rescan", "directory", parent, "error", err)
		}
	}
	return nil
}

// below watches a directory and every directory in it, each once, however many symlinks lead to it.
func (w *Watcher) below(dir string, visited map[string]bool) error {
	if again(dir, visited) {
		return nil
	}
	if err := w.events.Add(dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if !hidden(e.Name()) && look(path).exists && isDir(path) {
			if err := w.below(path, visited); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// again reports whether a directory was visited before, under whatever name.
func again(dir string, visited map[string]bool) bool {
	resolved, err := filepath.EvalSymlinks(dir)
	if err != nil {
		resolved = dir
	}
	before := visited[resolved]
	visited[resolved] = true
	return before
}

// Changes returns the channel on which changes are told. A change that has not been taken
// when the next one comes is merged into it.
func (w *Watcher) Changes() <-chan Change { return w.changes }

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) error {
	defer func() { _ = w.events.Close() }()
	rescan := time.NewTicker(w.options.Rescan)
	defer rescan.Stop()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if !w.settling.idle() {
			timer.Reset(max(time.Until(w.settling.due()), time.Millisecond))
		}
		select {
		case <-ctx.Done():
			return nil
		case e := <-w.events.Events:
			w.event(e, time.Now())
		case err := <-w.events.Errors:
			w.options.Logger.Warn("events were lost, looking through the directories", "error", err)
			w.rescan(time.Now())
		case <-rescan.C:
			w.rescan(time.Now())
		case <-timer.C:
			w.check(time.Now())
		}
	}
}

// event takes one event. What is not below a watched directory, or not relevant, is none.
func (w *Watcher) event(e fsnotify.Event, now time.Time) {
	e.Name = filepath.Clean(e.Name)
	if !w.concerns(e.Name) {
		return
	}
	if e.Op == fsnotify.Chmod && look(e.Name) == w.tree[e.Name] {
		return
	}
	if e.Has(fsnotify.Create) && isDir(e.Name) && !hidden(filepath.Base(e.Name)) {
		w.added(e.Name)
	}
	if w.settling.idle() && inPlace(e) {
		w.tell(Change{Settled: []string{e.Name}, Complete: []string{e.Name}, At: now})
		return
	}
	w.settling.touch(e.Name, now, look(e.Name))
}

// added watches a directory that has appeared.
func (w *Watcher) added(dir string) {
	if err := w.below(dir, map[string]bool{}); err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.options.Logger.Warn("cannot watch a new directory, its changes are seen at the next rescan", "directory", dir, "error", err)
	}
	w.scanDir(dir, w.tree, map[string]bool{})
}

// inPlace reports whether the event is a rename onto a name inside the watched
// directories: the file was written under another name there and is complete. A creation
// tells nothing of that; a rename from a directory that is not watched looks like one, and
// waits. Being wrong the other way would read half a file.
func inPlace(e fsnotify.Event) bool {
	return e.Has(fsnotify.Create) && strings.Contains(e.String(), " ← ") && !isPlainDir(e.Name)
}

// dataLink is the symlink that a ConfigMap volume swaps to replace all its files at once.
const dataLink = "..data"

// concerns reports whether a path can change what is read.
func (w *Watcher) concerns(path string) bool {
	for _, file := range w.options.Files {
		if file = filepath.Clean(file); path == file || path == filepath.Join(filepath.Dir(file), dataLink) {
			return true
		}
	}
	for _, dir := range w.options.Dirs {
		dir = filepath.Clean(dir)
		if path == dir {
			return true
		}
		rest, below := strings.CutPrefix(path, dir+string(filepath.Separator))
		if dir == "." {
			rest, below = path, true
		}
		if !below {
			continue
		}
		base := filepath.Base(rest)
		folder := filepath.Dir(rest)
		if folder != "." && hidden(strings.Split(folder, string(filepath.Separator))...) {
			return false
		}
		_, known := w.tree[path]
		return base == dataLink || known || w.options.Relevant(base) || (!hidden(base) && isDir(path))
	}
	return false
}

func hidden(names ...string) bool {
	for _, n := range names {
		if strings.HasPrefix(n, ".") {
			return true
		}
	}
	return false
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isPlainDir(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.IsDir()
}

func (w *Watcher) check(now time.Time) {
	if tell, settled, unsettled := w.settling.check(now, look); tell {
		w.tell(Change{Settled: settled, Unsettled: unsettled})
	}
}

// tell hands a change to the reader. One that still waits there is replaced: the reader
// reads everything anyway, and what is unsettled now is what counts.
func (w *Watcher) tell(c Change) {
	select {
	case waiting := <-w.changes:
		c.Settled = append(c.Settled, waiting.Settled...)
		c.Complete = append(c.Complete, waiting.Complete...)
		if !waiting.At.IsZero() {
			c.At = waiting.At // the earlier: whatever was written since counts as in motion
		}
	default:
	}
	// Before the reader is told: what changes after this look is found by the next rescan.
	for _, path := range c.Settled {
		w.remember(path)
	}
	w.changes <- c
}

// remember records what a path that is being told looks like.
func (w *Watcher) remember(path string) {
	if sign := look(path); sign.exists {
		w.tree[path] = sign
		return
	}
	for known := range w.tree {
		if known == path || strings.HasPrefix(known, path+string(filepath.Separator)) {
			delete(w.tree, known)
		}
	}
}

// rescan looks for what no event told.
func (w *Watcher) rescan(now time.Time) {
	if !w.settling.idle() {
		return // a burst is on its way; the next rescan sees what it leaves
	}
	tree := w.scan()
	for path, sign := range tree {
		if w.tree[path] != sign {
			w.settling.touch(path, now, sign)
		}
	}
	for path := range w.tree {
		if _, ok := tree[path]; !ok {
			w.settling.touch(path, now, signature{})
		}
	}
	w.tree = tree
}

// scan returns the signature of every relevant file and every directory, and watches
// directories that are not watched yet.
func (w *Watcher) scan() map[string]signature {
	out, visited := map[string]signature{}, map[string]bool{}
	for _, file := range w.options.Files {
		if sign := look(file); sign.exists {
			out[filepath.Clean(file)] = sign
		}
	}
	for _, dir := range w.options.Dirs {
		w.scanDir(filepath.Clean(dir), out, visited)
	}
	return out
}

func (w *Watcher) scanDir(dir string, out map[string]signature, visited map[string]bool) {
	if again(dir, visited) {
		return
	}
	_ = w.events.Add(dir) // watched already, or tried again at the next rescan
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case hidden(e.Name()):
		case isDir(path):
			out[path] = look(path)
			w.scanDir(path, out, visited)
		case w.options.Relevant(e.Name()):
			out[path] = look(path)
		}
	}
}
