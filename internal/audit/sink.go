package audit

import (
	"context"
	"fmt"
)

// Line is an event with its place in the record, as it is written.
type Line struct {
	// Seq counts the events of a record from 1, over restarts.
	Seq uint64
	// Bytes are the CloudEvent in JSON on one line, without the end of the line. They must not be written to.
	Bytes []byte
	// Hash is the line's chainhash, and the chainprev of the line that follows.
	Hash  string
	Event Event
}

// Place is where a record stands: the number of its last line, and that line's hash. The next line is chained to it.
type Place struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"`
}

// Sink takes the lines of the record, in order. Take is called by one goroutine at a time. It does not wait for a network:
// what takes long is put on a spool. An error says that these lines are not kept where they survive the process. One that
// wraps ErrLost says that they never will be.
type Sink interface {
	Name() string
	Take(ctx context.Context, lines []Line) error
}

// Flusher is a Sink that may keep later what Take could not. Flush tries it, at most once a second while the sink fails;
// nil says that all that was taken is kept now. It is called by the goroutine that calls Take.
type Flusher interface {
	Flush(ctx context.Context) error
}

// Chain is the sink that keeps the whole record and knows where it stands. Only Take and Flush wait for a disk.
type Chain interface {
	Sink
	Flusher
	// Last returns the place of the last line, from which the record goes on.
	Last() Place
	// Due returns an event that the chain itself has to tell, as the line after the place. It is asked until there is none.
	Due(Place) (Event, bool)
	// Final is as Due, at the end of the process, when nothing else comes any more.
	Final(Place) (Event, bool)
}

// Lost are the details of EventsLost: what a sink never gets.
type Lost struct {
	// Sink is the name of the sink; Queue is where events wait to be numbered, and what was lost there has no number.
	Sink string `json:"sink"`
	// Events is how many are lost.
	Events uint64 `json:"events"`
	// From and To are the numbers of the lines that are lost, where they have some, and After is the hash of the line
	// before them. It joins what comes after a gap to what stands before it.
	From  uint64 `json:"from,omitempty"`
	To    uint64 `json:"to,omitempty"`
	After string `json:"after,omitempty"`
}

// Queue is the Sink of Lost where events were lost before they had a number.
const Queue = "queue"

// Broken is a sink that could not be opened: it keeps nothing, and says why. A record that has to be kept is not, then.
type Broken struct {
	// Sink is its name.
	Sink string
	// Err is why.
	Err error
}

// Name returns the name.
func (b Broken) Name() string { return b.Sink }

// Take keeps nothing.
func (b Broken) Take(context.Context, []Line) error { return fmt.Errorf("%w: %w", b.Err, ErrLost) }
