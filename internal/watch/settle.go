package watch

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
)

// signature is what a path looked like. Equal signatures mean that nothing wrote to it.
type signature struct {
	exists bool
	// broken says that it could not be looked at: that is no removal.
	broken bool
	size   int64
	mtime  time.Time
	// changed, unlike mtime, nobody can set.
	changed time.Time
	mode    fs.FileMode
}

func sign(info fs.FileInfo, err error) signature {
	switch {
	case gone(err):
		return signature{}
	case err != nil:
		return signature{exists: true, broken: true}
	case info.IsDir():
		// What is in a directory has signatures of its own.
		return signature{exists: true, mode: fs.ModeDir}
	}
	changed, _ := disk.ChangeTime(info)
	return signature{exists: true, size: info.Size(), mtime: info.ModTime(), changed: changed, mode: info.Mode()}
}

// gone reports an error that says that nothing is there, and not that it cannot be seen.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || isNotDir(err) }

// settling decides when a burst of edits has come to rest. Times and signatures are given
// to it, so that it can be tested without either.
type settling struct {
	quiet, most time.Duration
	// first and last are the first and the last sign of life of the burst.
	first, last time.Time
	// pending come to rest together: they wait for one another, up to most.
	pending map[string]seen
	// slow wait for an open writer, or for a longer rest, and nothing else waits for them.
	slow map[string]seen
}

// seen is a path's last sign of life, and for how long it must rest from then on.
type seen struct {
	at   time.Time
	sign signature
	rest time.Duration
}

func (s *settling) idle() bool { return len(s.pending) == 0 }

// free reports whether nothing waits that a rename onto a path would have to wait for.
func (s *settling) free(path string) bool {
	_, itself := s.pending[path]
	return s.idle() || itself && len(s.pending) == 1
}

// hold records that something happened to a path that nothing else is to wait for, and how
// long it must rest once it has no open writer.
func (s *settling) hold(path string, now time.Time, sign signature, rest time.Duration) {
	s.forget(path)
	s.slow[path] = seen{now, sign, rest}
}

// touch records that something happened to a path, and how long it must rest.
func (s *settling) touch(path string, now time.Time, sign signature, rest time.Duration) {
	if rest > s.quiet {
		s.hold(path, now, sign, rest)
		return
	}
	if s.idle() {
		s.first = now
	}
	s.forget(path)
	s.last = now
	s.pending[path] = seen{now, sign, s.quiet}
}

func (s *settling) forget(path string) {
	if s.pending == nil {
		s.pending, s.slow = map[string]seen{}, map[string]seen{}
	}
	delete(s.pending, path)
	delete(s.slow, path)
}

func (s *settling) has(path string) bool {
	_, pending := s.pending[path]
	_, slow := s.slow[path]
	return pending || slow
}

// since returns when the first of what waits was seen to change; the zero time says that nothing waits.
func (s *settling) since() time.Time {
	if !s.idle() {
		return s.first
	}
	var first time.Time
	for _, p := range s.slow {
		if first.IsZero() || p.at.Before(first) {
			first = p.at
		}
	}
	return first
}

// unsettled returns the paths that have not come to rest, in order.
func (s *settling) unsettled() []string {
	out := slices.AppendSeq(slices.Collect(maps.Keys(s.pending)), maps.Keys(s.slow))
	slices.Sort(out)
	return out
}

// due returns when to look again: after the quiet that the last sign of life asks for, at
// the latest at the end of the burst's longest wait. The zero time says that there is nothing
// to wait for but what open reports: an open writer.
func (s *settling) due(open func(string) bool) time.Time {
	var due time.Time
	if !s.idle() {
		due = s.last.Add(s.quiet)
		if end := s.first.Add(s.most); end.Before(due) {
			due = end
		}
	}
	for path, p := range s.slow {
		if rested := p.at.Add(p.rest); (due.IsZero() || rested.Before(due)) && !open(path) {
			due = rested
		}
	}
	return due
}

// check looks at the paths whose time has come. It says whether there is a change to tell, and
// which paths have come to rest, and which have not; those go on waiting.
func (s *settling) check(now time.Time, look func(string) signature, open func(string) bool) (tell bool, settled, unsettled []string) {
	moved, settled := s.checkPending(now, look, open)
	for path, p := range s.slow {
		if open(path) || now.Sub(p.at) < p.rest {
			continue
		}
		if sign := look(path); sign != p.sign {
			s.slow[path] = seen{now, sign, p.rest}
			continue
		}
		delete(s.slow, path)
		settled = append(settled, path)
	}
	if !moved && len(settled) == 0 {
		return false, nil, nil
	}
	slices.Sort(settled)
	return true, settled, s.unsettled()
}

// checkPending reports also whether the longest wait is over with some still in motion.
func (s *settling) checkPending(now time.Time, look func(string) signature, open func(string) bool) (moved bool, settled []string) {
	unsettled := map[string]seen{}
	for path, p := range s.pending {
		if open(path) {
			delete(s.pending, path)
			s.slow[path] = p
			continue
		}
		if sign := look(path); sign != p.sign {
			p.at, p.sign, s.last = now, sign, now
			s.pending[path] = p
		}
		if now.Sub(p.at) < s.quiet {
			unsettled[path] = p
		}
	}
	if len(unsettled) > 0 && now.Before(s.first.Add(s.most)) {
		return false, nil
	}
	moved = len(unsettled) > 0
	for path, p := range s.pending {
		// While others still move, a path that is missing may be about to come back.
		if _, moves := unsettled[path]; moves || moved && !p.sign.exists {
			unsettled[path] = p
		} else {
			settled = append(settled, path)
		}
	}
	s.first, s.pending = now, unsettled
	return moved, settled
}
