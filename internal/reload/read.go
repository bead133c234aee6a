package reload

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// Change is what is known of the files at the moment of reading, as the watcher tells it.
type Change struct {
	// Unsettled are the files that are still in motion.
	Unsettled []string
	// Complete are the files, or the symlinks to directories, that were renamed into place.
	Complete []string
}

// read reads all directories. A file that is still being written keeps the content that it
// had when it last was settled (or stays absent), so that half a file never counts; the
// watcher tells again when it has settled. What cannot be read is a finding that refuses
// the generation for every gateway.
func (r *Reloader) read(change Change) ([]source.File, diag.List) {
	var files []source.File
	var unreadable diag.List
	unsettled := slices.Clone(change.Unsettled)
	for _, dir := range r.options.Dirs {
		found, err := source.Read(os.DirFS(dir))
		unreadable = append(unreadable, readFindings(dir, err, unsettled)...)
		for _, f := range found {
			f.Path = filepath.Join(dir, f.Path)
			switch {
			case slices.Contains(unsettled, f.Path):
			case r.latest != nil && r.fresh(f.Path) && !complete(f.Path, change.Complete):
				unsettled = append(unsettled, f.Path)
			default:
				files = append(files, f)
			}
		}
	}
	for _, path := range unsettled {
		if content, ok := r.settled[path]; ok {
			files = append(files, source.File{Path: path, Content: content})
		}
	}
	slices.SortFunc(files, func(a, b source.File) int { return strings.Compare(a.Path, b.Path) })
	r.settled = make(map[string][]byte, len(files))
	for _, f := range files {
		r.settled[f.Path] = f.Content
	}
	return files, unreadable
}

// fresh reports, after a file was read, whether somebody wrote to it so lately that what
// was read may be half of it. A time in the future tells nothing.
func (r *Reloader) fresh(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return true
	}
	age := r.options.Now().Sub(info.ModTime())
	return age >= 0 && age < r.options.Quiet
}

// complete reports whether a file was renamed into place, by itself or with its directory.
func complete(path string, renamed []string) bool {
	return slices.ContainsFunc(renamed, func(p string) bool {
		return path == p || (filepath.Base(p) == "..data" && strings.HasPrefix(path, filepath.Dir(p)+string(filepath.Separator)))
	})
}

func readFindings(dir string, err error, unsettled []string) diag.List {
	if err == nil {
		return nil
	}
	causes := []error{err}
	var several *multierror.Error
	if errors.As(err, &several) {
		causes = several.Errors
	}
	var out diag.List
	for _, cause := range causes {
		file := dir
		var at *fs.PathError
		if errors.As(cause, &at) {
			file = filepath.Join(dir, at.Path)
		}
		if slices.Contains(unsettled, file) {
			continue // it is on its way in or out; its last content counts
		}
		out = append(out, diag.New(diag.CodeRead, diag.Position{File: file}, "%v", cause).WithHint("make it readable, or remove it"))
	}
	return out
}
