package source

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"
)

const (
	// maxDepth bounds how many directories deep a tree is followed. A deeper one is an
	// error, not an omission: what lies there could be a policy.
	maxDepth = 32
	// maxEntries bounds the names in a tree, those included that do not count.
	maxEntries = 500_000
)

// What an error of Read wraps, beside what the file system says.
var (
	// ErrTooMuch says that a file, or all of them, are beyond a limit.
	ErrTooMuch = errors.New("beyond the limit")
	// ErrNotFile says that something else stands in the place of a file: a directory, a pipe.
	ErrNotFile = errors.New("it is not a file")
)

// Limits bound what is read, so that a disk image that somebody named x.yaml does not end the
// process. What is beyond one is an error, not an omission. Zero stands for the
// default; below it nothing may be read.
type Limits struct {
	// FileBytes bounds one file, Bytes all files of a tree, Files their number.
	FileBytes, Bytes int64
	Files            int
}

// DefaultLimits returns 8 MiB a file, 32 MiB and 200,000 files in all. A policy for each of 10,000
// paths is 6 MiB; compiled, policy takes some forty times its size.
func DefaultLimits() Limits { return Limits{FileBytes: 8 << 20, Bytes: 32 << 20, Files: 200_000} }

// Completed returns the limits with the defaults filled in.
func (l Limits) Completed() Limits {
	standard := DefaultLimits()
	if l.FileBytes == 0 {
		l.FileBytes = standard.FileBytes
	}
	if l.Bytes == 0 {
		l.Bytes = standard.Bytes
	}
	if l.Files == 0 {
		l.Files = standard.Files
	}
	return l
}

// Read returns the relevant files of a tree (see [Relevant]), ordered by path. Hidden
// directories are not looked into.
//
// Symlinks to files and directories are followed, also out of the tree where fsys allows
// it, and also into hidden directories: that is how a Kubernetes ConfigMap is mounted. What
// is reached by a symlink and also has a plain name in the tree is listed under the plain
// name only, so that no object appears twice; the same goes for a second symlink to it. A
// symlink to a directory above itself therefore adds nothing.
//
// Everything relevant that cannot be read is an error: a dangling symlink, a missing
// permission, a file that vanished while the tree was walked, a pipe, a directory with the name
// of a file and nothing in it that counts, what is beyond the limits. All of them are
// reported together. The caller must then refuse the whole generation, since it cannot
// know what the missing text said: going on without it would drop a policy. The files
// that could be read are returned beside the error, for a report only. Each collected
// error is a *fs.PathError with the path inside the tree.
func Read(fsys fs.FS) ([]File, error) {
	return ReadWith(fsys, Options{})
}

// Options lets a caller keep what it has read, and say how much may be read. The zero value
// keeps nothing and has the default limits.
type Options struct {
	Limits Limits
	// Ignored reports whether a name is left out, with all that is below it where it is a
	// directory. Of the mode only the type counts, that of what a symlink leads to. It is asked from the top.
	Ignored func(name string, mode fs.FileMode) bool
	// Skipped is told every name that is not read: files that do not count, and what Ignored leaves out, directories with a
	// slash at the end. Of hidden files and directories it is told those that have the name of a policy file.
	Skipped func(name string)
	// Known returns the content of a file that need not be read again.
	Known func(name string, info fs.FileInfo) ([]byte, bool)
	// Note is told every file that was read, with what the file system said of it before.
	Note func(name string, info fs.FileInfo, content []byte)
}

