// Package sink hands the record to others: webhooks, OTLP, syslog, each from a bounded spool on disk, in order and
// at least once.
//
// A line goes into the queue of each sink that wants it, from there to the spool on disk, and from both to a Deliverer. Where
// the disk takes nothing, queues in memory go on, so that a full disk keeps nobody from being told of it.
package sink

import (
	"context"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
)

// Deliverer hands lines to one receiver, in order. It is used by one goroutine.
type Deliverer interface {
	// Deliver returns nil when the receiver has taken all lines. After an error all of them are delivered again. Of a line
	// only Bytes can be relied on: after a restart nothing else is left. The error shows no secret.
	Deliver(ctx context.Context, lines []audit.Line) error
	// Close lets go of connections.
	Close() error
}

// blame says of whom a refusal is: whether the same event may be taken later.
type blame int

const (
	// nobodys is a fault that passes: no connection, too much to do, a receiver that is broken.
	nobodys blame = iota
	// ours is a refusal of us as a client, such as 401 or 404: a wrong key or address.
	ours
	// theEvents is a refusal of what was sent, such as 400 or 413.
	theEvents
)

// refusal is an answer by which lines are not taken.
type refusal struct {
	text  string
	blame blame
	// after is how long the receiver asks to be left alone.
	after time.Duration
}

// Error implements error.
func (r *refusal) Error() string { return r.text }
