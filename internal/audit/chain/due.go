package chain

import (
	"fmt"

	"github.com/portreeve/portreeve/internal/audit"
)

// Pruned are the details of audit.ChainPruned: everything up to a line is about to be removed, because it is old.
type Pruned struct {
	// UpTo is the number of the last line that goes, and Hash its hash.
	UpTo uint64 `json:"upTo"`
	Hash string `json:"hash"`
	// Files is how many files go.
	Files int `json:"files"`
}

// Recovered are the details of audit.ChainRecovered: how the record was found when the control plane started.
type Recovered struct {
	// Cut is how many bytes of half a line were taken off.
	Cut int64 `json:"cut,omitempty"`
	// Damaged is how many lines at the end are not as they were written. They are left where they are.
	Damaged uint64 `json:"damaged,omitempty"`
	// MissingFrom and MissingTo are the lines that the head says were there, and that are not.
	MissingFrom uint64 `json:"missingFrom,omitempty"`
	MissingTo   uint64 `json:"missingTo,omitempty"`
	// HeadFault says what is wrong with the head itself, and Head is how it was found, where it was. What is lost at the end
	// cannot be known then.
	HeadFault string `json:"headFault,omitempty"`
	Head      *Head  `json:"head,omitempty"`
}

// Due returns an event that the chain itself has to tell.
func (c *Chain) Due(p audit.Place) (audit.Event, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.retain()
	switch {
	case len(c.found) > 0:
		e := c.found[0]
		c.found = c.found[1:]
		return e, true
	case c.gap:
		return c.lost(p)
	case c.failed:
		return audit.Event{}, false
	case c.prunable != nil && !c.pruning:
		c.pruning = true
		return pruned(*c.prunable), true
	case p.Seq >= c.signed+c.options.SignLines, p.Seq > c.signed && c.options.Now().Sub(c.signedAt) >= c.options.SignEvery:
		return c.sign(p)
	}
	return audit.Event{}, false
}

// Final signs what is not signed yet.
func (c *Chain) Final(p audit.Place) (audit.Event, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.gap:
		return c.lost(p)
	case p.Seq > c.signed:
		return c.sign(p)
	}
	return audit.Event{}, false
}

// retain has old files looked for from time to time.
func (c *Chain) retain() {
	if now := c.options.Now(); now.Sub(c.retainedAt) >= retainEvery {
		c.retainedAt = now
		c.mill.poke()
	}
}

// mayPrune notes what may go.
func (c *Chain) mayPrune(p Pruned) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.pruning {
		c.prunable = &p
	}
}

func pruned(p Pruned) audit.Event {
	return audit.Event{
		Type: audit.ChainPruned, Subject: Name, Outcome: audit.Success, Details: p,
		Message: fmt.Sprintf("the record up to line %d, in %d files, is removed because it is old", p.UpTo, p.Files),
	}
}

// lost tells of lines that the file will never have, once it takes lines again.
func (c *Chain) lost(p audit.Place) (audit.Event, bool) {
	if c.failed || len(c.pending) > 0 || c.bridge != 0 || p.Seq <= c.taken.Seq {
		return audit.Event{}, false
	}
	c.bridge = p.Seq + 1
	d := audit.Lost{Sink: Name, Events: p.Seq - c.taken.Seq, From: c.taken.Seq + 1, To: p.Seq, After: c.taken.Hash}
	return audit.Event{
		Type: audit.EventsLost, Subject: Name, Outcome: audit.Failure, Details: d,
		Message: fmt.Sprintf("%d lines, %d to %d, are not in the file: it could not be written for too long", d.Events, d.From, d.To),
	}, true
}

// sign signs a place, where there is a key.
func (c *Chain) sign(p audit.Place) (audit.Event, bool) {
	if c.options.Key == nil {
		return audit.Event{}, false
	}
	now := c.options.Now()
	c.signed, c.signedAt = p.Seq+1, now
	return audit.Event{
		Type: audit.ChainSigned, Time: now, Subject: Name, Outcome: audit.Success, Details: newHead(c.options.Key, p, now),
		Message: fmt.Sprintf("the record up to line %d is signed", p.Seq),
	}, true
}
