package input

import (
	"os"
	"time"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// keeping returns the files that do not count now and keep what they last held.
//
// While a file is written that never counted, nothing is gone, and what would be goes once that
// file counts: it may be the same file by another name, or be about to take its place, and
// without either a gateway would be open. It fails closed: one that never rests keeps all.
func (r *Reader) keeping(p *pass, counts map[string]bool, fresh diag.List) []source.File {
	var out []source.File
	for path, content := range r.settled {
		counted, there := counts[path]
		gone := !there && r.gone(path, p)
		switch {
		case gone && len(fresh) > 0:
			r.leaving[path] = true
		case there || gone:
			delete(r.leaving, path)
		}
		if !counted && (!gone || len(fresh) > 0) {
			out = append(out, source.File{Path: path, Content: content})
		}
	}
	return out
}

// same reports whether the file at a path is the one that counted there, as far as is remembered.
func (r *Reader) same(path string, p *pass) bool {
	was, known := r.cache[path]
	now := p.read[path].Info
	return p.unchanged[path] || known && now != nil && os.SameFile(was.info, now)
}

// gone reports whether a file that is not there was removed for good, as far as the watcher knows.
func (r *Reader) gone(path string, p *pass) bool {
	// Where something cannot be read nothing counts as gone: it may be just that.
	if len(p.unreadable) > 0 || under(path, p.stuck) {
		return false
	}
	if r.taken(p, path) != "" { // who took it away need not have let it rest
		return true
	}
	told := r.leaving[path] || under(path, p.change.Settled)
	return told && !under(path, p.change.Unsettled)
}

// begin notes when every file has been read once. Until then files in motion refuse the
// policy for every gateway: half of a file may be valid, and open. One that never rests
// blocks for ever, on purpose, and log and readiness name it.
func (r *Reader) begin(out Reading) {
	r.begun = r.begun || len(out.Unreadable) == 0 && len(out.Lost) == 0
}

// remindEvery is how often the log says that the beginning, or removals, still wait.
const remindEvery = 5 * time.Second

// remind says that files have been written for long which something waits for.
func (r *Reader) remind(waiting diag.List) {
	now := r.options.Now()
	switch {
	case len(waiting) == 0, r.begun && len(r.leaving) == 0:
		r.reminded = time.Time{}
	case r.reminded.IsZero():
		r.reminded = now // the report of this generation says it
	case now.Sub(r.reminded) < remindEvery:
	case r.begun:
		r.reminded = now
		r.options.Logger.Warn("files are still being written, what was removed or renamed counts until they rest", "findings", waiting.Lines())
	default:
		r.reminded = now
		r.options.Logger.Warn("files are still being written, no policy is read before they rest", "findings", waiting.Lines())
	}
}

func unfinishedDiagnostic(path string) diag.Diagnostic {
	return diag.New(diag.CodeRead, diag.Position{File: path}, "it is still being written").
		WithHint("let the writing end; where the kernel cannot be asked who writes, a file counts after it has rested for 10 s; one that never rests, such as a log, must not lie among the policies")
}
