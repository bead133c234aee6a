package input

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"

	"github.com/portreeve/portreeve/internal/disk"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// pass is one look at all directories.
type pass struct {
	change Change
	files  []source.File
	// unchanged are the files that need not have been read again; of the others, read is what
	// was read and before what the file system told of them before.
	unchanged map[string]bool
	read      map[string]disk.Content
	before    map[string]fs.FileInfo
	// infos are what was told of files when their directory was read.
	infos map[string]fs.FileInfo
	// mounts are the numbers of those that the directories are on which were walked.
	mounts map[string]uint64
	// aliases says that there are symlinks, by which a file can have several names.
	aliases bool
	// missing are the roots that are not there.
	missing map[string]bool
	// unreadable and held are what could not be read, stuck the paths of held.
	unreadable, held diag.List
	stuck            []string
	// ignores are what the policy directories that were walked leave out; again is when to read
	// their rules again.
	ignores map[string]ignoring
	again   Again
	// left is how much may still be read.
	left source.Limits
}

func newPass(change Change, limits source.Limits) *pass {
	return &pass{
		change: change, unchanged: map[string]bool{}, read: map[string]disk.Content{}, before: map[string]fs.FileInfo{}, infos: map[string]fs.FileInfo{},
		mounts: map[string]uint64{}, missing: map[string]bool{}, ignores: map[string]ignoring{}, left: limits,
	}
}

// look reads the files that are there: the policy directories', those of secrets, and those that are
// named one by one. These count once, also where they stand in a policy directory.
func (r *Reader) look(change Change) *pass {
	change.Unsettled = append(slices.Clone(change.Unsettled), r.options.Writing()...)
	p := newPass(change, r.options.Limits)
	for _, dir := range r.options.Dirs {
		r.walk(p, dir, func(tree fs.FS, o source.Options) ([]source.File, error) {
			o.Ignored = r.ignores(p, dir)
			return source.ReadWith(tree, o)
		})
	}
	for _, dir := range r.options.SecretsDirs {
		r.walk(p, dir, source.ReadSecretsWith)
	}
	for _, file := range r.options.Files {
		r.named(p, file)
	}
	r.replaced(p)
	// Asked again: what was written while it was read counts as being written.
	p.change.Unsettled = append(p.change.Unsettled, r.options.Writing()...)
	return p
}

// named reads a file that is named into the pass. That one is missing is for the compiler to say.
func (r *Reader) named(p *pass, file string) {
	content, err := r.options.Disk.Read(file, p.left.FileBytes)
	switch {
	case err == nil:
		p.read[file] = content
		p.files = append(p.files, source.File{Path: file, Content: content.Bytes})
	case !errors.Is(err, fs.ErrNotExist):
		r.failed(p, file, err)
	}
}

// walk reads one directory into the pass.
func (r *Reader) walk(p *pass, dir string, read func(fs.FS, source.Options) ([]source.File, error)) {
	found, err := read(tree{dir: dir, disk: r.options.Disk, pass: p}, r.contents(p, dir))
	for _, f := range found {
		p.spend(len(f.Content))
		if f.Path = filepath.Join(dir, f.Path); !slices.Contains(r.options.Files, f.Path) {
			p.files = append(p.files, f)
		}
	}
	if err == nil {
		return
	}
	causes := []error{err}
	if several, ok := errors.AsType[*multierror.Error](err); ok {
		causes = several.Errors
	}
	for _, cause := range causes {
		path := dir
		if at, ok := errors.AsType[*fs.PathError](cause); ok {
			path = filepath.Join(dir, at.Path)
		}
		if path == dir && errors.Is(cause, fs.ErrNotExist) {
			p.missing[dir] = true
			continue
		}
		r.failed(p, path, cause)
	}
}

// spend takes a file off what may still be read. Where nothing is left the limit is below zero,
// which unlike zero stands for no default.
func (p *pass) spend(size int) {
	if p.left.Bytes -= int64(size); p.left.Bytes <= 0 {
		p.left.Bytes = -1
	}
	if p.left.Files--; p.left.Files <= 0 {
		p.left.Files = -1
	}
}

// contents lets only those files of a directory be read that a change can be about. A
// change that no event told reads all of them.
func (r *Reader) contents(p *pass, dir string) source.Options {
	told := slices.Concat(p.change.Settled, p.change.Complete, p.change.Retry)
	return source.Options{
		Limits: p.left,
		Known: func(name string, info fs.FileInfo) ([]byte, bool) {
			path := filepath.Join(dir, name)
			if len(told) == 0 || under(path, told) || under(path, p.change.Unsettled) {
				return nil, false
			}
			content, ok := r.cache.same(path, info)
			p.unchanged[path] = ok
			return content, ok
		},
		Note: func(name string, info fs.FileInfo, _ []byte) { p.before[filepath.Join(dir, name)] = info },
	}
}

// note remembers a file that was read and counts.
func (r *Reader) note(p *pass, f source.File) {
	if info, read := p.before[f.Path]; read {
		r.cache.note(f.Path, info, f.Content, r.options.Now())
	}
}

// failed takes in that a path could not be read. A file that does not answer in time, or that
// something stands in the place of which cannot be read, keeps what it last held; so does every
// file of a directory that does not answer. That is no way to open a gate: a removal can wait,
// and the last content was good. What was never read could be a policy, and refuses.
func (r *Reader) failed(p *pass, path string, err error) {
	_, known := r.settled[path]
	switch d := Unreadable(path, err); {
	case known && under(path, p.change.Unsettled):
		// It is on its way in or out; its last content counts.
	case stuck(err) && r.holds(path):
		p.stuck = append(p.stuck, path)
		p.held = append(p.held, diag.New(diag.CodeHeld, d.Pos, "%s; what it last held counts", d.Message).
			WithHint("repair it; it is tried again every second, and other files' edits go on"))
	default:
		p.unreadable = append(p.unreadable, d)
	}
}

// replaced holds the files in whose place a directory stands now, whatever is in it: what is
// there is not what the file held.
func (r *Reader) replaced(p *pass) {
	for path := range r.settled {
		if _, walked := p.mounts[path]; walked && !slices.Contains(p.stuck, path) {
			r.failed(p, path, fmt.Errorf("%w: it is a directory", source.ErrNotFile))
		}
	}
}

// stuck reports an error that says nothing of what the file holds.
func stuck(err error) bool {
	return errors.Is(err, disk.ErrStuck) || errors.Is(err, disk.ErrBusy) || errors.Is(err, disk.ErrNotRegular) || errors.Is(err, source.ErrNotFile)
}

// holds reports whether a path is, or has below it, a file that was read before.
func (r *Reader) holds(path string) bool {
	for known := range r.settled {
		if under(known, []string{path}) {
			return true
		}
	}
	return false
}

// Unreadable returns the finding about a file or directory that could not be read.
func Unreadable(path string, err error) diag.Diagnostic {
	at := diag.Position{File: path}
	if errors.Is(err, source.ErrTooMuch) || errors.Is(err, disk.ErrTooLarge) {
		return diag.New(diag.CodeLimit, at, "%v", err).WithHint("split or remove it, or raise the limit with --max-file-bytes, --max-bytes or --max-files")
	}
	return diag.New(diag.CodeRead, at, "%v", err).WithHint("make it readable, or remove it")
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
