// Package pace bounds how many lines a minute what peers do can write to the log.
package pace

import (
	"fmt"
	"sync"
	"time"
)

// Limit bounds the lines of one kind. It is safe for concurrent use.
type Limit struct {
	most, ofOne int
	now         func() time.Time

	mu     sync.Mutex
	minute time.Time
	lines  map[string]int
	// written of this minute, and left out of it.
	written, left int
}

// New returns a limit of so many lines a minute, and so many of one peer.
func New(most, ofOne int, now func() time.Time) *Limit {
	return &Limit{most: most, ofOne: ofOne, now: now, lines: map[string]int{}}
}

// Take reports whether a line about a peer is to be written, and what it says beside its own: in the
// last one of a minute that no more follow, in the first one after that how many there were.
func (l *Limit) Take(peer string) ([]any, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var more []any
	if now := l.now(); now.Sub(l.minute) >= time.Minute {
		if l.left > 0 {
			more = append(more, "left out before", l.left)
		}
		l.minute, l.written, l.left = now, 0, 0
		clear(l.lines)
	}
	if l.written == l.most || l.lines[peer] == l.ofOne {
		l.left++
		return nil, false
	}
	l.written++
	l.lines[peer]++
	switch {
	case l.written == l.most:
		more = append(more, "hint", fmt.Sprintf("further ones of this minute are left out, %d lines are written", l.most))
	case l.lines[peer] == l.ofOne:
		more = append(more, "hint", fmt.Sprintf("further ones of this peer and this minute are left out, %d lines are written", l.ofOne))
	}
	return more, true
}
