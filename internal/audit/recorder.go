package audit

import "context"

// Line is an event with its place in the record, as it is written.
type Line struct {
	// Seq counts the events of a record from 1, over restarts.
	Seq uint64
	// Bytes are the CloudEvent in JSON on one line, without the end of the line. They must not be written to.
	Bytes []byte
	Event Event
}

// Sink takes the lines of the record, in order. Take is called by one goroutine at a time. It does not wait for a network:
// what takes long is put on a spool. An error says that these lines are not kept where they survive the process.
type Sink interface {
	Name() string
	Take(ctx context.Context, lines []Line) error
}

// Recorder gives events their order. It is safe for concurrent use. A nil one records nothing.
type Recorder struct{}

// Record notes an event. It never waits: where more are due than may be, the event is counted as lost, and that is recorded.
func (r *Recorder) Record(Event) {}

// Require notes an event, and waits until it is kept by every sink that has to keep it, or until ctx ends. The error says
// which sink does not. Without --audit-required it is as Record, and nil.
func (r *Recorder) Require(context.Context, Event) error { return nil }
