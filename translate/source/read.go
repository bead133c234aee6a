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
	// maxFileSize bounds a policy file, so that a disk image that somebody named x.yaml
	// does not end the process.
	maxFileSize = 64 << 20
)

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
// permission, a file that vanished while the tree was walked, a pipe. All of them are
// reported together. The caller must then refuse the whole generation, since it cannot
// know what the missing text said: going on without it would drop a policy. The files
// that could be read are returned beside the error, for a report only. Each collected
// error is a *fs.PathError with the path inside the tree.
func Read(fsys fs.FS) ([]File, error) {
	return ReadWith(fsys, Contents{})
}

// Contents lets a caller keep what it has read. The zero value keeps nothing.
type Contents struct {
	// Known returns the content of a file that need not be read again.
	Known func(name string, info fs.FileInfo) ([]byte, bool)
	// Note is told every file that was read, with what the file system said of it before.
	Note func(name string, info fs.FileInfo, content []byte)
}

// ReadWith is Read, except that files are not read whose content is known.
func ReadWith(fsys fs.FS, contents Contents) ([]File, error) {
	r := reader{fsys: fsys, contents: contents, directories: map[string]bool{}, listed: map[string]bool{}}
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

type reader struct {
	fsys     fs.FS
	contents Contents
	files    []File
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
	}
	for _, e := range entries {
		r.entry(path.Join(dir, e.Name()), e.Type(), depth)
	}
}

func (r *reader) entry(name string, mode fs.FileMode, depth int) {
	switch {
	case hidden(name):
	case mode&fs.ModeSymlink != 0:
		r.links = append(r.links, link{name, depth})
	case mode.IsDir():
		r.directory(name, depth+1)
	case Relevant(name):
		r.file(name)
	}
}

// follow looks at what a symlink leads to.
func (r *reader) follow(l link) {
	info, err := fs.Stat(r.fsys, l.name)
	switch {
	case err != nil:
		// A link without an extension may have led to a directory of policies: it fails closed.
		if Relevant(l.name) || path.Ext(l.name) == "" && !backup(l.name) {
			r.fail("follow", l.name, err)
		}
	case info.IsDir():
		r.directory(l.name, l.depth+1)
	case Relevant(l.name):
		r.file(l.name)
	}
}

func (r *reader) file(name string) {
	info, err := fs.Stat(r.fsys, name)
	switch {
	case err != nil:
		r.fail("read", name, err)
		return
	case !info.Mode().IsRegular():
		r.fail("read", name, fmt.Errorf("it is not a file (%s)", info.Mode()))
		return
	case info.Size() > maxFileSize:
		r.fail("read", name, fmt.Errorf("it is larger than %d MiB", maxFileSize>>20))
		return
	}
	id := r.identity(name, info)
	if r.phase == linked && r.listed[id] {
		return
	}
	r.listed[id] = true
	content, err := r.content(name, info)
	if err != nil {
		r.fail("read", name, err)
		return
	}
	r.files = append(r.files, File{Path: name, Content: content})
}

func (r *reader) content(name string, info fs.FileInfo) ([]byte, error) {
	if r.contents.Known != nil {
		if content, ok := r.contents.Known(name, info); ok {
			return content, nil
		}
	}
	content, err := fs.ReadFile(r.fsys, name)
	if err == nil && r.contents.Note != nil {
		r.contents.Note(name, info, content)
	}
	return content, err
}
