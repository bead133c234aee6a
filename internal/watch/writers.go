package watch

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxMarks bounds the files that are known to have an open writer.
const maxMarks = 4096

// writers are the files that were modified and that their writer has not closed since: half
// of such a file may be valid, and open. It is told of what happens, and knows no files.
//
// With several writers the first one that closes ends the mark; what another writes after
// that makes it anew. Where a writer has paused, whoever closes may be another one, and the mark
// stands until the file has rested. A name that appears makes none: a hard link or a symlink is never closed. A
// file of which it is not known whether it has a writer has a mark that no closing ends.
type writers struct {
	most     int
	relevant func(path string) bool
	marks    map[string]mark
	// rest is how long a file must rest that somebody closed who need not be its writer.
	rest time.Duration
	// moving are marks of names that are gone and may be a rename's, by its cookie. A file that
	// was moved out of sight leaves its mark here until later ones push it out.
	moving []moving
}

// mark is of one file. Asked is when it was last looked into, or the time of its making. Rest is
// for how long a file must not have been modified that may have a writer whose closing will not be
// known as such; else zero. Paused says that its writer has paused.
type mark struct {
	modified, asked time.Time
	rest            time.Duration
	paused          bool
}

// pause is how much must lie between two signs of one writer for another one to be likely.
const pause = 200 * time.Millisecond

func (m mark) pausedAt(now time.Time) bool { return m.paused || now.Sub(m.modified) > pause }

type moving struct {
	cookie uint32
	from   string
	marks  map[string]mark
}

// modified marks a file. Where there are too many it returns the one that was given up for
// it: an irrelevant one, else the one that has rested for longest.
func (w *writers) modified(path string, now time.Time) (givenUp string) {
	if m, ok := w.marks[path]; ok {
		w.marks[path] = mark{now, m.asked, m.rest, m.pausedAt(now)}
		return ""
	}
	return w.add(path, mark{modified: now, asked: now})
}

// unknown marks a file that was modified at a time and may have a writer whose opening was not
// seen. Any closing may be another's, so that only rest ends the mark. It returns what modified does.
func (w *writers) unknown(path string, modified, now time.Time, rest time.Duration) (givenUp string) {
	if modified.After(now) {
		modified = now // a time in the future tells nothing
	}
	return w.add(path, mark{modified: modified, asked: now, rest: rest})
}

func (w *writers) add(path string, m mark) (givenUp string) {
	if len(w.marks) >= w.most {
		givenUp = w.last()
		delete(w.marks, givenUp)
	}
	w.marks[path] = m
	return givenUp
}

func (w *writers) last() string {
	return slices.MinFunc(slices.Collect(maps.Keys(w.marks)), func(a, b string) int {
		if ra, rb := w.relevant(a), w.relevant(b); ra != rb {
			if rb {
				return -1
			}
			return 1
		}
		return w.marks[a].modified.Compare(w.marks[b].modified)
	})
}

// closed ends the mark of a file that a writer has closed, where it can only have been the one.
func (w *writers) closed(path string, now time.Time) {
	m, ok := w.marks[path]
	switch {
	case !ok, m.rest > 0:
	case m.pausedAt(now) && w.rest > 0:
		m.modified, m.rest = now, w.rest
		w.marks[path] = m
	default:
		delete(w.marks, path)
	}
}

// finished ends the mark of a file that was removed, or that has no writer.
func (w *writers) finished(path string) { delete(w.marks, path) }

// take ends the marks of a path and of all that is below it, and returns them.
func (w *writers) take(path string) map[string]mark {
	var out map[string]mark
	for marked, m := range w.marks {
		if below(marked, path) {
			if out == nil {
				out = map[string]mark{}
			}
			out[marked] = m
			delete(w.marks, marked)
		}
	}
	return out
}

// movedFrom and movedTo carry marks along with a rename of a file or a directory.
func (w *writers) movedFrom(cookie uint32, path string) {
	if marks := w.take(path); marks != nil {
		w.moving = append(w.moving, moving{cookie, path, marks})
		w.moving = w.moving[max(0, len(w.moving)-16):]
	}
}

func (w *writers) movedTo(cookie uint32, path string) {
	w.take(path) // of what stood there before
	i := slices.IndexFunc(w.moving, func(m moving) bool { return m.cookie == cookie })
	if i < 0 {
		return
	}
	for marked, m := range w.moving[i].marks {
		w.marks[path+strings.TrimPrefix(marked, w.moving[i].from)] = m
	}
	w.moving = slices.Delete(w.moving, i, i+1)
}

// recheck has every mark looked into at once, because something may have been missed.
func (w *writers) recheck() {
	for path, m := range w.marks {
		w.marks[path] = mark{modified: m.modified, rest: m.rest, paused: m.paused}
	}
}

// due returns up to n relevant marks that were neither made nor looked into since a time, the
// longest first, and notes that they are looked into now.
func (w *writers) due(since, now time.Time, n int) []string {
	var out []string
	for path, m := range w.marks {
		if m.asked.Before(since) && w.relevant(path) {
			out = append(out, path)
		}
	}
	slices.SortFunc(out, func(a, b string) int {
		return cmp.Or(w.marks[a].asked.Compare(w.marks[b].asked), strings.Compare(a, b))
	})
	out = out[:min(n, len(out))]
	for _, path := range out {
		m := w.marks[path]
		m.asked = now
		w.marks[path] = m
	}
	return out
}

// sweep gives up the irrelevant marks that have rested since a time.
func (w *writers) sweep(since time.Time) {
	maps.DeleteFunc(w.marks, func(path string, m mark) bool { return m.modified.Before(since) && !w.relevant(path) })
}

// below reports whether a path is another one or is below it.
func below(path, top string) bool {
	if top == "." {
		return !filepath.IsAbs(path)
	}
	rest, ok := strings.CutPrefix(path, strings.TrimSuffix(top, separator))
	return ok && (rest == "" || strings.HasPrefix(rest, separator))
}

const separator = string(filepath.Separator)
