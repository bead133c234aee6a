package chain

import (
	"context"
	"fmt"

	"github.com/portreeve/portreeve/internal/audit"
)

// Flush writes the lines that wait. Nil is that none does any more, that all are synced, and that none is missing that the
// record does not tell of.
func (c *Chain) Flush(context.Context) error {
	c.disk <- struct{}{}
	defer func() { <-c.disk }()
	for {
		c.mu.Lock()
		lines, gap := c.pending, c.gap
		c.mu.Unlock()
		switch {
		case len(lines) == 0 && gap:
			return fmt.Errorf("events are missing in it: %w", audit.ErrLost)
		case len(lines) == 0:
			return nil
		}
		n, err := c.file.write(lines)
		c.wrote(lines[:n], err)
		if err != nil {
			return fmt.Errorf("write audit record: %w", err)
		}
		c.follow(lines[:n])
	}
}

// wrote notes what came of writing.
func (c *Chain) wrote(lines []audit.Line, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failed = err != nil
	for _, l := range lines {
		c.pendingBytes -= len(l.Bytes) + 1
		c.kept = audit.Place{Seq: l.Seq, Hash: l.Hash}
	}
	if c.pending = c.pending[len(lines):]; len(c.pending) == 0 {
		c.pending = nil
	}
}

// follow does what lines that are on disk now allow: removes what they say is pruned, writes a head.
func (c *Chain) follow(lines []audit.Line) {
	signed := false
	for _, l := range lines {
		switch d := l.Event.Details.(type) {
		case Pruned:
			c.mill.remove(d.UpTo)
			c.pruned()
		case Head:
			signed = true
		}
	}
	if c.rotated(lines) {
		c.mill.poke()
	}
	if signed || c.headIsDue() {
		if err := c.writeHead(); err != nil {
			c.options.Logger.Error("the head of the audit record cannot be written", "file", c.names.head(), "reason", err)
		}
	}
}

// rotated reports whether the file began anew with these lines.
func (c *Chain) rotated(lines []audit.Line) bool {
	return lines[0].Seq > 1 && c.file.first == lines[0].Seq
}

func (c *Chain) pruned() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.prunable, c.pruning = nil, false
}

// headIsDue reports whether a head has to be written that no signature is followed by.
func (c *Chain) headIsDue() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.headless || c.options.Key == nil && c.kept.Seq > c.headed &&
		(c.kept.Seq-c.headed >= c.options.SignLines || c.options.Now().Sub(c.headedAt) >= c.options.SignEvery)
}

// writeHead writes where the record stands on disk beside it.
func (c *Chain) writeHead() error {
	c.mu.Lock()
	kept := c.kept
	c.mu.Unlock()
	now := c.options.Now()
	if err := newHead(c.options.Key, kept, now).write(c.names.head()); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.headed, c.headedAt, c.headless = kept.Seq, now, false
	return nil
}
