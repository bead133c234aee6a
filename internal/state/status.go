package state

import "time"

// Status is what there is to know about the state on disk.
type Status struct {
	Directory string `json:"directory"`
	// UnwrittenSince is since when there is a state that is not on disk; it is absent where all is.
	UnwrittenSince time.Time `json:"unwrittenSince,omitzero"`
	// Error is why the last write failed, or that one does not end; it is empty where all is well.
	Error string `json:"error,omitempty"`
	// LeftOut is how many generations there was no room for.
	LeftOut int `json:"leftOut,omitempty"`
}

// Status returns the state of the saver. It never waits for the disk.
func (s *Saver) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Status{Directory: s.dir.options.Dir, UnwrittenSince: s.since, LeftOut: s.leftOut}
	switch {
	case s.late:
		out.Error = "the disk does not answer"
	case s.failing != nil:
		out.Error = s.failing.Error()
	}
	return out
}
