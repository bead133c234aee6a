package input

import (
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/internal/disk"
	"github.com/portreeve/portreeve/internal/ignore"
	"github.com/portreeve/portreeve/translate/source"
)

// complete is a reading after which nothing was left to be done: an edit of some files is read on top of it.
type complete struct {
	reading Reading
	pass    *pass
	// bytes are how many all files hold.
	bytes int64
}

// remember keeps a reading for the edits that follow, unless something was left to be done, or symlinks give files
// several names: under which one counts only a walk knows.
func (r *Reader) remember(p *pass, out Reading) {
	r.last = nil
	if !r.begun || out.Again.After > 0 || len(out.Unreadable)+len(out.Held)+len(out.Lost)+len(out.Mounts)+len(r.leaving)+len(r.resting) > 0 || p.aliases {
		return
	}
	kept := &complete{reading: out, pass: p}
	for i, f := range out.Files {
		if i > 0 && f.Path == out.Files[i-1].Path {
			return // read from two directories, one of which is within the other
		}
		kept.bytes += int64(len(f.Content))
	}
	p.read, p.before, p.infos, p.unchanged = nil, nil, nil, nil
	r.last = kept
}

// maxEdited bounds the files that are read one by one: beyond it a walk is as quick.
const maxEdited = 256

// edits are what files hold that a change names, on top of the last reading.
type edits struct {
	pass  pass
	of    map[string][]byte
	bytes int64
	files int
}

// edited reads only the files that a change names, where the last reading was complete: the watcher tells of
// whatever else changes, and finds what it missed when it looks through the directories. Where anything about one
// of them has to be weighed, as where one is gone, it reports false, and all directories are to be read.
func (r *Reader) edited(change Change) (Reading, bool) {
	paths := slices.Concat(change.Settled, change.Complete)
	if r.last == nil || len(paths) == 0 || len(paths) > maxEdited || len(change.Unsettled)+len(change.Retry) > 0 || len(r.options.Writing()) > 0 {
		return Reading{}, false
	}
	e := &edits{pass: *r.last.pass, of: map[string][]byte{}, bytes: r.last.bytes, files: len(r.last.reading.Files)}
	e.pass.change, e.pass.read, e.pass.before = change, map[string]disk.Content{}, map[string]fs.FileInfo{}
	for _, path := range paths {
		if _, again := e.of[path]; !again && !r.edit(e, path) {
			return Reading{}, false
		}
	}
	// Asked again: what was written while it was read counts as being written.
	if e.bytes > r.options.Limits.Bytes || e.files > r.options.Limits.Files || len(r.options.Writing()) > 0 {
		return Reading{}, false
	}
	return r.takeEdits(e), true
}

// edit reads a file, and reports false where what it holds does not plainly count.
func (r *Reader) edit(e *edits, path string) bool {
	was, known := r.settled[path]
	info, err := r.options.Disk.Lstat(path)
	switch {
	case err != nil, slices.Contains(r.options.Files, path):
		return false
	case !info.Mode().IsRegular(), disk.HasOtherNames(info), info.Size() > r.options.Limits.FileBytes:
		return false
	case !known && !r.admits(&e.pass, path):
		return false
	}
	content, err := r.options.Disk.Read(path, r.options.Limits.FileBytes)
	if err != nil {
		return false
	}
	e.pass.read[path], e.pass.before[path], e.of[path] = content, info, content.Bytes
	e.bytes += int64(len(content.Bytes) - len(was))
	if !known {
		e.files++
	}
	return r.unsettledFor(path, &e.pass) == 0
}

// admits reports whether a file of a new name counts: it stands in a directory of policy that was walked, and
// nothing takes it away.
func (r *Reader) admits(p *pass, path string) bool {
	_, walked := p.mounts[filepath.Dir(path)]
	of := 0
	for dir, from := range p.ignores {
		name, err := filepath.Rel(dir, path)
		if err != nil || !under(path, []string{dir}) {
			continue
		}
		if _, taken := from.rules.Takes(filepath.ToSlash(name), ignore.Other); taken || !source.Relevant(filepath.ToSlash(name)) {
			return false
		}
		of++
	}
	return walked && of == 1
}

// takeEdits makes what was read count.
func (r *Reader) takeEdits(e *edits) Reading {
	out := r.last.reading
	out.Files = make([]source.File, len(out.Files), e.files)
	copy(out.Files, r.last.reading.Files)
	for path, content := range e.of {
		f := source.File{Path: path, Content: content}
		i, known := slices.BinarySearchFunc(out.Files, path, func(f source.File, path string) int { return strings.Compare(f.Path, path) })
		if known {
			out.Files[i] = f
		} else {
			out.Files = slices.Insert(out.Files, i, f)
		}
		r.settled[path] = content
		delete(r.cache, path)
		r.note(&e.pass, f)
	}
	r.last = &complete{reading: out, pass: r.last.pass, bytes: e.bytes}
	return out
}
