package audit

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// item is an event that waits for its number, within its bounds.
type item struct {
	event   Event
	counts  Counts
	details json.RawMessage
	// answer hears, once, whether it is kept. Nil where nobody waits.
	answer chan<- error
}

// bytes is about what it takes in memory.
func (i item) bytes() int {
	e := &i.event
	n := 512 + len(e.Subject) + len(e.Message) + 2*len(i.details)
	for _, ns := range e.Namespaces {
		n += 16 + len(ns)
	}
	for _, o := range e.Objects {
		n += 128 + len(o.Kind) + len(o.Namespace) + len(o.Name) + len(o.File) + len(o.Change)
	}
	for _, a := range e.Actors {
		n += 128 + len(a.File) + len(a.Commit) + len(a.Author) + len(a.Owner)
	}
	return n
}

// queue holds events that wait for their numbers: so many, and so many bytes. It is safe for concurrent use, and its lock is
// held for moments only.
type queue struct {
	now       func() time.Time
	maxEvents int
	maxBytes  int
	// wake holds something when there may be something to take.
	wake chan struct{}

	mu     sync.Mutex
	items  []item
	bytes  int
	lost   uint64
	closed bool
}

func newQueue(o Options) *queue {
	return &queue{now: o.Now, maxEvents: o.MaxEvents, maxBytes: o.MaxBytes, wake: make(chan struct{}, 1)}
}

// put adds an event, and reports false where there is no room: it is lost, and that is told when there is.
func (q *queue) put(i item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := i.bytes()
	if q.closed || len(q.items) >= q.maxEvents || q.bytes+size > q.maxBytes {
		q.lost++
		return false
	}
	q.tell()
	q.items, q.bytes = append(q.items, i), q.bytes+size
	q.poke()
	return true
}

// tell adds, in its place, what was lost.
func (q *queue) tell() {
	if q.lost == 0 {
		return
	}
	i := lostItem(q.lost, q.now())
	q.items, q.bytes, q.lost = append(q.items, i), q.bytes+i.bytes(), 0
}

func lostItem(lost uint64, at time.Time) item {
	return newItem(Event{
		Type: EventsLost, Time: at, Subject: Queue, Outcome: Failure, Details: Lost{Sink: Queue, Events: lost},
		Message: fmt.Sprintf("%d events were not recorded: more happened than could be written", lost),
	})
}

// take returns the next events, at most so many, in order. closed says that nothing comes after them.
func (q *queue) take(most int) (items []item, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) <= most {
		q.tell()
		items, q.items, q.bytes = q.items, nil, 0
		return items, q.closed
	}
	items, q.items = q.items[:most:most], q.items[most:]
	for _, i := range items {
		q.bytes -= i.bytes()
	}
	q.poke()
	return items, false
}

func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// close takes no more; what is there is still given.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.poke()
}

func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}