// ReadWith is Read, except that files are not read whose content is known.
func ReadWith(fsys fs.FS, options Options) ([]File, error) {
	r := newReader(fsys, options)
	r.directory(".", 0)
	// Plain names come first, so that they win over symlinks to the same content.
	r.phase = linked
	for len(r.links) > 0 {
		next := r.links[0]
		r.links = r.links[1:]
		r.follow(next)
	}
	slices.SortFunc(r.files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return r.files, r.err.ErrorOrNil()
}

func newReader(fsys fs.FS, options Options) *reader {
	options.Limits = options.Limits.Completed()
	return &reader{fsys: fsys, options: options, directories: map[string]bool{}, listed: map[string]bool{}}
}

type reader struct {
	fsys    fs.FS
	options Options
	files   []File
	// bytes and entries count what was read and seen; over says that a limit of the whole was.
	bytes   int64
	entries int
	over    bool
	// links are the symlinks still to be followed, in the order of the walk.
	links []link
	// directories and listed hold the identities of what was walked and read already.
	directories, listed map[string]bool
	phase               phase
	err                 *multierror.Error
}

// phase says by what names the files are found.
type phase int

const (
	// The zero phase: without any symlink on the way.
	_ phase = iota
	// linked: by a symlink, or below one.
	linked
)

// link is a symlink at a depth of the tree.
type link struct {
	name  string
	depth int
}

// fail collects an error as a *fs.PathError, whose path a caller can show by itself.
func (r *reader) fail(action, name string, err error) {
	if inner, ok := errors.AsType[*fs.PathError](err); ok {
		err = inner.Err
	}
	r.err = multierror.Append(r.err, &fs.PathError{Op: action, Path: name, Err: err})
}

func (r *reader) directory(dir string, depth int) {
	if depth > maxDepth {
		r.fail("read directory", dir, fmt.Errorf("more than %d directories deep", maxDepth))
		return
	}
	info, err := fs.Stat(r.fsys, dir)
	if err != nil {
		r.fail("read directory", dir, err)
		return
	}
	id := r.identity(dir, info)
	if r.directories[id] {
		return
	}
	r.directories[id] = true
	entries, err := fs.ReadDir(r.fsys, dir)
	if err != nil {
		r.fail("read directory", dir, err)
		return
	}
	if r.entries += len(entries); r.entries > maxEntries {
		r.fail("read directory", dir, fmt.Errorf("more than %d names in all: %w", maxEntries, ErrTooMuch))
		return
	}
	before := len(r.files) + len(r.links)
	for _, e := range entries {
		r.entry(path.Join(dir, e.Name()), e.Type(), depth)
	}
	if dir != "." && Relevant(dir) && len(r.files)+len(r.links) == before {
		// A container engine makes such a directory where the file to mount is missing.
		r.fail("read", dir, fmt.Errorf("%w: it is a directory, and holds nothing that counts", ErrNotFile))
	}
}

func (r *reader) entry(name string, mode fs.FileMode, depth int) {
	switch {
	case hidden(name):
		if policyName(name) && mode.IsRegular() {
			r.skip(name)
		}
	case r.ignored(name, mode&^fs.ModeSymlink):
		if mode.IsDir() {
			name += "/"
		}
		r.skip(name)
	case mode&fs.ModeSymlink != 0:
		r.links = append(r.links, link{name, depth})
	case mode.IsDir():
		r.directory(name, depth+1)
	case Relevant(name):
		r.file(name)
	default:
		r.skip(name)
	}
}

func (r *reader) skip(name string) {
	if r.options.Skipped != nil {
		r.options.Skipped(name)
	}
}

// follow looks at what a symlink leads to.
func (r *reader) follow(l link) {
	info, err := fs.Stat(r.fsys, l.name)
	switch {
	case err != nil:
		// A link of nearly any name may have led to a directory of policies: it fails closed.
		if !backup(l.name) && !document(l.name) {
			r.fail("follow", l.name, err)
		}
	case info.IsDir() && !r.ignored(l.name, fs.ModeDir):
		r.directory(l.name, l.depth+1)
	case !info.IsDir() && Relevant(l.name):
		r.file(l.name)
	default:
		r.skip(l.name)
	}
}

// document reports a name that a directory of policies hardly has: that of a text or a program.
func document(name string) bool {
	return slices.Contains([]string{".md", ".txt", ".rst", ".html", ".log", ".lock", ".sh", ".py", ".go"}, strings.ToLower(path.Ext(name)))
}

func (r *reader) ignored(name string, mode fs.FileMode) bool {
	return r.options.Ignored != nil && r.options.Ignored(name, mode)
}

func (r *reader) file(name string) {
	info, err := fs.Stat(r.fsys, name)
	switch {
	case err != nil:
		r.fail("read", name, err)
		return
	case !info.Mode().IsRegular():
		r.fail("read", name, fmt.Errorf("%w (%s)", ErrNotFile, info.Mode()))
		return
	case info.Size() > r.options.Limits.FileBytes:
		r.fail("read", name, fmt.Errorf("it is larger than %d bytes: %w", r.options.Limits.FileBytes, ErrTooMuch))
		return
	}
	id := r.identity(name, info)
	if r.phase == linked && r.listed[id] {
		return
	}
	r.listed[id] = true
	if !r.within(name, info.Size()) {
		return
	}
	content, err := r.content(name, info)
	if err != nil {
		r.fail("read", name, err)
		return
	}
	r.files = append(r.files, File{Path: name, Content: content})
}

// within counts a file in. The first one that is beyond a limit of the whole is reported, and
// nothing after it is read.
func (r *reader) within(name string, size int64) bool {
	if r.over {
		return false
	}
	limits := r.options.Limits
	if r.bytes += size; r.bytes <= limits.Bytes && len(r.files) < limits.Files {
		return true
	}
	r.over = true
	r.fail("read", name, fmt.Errorf("with it there are more than %d files or %d bytes in all: %w", limits.Files, limits.Bytes, ErrTooMuch))
	return false
}

func (r *reader) content(name string, info fs.FileInfo) ([]byte, error) {
	if r.options.Known != nil {
		if content, ok := r.options.Known(name, info); ok {
			return content, nil
		}
	}
	content, err := fs.ReadFile(r.fsys, name)
	if err == nil && r.options.Note != nil {
		r.options.Note(name, info, content)
	}
	return content, err
}
