package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
)

// scanFor bounds one look through the directories. What was not reached keeps what was known.
const scanFor = 3 * time.Second

// place is what stood at a path when it was watched, and how much of it is.
type place struct {
	info   fs.FileInfo
	extent extent
}

// scan is one look through all directories.
type scan struct {
	w    *Watcher
	tree map[string]signature
	// visited are the directories, resolved: each counts once, however many symlinks lead to it.
	visited map[string]bool
	// replaced are the directories in whose place another stands since the last time.
	replaced []string
	end      time.Time
	// failed is the first error of a directory that is there.
	failed error
}

func (w *Watcher) newScan() *scan {
	return &scan{w: w, tree: map[string]signature{}, visited: map[string]bool{}, end: time.Now().Add(scanFor)}
}

// scan returns the signature of every relevant file and every directory, and watches what is
// not watched yet.
func (w *Watcher) scan() *scan {
	s := w.newScan()
	for _, file := range w.options.Files {
		s.single(filepath.Clean(file))
	}
	for _, dir := range w.options.Dirs {
		dir = filepath.Clean(dir)
		if parent := filepath.Dir(dir); parent != dir && dir != "." {
			if err := s.names(parent); err != nil {
				w.options.Logger.Debug("cannot watch the parent directory, a replaced directory is seen at the next rescan", "directory", parent, "error", err)
			}
		}
		if sign := w.look(dir); sign.exists {
			s.tree[dir] = sign // one that does not answer any more, or does again, is told
		}
		s.dir(dir)
	}
	maps.DeleteFunc(w.watched, func(path string, _ place) bool { return !w.events.has(path) })
	return s
}

// names watches a directory only so as to see what is replaced in it.
func (s *scan) names(dir string) error {
	info, err := s.w.options.Disk.Stat(dir)
	if err != nil {
		return err
	}
	_, err = s.watch(dir, info, names)
	return err
}

// single looks at a file of its own.
func (s *scan) single(file string) {
	dir := filepath.Dir(file)
	info, err := s.w.options.Disk.Stat(dir)
	if err == nil {
		_, err = s.watch(dir, info, all)
	}
	if err != nil {
		s.fail(file, err)
	}
	if kind, err := s.w.kind(file); !gone(err) {
		s.file(file, kind)
	}
}

// file looks at a file that counts, and watches it for writers that come by another name. Kind
// is what stands there itself.
func (s *scan) file(path string, kind fs.FileMode) {
	info, err := s.w.options.Disk.Stat(path)
	if s.tree[path] = sign(info, err); err == nil && info.Mode().IsRegular() {
		s.regular(path, info, kind)
	}
}

// regular takes in a file that is there.
func (s *scan) regular(path string, info fs.FileInfo, kind fs.FileMode) {
	if s.tree[path] = sign(info, nil); kind != fs.ModeSymlink && !linked(info) {
		return
	}
	if _, err := s.watch(path, info, content); err != nil && !gone(err) {
		s.fail(path, err)
	}
}

// dir looks at a directory and at all that is below it.
func (s *scan) dir(dir string) {
	d := s.w.options.Disk
	if s.w.ended() || time.Now().After(s.end) {
		s.keep(dir)
		return
	}
	resolved, err := d.EvalSymlinks(dir)
	if err != nil {
		resolved = dir
	}
	if s.visited[resolved] {
		return
	}
	s.visited[resolved] = true
	info, err := d.Stat(dir)
	if err == nil {
		var replaced bool
		if replaced, err = s.watch(dir, info, all); replaced {
			s.replaced = append(s.replaced, dir)
		}
	}
	if err != nil {
		s.fail(dir, err)
	}
	entries, err := d.ReadDir(dir)
	if err != nil {
		s.fail(dir, err)
		if !gone(err) {
			s.keep(dir)
		}
		return
	}
	// What is told of files is asked for at once; where that does not answer each is asked for by itself.
	infos, _ := d.Infos(dir, entries)
	for _, e := range entries {
		s.entry(filepath.Join(dir, e.Name()), e, infos[e.Name()])
	}
}

// entry looks at what a directory has under a name; info is what is known of it, or nil.
func (s *scan) entry(path string, e fs.DirEntry, info fs.FileInfo) {
	relevant := s.w.options.Relevant(e.Name())
	if hidden(e.Name()) || e.Type().IsRegular() && !relevant {
		return
	}
	if info != nil {
		s.regular(path, info, e.Type())
		return
	}
	switch sign := s.w.look(path); {
	case sign.mode.IsDir():
		s.tree[path] = sign
		s.dir(path)
	case sign.broken && s.w.tree[path].mode.IsDir():
		s.tree[path] = sign
		s.keep(path)
	case relevant:
		s.file(path, e.Type())
	}
}

// keep lets all count that was known below a directory: it cannot be seen now, which is no removal.
func (s *scan) keep(dir string) {
	for path, sign := range s.w.tree {
		if _, seen := s.tree[path]; !seen && path != dir && below(path, dir) {
			s.tree[path] = sign
		}
	}
}

func (s *scan) fail(path string, err error) {
	if s.failed == nil && !gone(err) && !stuck(err) {
		s.failed = fmt.Errorf("watch %s: %w", path, err)
	}
}

// watch watches a path unless that is done. It reports whether something else stood there
// when it was: a mount over a directory, or its replacement, leaves the old one watched.
func (s *scan) watch(path string, info fs.FileInfo, ext extent) (replaced bool, err error) {
	w := s.w
	before, known := w.watched[path]
	same := known && os.SameFile(before.info, info)
	if same && before.extent >= ext && w.events.has(path) {
		return false, nil
	}
	if same {
		ext = max(ext, before.extent)
	}
	if err := w.options.Disk.Do(path, func() error { return w.events.add(path, ext) }); err != nil {
		return false, err
	}
	w.watched[path] = place{info, ext}
	return known && !same && ext == all, nil
}

// kind returns what stands at a path itself.
func (w *Watcher) kind(path string) (fs.FileMode, error) {
	info, err := w.options.Disk.Lstat(path)
	if err != nil {
		return 0, err
	}
	return info.Mode().Type(), nil
}

// look returns what a path looks like.
func (w *Watcher) look(path string) signature { return sign(w.options.Disk.Stat(path)) }

func stuck(err error) bool { return errors.Is(err, disk.ErrStuck) }
