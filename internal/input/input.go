// Package input reads what the control plane is configured with: the directories of policy and
// of secrets, and the mesh configuration. It knows which of the files that are there count, and
// what those held that do not count at this moment.
package input

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// Options say what is read.
type Options struct {
	// Dirs are the policy directories, in the order given by the user, SecretsDirs those of secrets.
	Dirs, SecretsDirs []string
	// MeshFile is the mesh configuration; empty means that there is none.
	MeshFile string
	// Quiet is how long a file must have been left alone to count as written.
	Quiet  time.Duration
	Logger *slog.Logger
	Now    func() time.Time
}

// Change is what is known of the files at the moment of reading, as the watcher tells it.
type Change struct {
	// Unsettled are the files that are still in motion.
	Unsettled []string
	// Settled are the files and directories that something happened to and that have come to rest.
	Settled []string
	// Complete are the files, or the symlinks to directories, that were renamed into place.
	Complete []string
	// At is when they were: what was written since is in motion.
	At time.Time
}

// Reading is what counts after a reading.
type Reading struct {
	// Files are the files with the content that counts, ordered by path.
	Files []source.File
	// Unreadable are findings that refuse the reading for every gateway.
	Unreadable diag.List
	// Deferred says that a file was left out that was being written: read again soon.
	Deferred bool
}

// Reader reads. It is for one goroutine at a time.
type Reader struct {
	options Options
	// settled is what counted last, by path.
	settled map[string][]byte
	// memory is what was read of the files that are at rest.
	memory memory
	// begun says that every file has been read once. Until then a file that is being written
	// has no content to keep, and leaving it out could drop the policy that guards.
	begun bool
	// reminded is when it was last said that the beginning still waits for such files.
	reminded time.Time
}

// New returns a reader that has read nothing yet.
func New(o Options) *Reader {
	return &Reader{options: o, settled: map[string][]byte{}, memory: memory{}}
}

// Read reads all directories. A file that is still being written keeps the content that it
// had when it last was settled (or stays absent), so that half a file never counts, and one
// that is missing keeps it until the watcher says that it has gone: the watcher tells again
// when it has settled. What cannot be read is a finding that refuses the reading for
// every gateway, and so is, until all files have been read once, one that is being written.
func (r *Reader) Read(change Change) Reading {
	var out Reading
	// settled says of each file that is there whether what was read of it counts.
	settled := map[string]bool{}
	var unfinished diag.List
	unchanged := map[string]bool{}
	for _, f := range r.present(&out.Unreadable, change, unchanged) {
		// What is as it was a second ago is not being written.
		fresh := !unchanged[f.Path] && r.fresh(f.Path, change)
		out.Deferred = out.Deferred || fresh
		settled[f.Path] = !fresh && !under(f.Path, change.Unsettled)
		switch {
		case settled[f.Path]:
			out.Files = append(out.Files, f)
		case !r.begun:
			unfinished = append(unfinished, unfinishedFinding(f.Path))
		}
	}
	for path, content := range r.settled {
		counts, there := settled[path]
		// Where something cannot be read nothing counts as gone: it may be just that.
		gone := !there && len(out.Unreadable) == 0 && under(path, change.Settled) && !under(path, change.Unsettled)
		if !counts && !gone {
			out.Files = append(out.Files, source.File{Path: path, Content: content})
		}
	}
	out.Unreadable = append(out.Unreadable, unfinished...)
	r.begin(unfinished, out.Unreadable)
	slices.SortFunc(out.Files, func(a, b source.File) int { return strings.Compare(a.Path, b.Path) })
	r.settled = make(map[string][]byte, len(out.Files))
	for _, f := range out.Files {
		r.settled[f.Path] = f.Content
	}
	r.memory.keep(r.settled)
	return out
}

