package source

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// maxDepth bounds how deep a directory is followed, so that a symlink to a directory above
// itself ends somewhere.
const maxDepth = 16

// Relevant reports whether a file or directory name counts: YAML and JSON, not hidden, not
// an editor's backup or temporary file. Directories count unless they are hidden.
func Relevant(name string) bool {
	base := path.Base(name)
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "#") {
		return false
	}
	switch path.Ext(base) {
	case ".yaml", ".yml", ".json":
		return true
	default:
		return false
	}
}

// Read returns the relevant files of a directory tree, ordered by path. Symlinks are
// followed; entries whose names start with a dot are not looked into.
//
// An entry that cannot be read is an error, all of them together: the caller must not go
// on without it, since a policy that is missing for a moment must not open a gate.
func Read(fsys fs.FS) ([]File, error) {
	r := reader{fsys: fsys}
	r.directory(".", 0)
	return r.files, r.err.ErrorOrNil()
}

type reader struct {
	fsys  fs.FS
	files []File
	err   *multierror.Error
}

func (r *reader) directory(dir string, depth int) {
	entries, err := fs.ReadDir(r.fsys, dir)
	if err != nil {
		r.err = multierror.Append(r.err, fmt.Errorf("read directory %s: %w", dir, err))
		return
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		r.entry(name, e, depth)
	}
}

func (r *reader) entry(name string, e fs.DirEntry, depth int) {
	directory := e.IsDir()
	if e.Type()&fs.ModeSymlink != 0 {
		info, err := fs.Stat(r.fsys, name)
		if err != nil {
			if Relevant(name) {
				r.err = multierror.Append(r.err, fmt.Errorf("follow %s: %w", name, err))
			}
			return
		}
		directory = info.IsDir()
	}
	switch {
	case directory && depth < maxDepth:
		r.directory(name, depth+1)
	case !directory && Relevant(name):
		r.file(name)
	}
}

func (r *reader) file(name string) {
	content, err := fs.ReadFile(r.fsys, name)
	if err != nil {
		r.err = multierror.Append(r.err, fmt.Errorf("read %s: %w", name, err))
		return
	}
	r.files = append(r.files, File{Path: name, Content: content})
}
