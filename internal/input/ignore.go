package input

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/portreeve/portreeve/internal/ignore"
	"github.com/portreeve/portreeve/translate/diag"
)

// ignoring is what a user has taken away from one policy directory.
type ignoring struct {
	// known says that it was read, there that there is a file of rules.
	known, there bool
	// rules are those of the file, and --exclude.
	rules *ignore.Rules
}

// ignores returns what decides, for a walk of a policy directory, whether a name is taken away.
// The file with the rules is read when the first name is asked for, so that a directory that does
// not answer is asked for nothing more.
func (r *Reader) ignores(p *pass, dir string) func(name string, kind fs.FileMode) bool {
	dir = filepath.Clean(dir)
	return func(name string, kind fs.FileMode) bool {
		from, read := p.ignores[dir]
		if !read {
			from = r.ignoring(p, dir)
			p.ignores[dir] = from
		}
		_, taken := from.rules.Takes(name, kindOf(kind))
		return taken
	}
}

func kindOf(mode fs.FileMode) ignore.Kind {
	if mode.IsDir() {
		return ignore.Directory
	}
	return ignore.Other
}

// ignoring reads the rules of a directory. As with every file, half of it never counts, and what
// cannot be read keeps what it last held: half a pattern can take away more than the whole. What
// was never read, or is no pattern, refuses the reading.
func (r *Reader) ignoring(p *pass, dir string) ignoring {
	path, last := filepath.Join(dir, ignore.File), r.ignored[dir]
	if !last.there {
		last.rules = r.options.Exclude
	}
	content, err := r.options.Disk.Read(path, ignore.MaxBytes)
	// Asked after the reading: what was written meanwhile counts as being written.
	p.change.Unsettled = append(p.change.Unsettled, r.options.Writing()...)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		gone := under(path, p.change.Settled) && !under(path, p.change.Unsettled)
		if !last.there || gone {
			return ignoring{known: true, rules: r.options.Exclude}
		}
		return last // it is being replaced at this moment
	case stuck(err) && last.known:
		p.stuck = append(p.stuck, path)
		p.held = append(p.held, diag.New(diag.CodeHeld, diag.Position{File: path}, "%v; what it last held counts", err).
			WithHint("repair it; it is tried again every second, and other files' edits go on"))
		return last
	case err != nil:
		p.unreadable = append(p.unreadable, diag.New(diag.CodeIgnoreFile, diag.Position{File: path}, "%v", err).
			WithHint("make it readable and at most %d bytes, or remove it", ignore.MaxBytes))
		return last
	}
	p.read[path] = content
	if wait := r.unsettledFor(path, p); wait > 0 {
		p.again.sooner(path, wait)
		if !last.known && !r.begun {
			p.unreadable = append(p.unreadable, unfinishedDiagnostic(path))
		}
		return last
	}
	written, findings := ignore.Parse(path, content.Bytes)
	if len(findings) > 0 {
		p.unreadable = append(p.unreadable, findings...)
		return last
	}
	return ignoring{known: true, there: true, rules: written.Then(r.options.Exclude)}
}

// taken returns what has taken a file away, where it would count otherwise: every directory that
// it is read from must have taken it away. It is empty where nothing has.
func (r *Reader) taken(p *pass, path string) string {
	by, taken := "", false
	for _, dir := range slices.Concat(r.options.Dirs, r.options.SecretsDirs) {
		dir = filepath.Clean(dir)
		if !under(path, []string{dir}) {
			continue
		}
		from, read := p.ignores[dir]
		name, err := filepath.Rel(dir, path)
		if !read || err != nil || r.secrets(dir) {
			return ""
		}
		if by, taken = from.rules.TakesFile(filepath.ToSlash(name)); !taken {
			return ""
		}
	}
	return by
}

// secrets reports a directory from which nothing is taken away.
func (r *Reader) secrets(dir string) bool {
	return slices.ContainsFunc(r.options.SecretsDirs, func(d string) bool { return filepath.Clean(d) == dir })
}