// present reads the files that are there: the policy directories', those of secrets, and the
// mesh configuration. That one counts once, also where it stands in a policy directory. Those
// that need not be read again are noted as unchanged.
func (r *Reader) present(unreadable *diag.List, change Change, unchanged map[string]bool) []source.File {
	var out []source.File
	mesh := r.options.MeshFile
	for _, dir := range r.options.Dirs {
		found, err := source.ReadWith(os.DirFS(dir), r.contents(dir, change, unchanged))
		*unreadable = append(*unreadable, r.readFindings(dir, err, change.Unsettled)...)
		for _, f := range found {
			if f.Path = filepath.Join(dir, f.Path); f.Path != mesh {
				out = append(out, f)
			}
		}
	}
	for _, dir := range r.options.SecretsDirs {
		found, err := source.ReadSecrets(os.DirFS(dir))
		*unreadable = append(*unreadable, r.readFindings(dir, err, change.Unsettled)...)
		for _, f := range found {
			f.Path = filepath.Join(dir, f.Path)
			out = append(out, f)
		}
	}
	if mesh == "" {
		return out
	}
	content, err := os.ReadFile(mesh)
	switch {
	case err == nil:
		out = append(out, source.File{Path: mesh, Content: content})
	case !errors.Is(err, fs.ErrNotExist): // that it is missing is for the compiler to say
		*unreadable = append(*unreadable, diag.New(diag.CodeRead, diag.Position{File: mesh}, "%v", err).WithHint("make it readable"))
	}
	return out
}

// contents lets only those files of a directory be read that a change can be about. A
// change that no event told reads all of them.
func (r *Reader) contents(dir string, change Change, unchanged map[string]bool) source.Contents {
	now := r.options.Now()
	told := len(change.Settled)+len(change.Complete) > 0
	return source.Contents{
		Known: func(name string, info fs.FileInfo) ([]byte, bool) {
			path := filepath.Join(dir, name)
			if !told || under(path, change.Settled) || under(path, change.Complete) || under(path, change.Unsettled) {
				return nil, false
			}
			content, ok := r.memory.same(path, info)
			unchanged[path] = ok
			return content, ok
		},
		Note: func(name string, info fs.FileInfo, content []byte) {
			r.memory.note(filepath.Join(dir, name), info, content, now)
		},
	}
}

// remindEvery is how often the log says that the beginning still waits.
const remindEvery = 5 * time.Second

// begin notes when every file has been read once. Until then files in motion refuse the
// policy for every gateway: half of a file may be valid, and open. One that never rests
// blocks for ever, on purpose, and log and readiness name it.
func (r *Reader) begin(unfinished, unreadable diag.List) {
	r.begun = r.begun || len(unreadable) == 0
	switch now := r.options.Now(); {
	case len(unfinished) == 0:
	case r.reminded.IsZero():
		r.reminded = now // the report of this generation says it
	case now.Sub(r.reminded) >= remindEvery:
		r.reminded = now
		r.options.Logger.Warn("files are still being written, no policy is read before they rest", "findings", unfinished.Lines())
	}
}

func unfinishedFinding(path string) diag.Diagnostic {
	return diag.New(diag.CodeRead, diag.Position{File: path}, "it is still being written").
		WithHint("let the writing end; a file that never rests, such as a log, must not lie among the policies")
}

// fresh reports, after a file was read, whether somebody wrote to it so lately that what
// was read may be half of it. A time in the future tells nothing.
func (r *Reader) fresh(path string, change Change) bool {
	info, err := os.Stat(path)
	if err != nil {
		return true
	}
	if under(path, change.Complete) && !info.ModTime().After(change.At) {
		return false
	}
	age := r.options.Now().Sub(info.ModTime())
	return age >= 0 && age < r.options.Quiet
}

// Moving reports whether any file was written to so lately that it may not be complete.
func (r *Reader) Moving() bool {
	var ignored diag.List // what cannot be read is told by Reload
	for _, f := range r.present(&ignored, Change{}, map[string]bool{}) {
		if r.fresh(f.Path, Change{}) {
			return true
		}
	}
	return false
}

// dataLink is the symlink that a ConfigMap volume swaps to replace all files beside it.
const dataLink = "..data"

// under reports whether a file is one of the paths, or is below one that is a directory.
func under(path string, paths []string) bool {
	return slices.ContainsFunc(paths, func(p string) bool {
		if filepath.Base(p) == dataLink {
			p = filepath.Dir(p)
		}
		return path == p || p == "." || strings.HasPrefix(path, p+string(filepath.Separator))
	})
}

func (r *Reader) readFindings(dir string, err error, unsettled []string) diag.List {
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
		if _, known := r.settled[file]; known && slices.Contains(unsettled, file) {
			continue // it is on its way in or out; its last content counts
		}
		out = append(out, diag.New(diag.CodeRead, diag.Position{File: file}, "%v", cause).WithHint("make it readable, or remove it"))
	}
	return out
}
