// Package watch tells when files below some directories have changed and come to rest. It
// knows nothing of what is in them.
//
// A rename into place is complete when it is seen, and is told at once where nothing else
// is pending. Everything else (a write, a creation, a removal) waits until the files have
// been quiet: an editor that truncates and writes, or deletes and re-creates, must never
// be seen half way.
//
// A file that was modified is unfinished until its writer closes it, however long that takes.
// Where the system does not tell of writers (network, FUSE and shared file systems, other
// systems than Linux), a file must have rested for longer instead.
//
// No disk can hold up a watcher: what does not answer keeps what was last known of it.
package watch

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
)

// Options say what to watch.
type Options struct {
	// Dirs are the directories, watched with all that is below them.
	Dirs []string
	// Files are single files, watched beside the directories. One that is missing is seen when it appears.
	Files []string
	// MayMiss says of which of the directories it is no error of New that they are not there;
	// nil means of none.
	MayMiss func(dir string) bool
	// Relevant says which file names in the directories count. It is called from several goroutines.
	Relevant func(name string) bool
	// Quiet is how long files must be left alone, Max the longest that a change waits for
	// that, Rescan how often the directories are looked through for changes that no event told.
	Quiet, Max, Rescan time.Duration
	// RemoteQuiet stands for Quiet where the system does not tell of writers. 10 s by default.
	RemoteQuiet time.Duration
	// Abandon is how long a file must not have been modified until it counts as finished
	// although no writer was seen to close it, where the system cannot be asked for one. 60 s
	// by default.
	Abandon time.Duration
	// Disk makes all calls that may block.
	Disk   *disk.Disk
	Logger *slog.Logger
}

// Change says that there is something new to read.
type Change struct {
	// Unsettled are all files that are in motion, as filepath.Join(dir, path): those that still
	// were when Max was over, and those that a writer has open. The reader keeps what they last
	// held; another change follows when they have settled.
	Unsettled []string
	// Settled are the files and directories that something happened to and that have come
	// to rest. A file that is gone is gone for good only when it, or a directory above it, is
	// named here; otherwise it is being replaced at this very moment.
	Settled []string
	// Complete are the files, or the symlinks to directories, that were renamed into place
	// and are complete although they may have been written a moment ago: before At.
	Complete []string
	At       time.Time
	// Since is when the first of it was seen.
	Since time.Time
}

// Watcher watches directories.
type Watcher struct {
	options  Options
	events   *events
	changes  chan Change
	settling settling
	tree     map[string]signature
	// watched is what was at the paths when they were last watched.
	watched map[string]place
	// again is when to look through the directories before the next rescan, unless zero.
	again, scanned time.Time
	took           time.Duration
	stuck          []string
	// blind says that something could not be watched when it was looked through last.
	blind atomic.Bool
	// ask says who writes to a file.
	ask func(path string) (disk.Content, error)
	// ended reports whether the watching is to end.
	ended func() bool
}

// New starts watching: what happens after it is told by Run. An error means that a
// directory cannot be watched. One that does not answer is none: it is watched once it does.
func New(o Options) (*Watcher, error) {
	if o.RemoteQuiet <= 0 {
		o.RemoteQuiet = 10 * time.Second
	}
	if o.MayMiss == nil {
		o.MayMiss = func(string) bool { return false }
	}
	if o.Abandon <= 0 {
		o.Abandon = time.Minute
	}
	w := &Watcher{
		options: o, changes: make(chan Change, 1), settling: settling{quiet: o.Quiet, most: o.Max},
		watched: map[string]place{}, ask: o.Disk.Ask, ended: func() bool { return false },
	}
	var err error
	if w.events, err = newEvents(w.counts); err != nil {
		return nil, err
	}
	w.events.ask(func(ws *writers) { ws.rest = o.RemoteQuiet })
	if err := w.begin(); err != nil {
		w.events.close()
		return nil, err
	}
	return w, nil
}

// begin looks through the directories for the first time.
func (w *Watcher) begin() error {
	for _, dir := range w.options.Dirs {
		if err := w.present(dir, dir); err != nil {
			return err
		}
	}
	for _, file := range w.options.Files {
		if err := w.present(file, filepath.Dir(file)); err != nil {
			return err
		}
	}
	s := w.scan()
	w.tree = s.tree
	return s.failed
}

// present holds that there is a directory, as far as it answers.
func (w *Watcher) present(path, dir string) error {
	info, err := w.options.Disk.Stat(dir)
	switch {
	case stuck(err):
		w.options.Logger.Warn("a directory does not answer, it is watched once it does", "directory", dir, "error", err)
	case gone(err) && w.options.MayMiss(filepath.Clean(dir)):
		w.options.Logger.Warn("a directory is not there, it is watched once it is", "directory", dir, "error", err)
	case err != nil:
		return fmt.Errorf("watch %s: %w", path, err)
	case !info.IsDir():
		return fmt.Errorf("watch %s: it is not a directory", path)
	}
	return nil
}

// Changes returns the channel on which changes are told. A change that has not been taken
// when the next one comes is merged into it.
func (w *Watcher) Changes() <-chan Change { return w.changes }

// Blind reports whether some directory or file cannot be watched, as where the system has no
// watches left: who writes there is not seen, and a change only at the next rescan.
func (w *Watcher) Blind() bool { return w.blind.Load() }

// Writing returns the files that count and that a writer has modified and not closed since, in
// order. It never answers what is older than the question: a reader that asks after it has read
// knows which of what it read may be half a file. It may be called at any time, by anyone.
func (w *Watcher) Writing() []string {
	var out []string
	w.events.ask(func(ws *writers) {
		for path := range ws.marks {
			if w.counts(path) {
				out = append(out, path)
			}
		}
	})
	slices.Sort(out)
	return out
}

// open reports whether a writer has a file open.
func (w *Watcher) open(path string) (open bool) {
	w.events.ask(func(ws *writers) { _, open = ws.marks[path] })
	return open
}
