package watch

import (
	"io/fs"
	"os"
	"slices"
	"time"
)

// signature is what a path looked like. Equal signatures mean that nothing wrote to it.
type signature struct {
	exists bool
	size   int64
	mtime  time.Time
	mode   fs.FileMode
}

func look(path string) signature {
	info, err := os.Stat(path)
	if err != nil {
		return signature{}
	}
	if info.IsDir() {
		// What is in a directory has signatures of its own.
		return signature{exists: true, mode: fs.ModeDir}
	}
	return signature{true, info.Size(), info.ModTime(), info.Mode()}
}

// settling decides when a burst of edits has come to rest. Times and signatures are given
// to it, so that it can be tested without either.
type settling struct {
	quiet, most time.Duration
	// first and last are the first and the last sign of life of the burst.
	first, last time.Time
	pending     map[string]seen
}

// seen is a path's last sign of life.
type seen struct {
	at   time.Time
	sign signature
}

func (s *settling) idle() bool { return len(s.pending) == 0 }

// touch records that something happened to a path.
func (s *settling) touch(path string, now time.Time, sign signature) {
	if s.idle() {
		s.first = now
		s.pending = map[string]seen{}
	}
	s.last = now
	s.pending[path] = seen{now, sign}
}

// due returns when to look again: after the quiet that the last sign of life asks for, at
// the latest at the end of the burst's longest wait.
func (s *settling) due() time.Time {
	rest, end := s.last.Add(s.quiet), s.first.Add(s.most)
	if end.Before(rest) {
		return end
	}
	return rest
}

// check looks at the pending paths at a time when that is due. It says whether there is a
// change to tell, which paths have come to rest, and which are still in motion; those stay
// pending.
func (s *settling) check(now time.Time, look func(string) signature) (tell bool, settled, unsettled []string) {
	moving := map[string]seen{}
	for path, p := range s.pending {
		if sign := look(path); sign != p.sign {
			p, s.last = seen{now, sign}, now
		}
		s.pending[path] = p
		if now.Sub(p.at) < s.quiet {
			moving[path] = p
		}
	}
	if len(moving) > 0 && now.Before(s.first.Add(s.most)) {
		return false, nil, nil
	}
	for path, p := range s.pending {
		// While others still move, a path that is missing may be about to come back.
		if len(moving) > 0 && !p.sign.exists {
			moving[path] = p
		}
	}
	for path := range s.pending {
		if _, moves := moving[path]; moves {
			unsettled = append(unsettled, path)
		} else {
			settled = append(settled, path)
		}
	}
	s.first, s.pending = now, moving
	slices.Sort(settled)
	slices.Sort(unsettled)
	return true, settled, unsettled
}
