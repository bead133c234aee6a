package ack

import "time"

// mostHeld bounds how long an edit may wait for the response that takes it to a gateway: longer than the rollout holds anything. One
// that waits longer goes in none, as the gateway does not ask for what it changes.
const mostHeld = 2 * time.Minute

// edit is an edit that a gateway was not sent yet: when it was seen, and when it was there to be sent.
type edit struct{ at, offered time.Time }

// Edited notes, before it is sent, that an edit changes what the gateway is served, to which versions by type. The
// first response of each type that it is sent takes the edit to it, and what counts is how long after the edit the gateway accepts
// that. Of several edits that go in one response it is the first.
func (st *Stream) Edited(at time.Time, versions map[string]string) {
	s := st.store
	s.mu.Lock()
	defer s.mu.Unlock()
	for url, version := range versions {
		r, asked := st.types[url]
		switch {
		case !asked:
		case r.sent.Version == version:
			r.edit = edit{} // taken back before it was sent
		case r.edit.at.IsZero() || s.clock().Sub(r.edit.offered) > mostHeld:
			r.edit = edit{at, s.clock()}
		}
	}
}

// leaves returns when the edit was seen that a response takes along, and forgets it.
func (e *edit) leaves(clock func() time.Time) time.Time {
	out := *e
	*e = edit{}
	if out.at.IsZero() || clock().Sub(out.offered) > mostHeld {
		return time.Time{}
	}
	return out.at
}

// earliest returns when the first edit was seen of those that responses take along.
func earliest(due []Delivery) (first time.Time) {
	for _, d := range due {
		if !d.edited.IsZero() && (first.IsZero() || d.edited.Before(first)) {
			first = d.edited
		}
	}
	return first
}
