// Package disk reads files and directories so that nothing on a disk can hold up its caller.
//
// A hung network mount, a dying disk or a file system that answers from user space can keep a
// system call for ever, and no deadline reaches into it. Here each call runs on a goroutine of
// its own. Its caller waits for a bounded time; the calls that have not come back are few, and
// what they would have given is dropped.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// What a disk may answer beside the errors of the operating system. All come wrapped in an
// *fs.PathError.
var (
	// ErrStuck says that a call did not come back in time, or that it was not made because an
	// earlier one for the same path, or too many in all, have not come back.
	ErrStuck = errors.New("the disk does not answer")
	// ErrNotRegular says that a path is a directory, a pipe or a device.
	ErrNotRegular = errors.New("not a regular file")
	// ErrTooLarge says that a file or a directory holds more than is read.
	ErrTooLarge = errors.New("too large")
	// ErrBusy says that another process holds a write lease on a file.
	ErrBusy = errors.New("another process holds a write lease on it")
)

// Options are the bounds of a Disk. Zero stands for the default.
type Options struct {
	// Timeout is how long one operation may take before its caller is told ErrStuck. 500 ms by default.
	Timeout time.Duration
	// MaxStuck bounds the operations that have not come back, over all paths. 16 by default.
	// Paths of one directory get a quarter of them at most, so that one directory cannot take
	// away the disk from all others.
	MaxStuck int
}

// maxEntries bounds what is read of one directory: twice the policies of the largest
// installation that is measured, in some 25 MB.
const maxEntries = 250_000

// Disk makes calls that may block. It is safe for concurrent use.
type Disk struct {
	options Options
	mu      sync.Mutex
	// calls are those that have not come back, by path: at most one a path.
	calls map[string]*call
	// changed is closed, and another made, whenever a call comes back or gets stuck.
	changed chan struct{}
}

// call is one that has not come back. It is stuck once its caller has given up.
type call struct{ stuck bool }

// New returns a Disk with no calls.
func New(o Options) *Disk {
	if o.Timeout <= 0 {
		o.Timeout = 500 * time.Millisecond
	}
	if o.MaxStuck <= 0 {
		o.MaxStuck = 16
	}
	return &Disk{options: o, calls: map[string]*call{}, changed: make(chan struct{})}
}

// Stat is os.Stat.
func (d *Disk) Stat(path string) (fs.FileInfo, error) {
	return run(d, "stat", path, func() (fs.FileInfo, error) { return os.Stat(path) })
}

// Lstat is os.Lstat.
func (d *Disk) Lstat(path string) (fs.FileInfo, error) {
	return run(d, "lstat", path, func() (fs.FileInfo, error) { return os.Lstat(path) })
}

// Readlink is os.Readlink.
func (d *Disk) Readlink(path string) (string, error) {
	return run(d, "readlink", path, func() (string, error) { return os.Readlink(path) })
}

// EvalSymlinks is filepath.EvalSymlinks.
func (d *Disk) EvalSymlinks(path string) (string, error) {
	return run(d, "resolve", path, func() (string, error) { return filepath.EvalSymlinks(path) })
}

// Mount returns the number of the mount that a path is on, which tells it from its neighbours as
// long as it is mounted. It is false where the system does not tell.
func (d *Disk) Mount(path string) (uint64, bool, error) {
	type answer struct {
		number uint64
		known  bool
	}
	a, err := run(d, "ask for the mount of", path, func() (answer, error) {
		number, known, err := mountOf(path)
		return answer{number, known}, err
	})
	return a.number, a.known, err
}

// ReadDir is os.ReadDir with a bound on the entries, in calls of many: a large directory is no disk that does not answer.
// Info of an entry may block: ask Lstat.
func (d *Disk) ReadDir(path string) ([]fs.DirEntry, error) { return d.readDir(path, maxEntries) }

func (d *Disk) readDir(path string, most int) ([]fs.DirEntry, error) {
	// A directory is asked for: a pipe would block. Where a call gets stuck the file is closed when nobody has it any more.
	f, err := run(d, "open directory", path, func() (*os.File, error) { return OpenDir(path) })
	if err != nil {
		return nil, err
	}
	var out []fs.DirEntry
	for {
		some, err := run(d, "read directory", path, func() ([]fs.DirEntry, error) { return f.ReadDir(min(namesAtOnce, most+1)) })
		if errors.Is(err, ErrStuck) {
			return nil, err
		}
		switch out = append(out, some...); {
		case len(out) > most:
			return nil, errors.Join(&fs.PathError{Op: "read directory", Path: path, Err: fmt.Errorf("%w: it has more than %d entries", ErrTooLarge, most)}, f.Close())
		case errors.Is(err, io.EOF):
			slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
			return out, f.Close()
		case err != nil:
			return nil, errors.Join(err, f.Close())
		}
	}
}

// namesAtOnce bounds the names that one call reads, so that it ends in time.
const namesAtOnce = 4096

// Infos returns what the file system tells of those entries of a directory that are regular files, by
// name, in calls of many: that of a thousand files costs a tenth. Where it does not answer in time, each
// can still be asked for by itself.
func (d *Disk) Infos(dir string, entries []fs.DirEntry) (map[string]fs.FileInfo, error) {
	out := make(map[string]fs.FileInfo, len(entries))
	for some := range slices.Chunk(entries, infosAtOnce) {
		infos, err := run(d, "stat the files of", filepath.Join(dir, "*"), func() ([]fs.FileInfo, error) { return infosOf(dir, some), nil })
		if err != nil {
			return nil, err
		}
		for _, info := range infos {
			out[info.Name()] = info
		}
	}
	return out, nil
}

// infosAtOnce bounds the files that one call asks for, so that it ends in time.
const infosAtOnce = 4096

func infosOf(dir string, entries []fs.DirEntry) []fs.FileInfo {
	out := make([]fs.FileInfo, 0, len(entries))
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if info, err := os.Lstat(filepath.Join(dir, e.Name())); err == nil && info.Mode().IsRegular() {
			out = append(out, info)
		}
	}
	return out
}

// Do makes any other call that may block on a path. After ErrStuck it may still run, or run to
// its end: it must not write to anything that its caller reads then.
func (d *Disk) Do(path string, what func() error) error {
	_, err := run(d, "use", path, func() (struct{}, error) { return struct{}{}, what() })
	return err
}

// Stuck returns the paths with a call that has not come back although its caller has given it
// up, in order.
func (d *Disk) Stuck() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for path, c := range d.calls {
		if c.stuck {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return out
}
