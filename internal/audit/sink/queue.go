package sink

import (
	"slices"
	"sync"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
)

// The bounds of what a queue has in memory, and of what is taken from it at a time.
const (
	maxMemoryEvents = 10_000
	maxMemoryBytes  = 16 << 20
	maxBatchBytes   = 1 << 20
)

// queue is what one sink has not been given yet. Entries come at the end, on positions that count up; they are in memory until
// they are on disk, and leave both when they were delivered.
type queue struct {
	name   string
	bounds Bounds
	// more has a token when something came.
	more chan struct{}

	mu sync.Mutex
	// last is the position of the newest entry, synced that of the newest on disk, done that up to which all is delivered.
	last, synced, done uint64
	// removed is up to where the disk has been told that entries are done.
	removed uint64
	// memory are the entries behind synced that are not delivered.
	memory      []entry
	memoryBytes int64
	// events and bytes are of all that are not delivered.
	events int
	bytes  int64
	// oldest is when the entry came that is delivered next.
	oldest time.Time
	// epoch counts how often positions changed: what was taken before is not where it was.
	epoch int
	loss  loss
	// seq is the number of the last line that was delivered, and reached the one of which the disk said that it had come. 0 is not known.
	seq, reached uint64
}

// loss is of an outage in which entries are lost because there are too many.
type loss struct {
	// on says that nothing is taken. It ends when a tenth is free again, so that losses are few gaps and not many.
	on    bool
	count int
	first uint64
	last  uint64
}

// resumeAt is how full a queue is when it takes entries again after it was full.
const resumeAt = 0.9

func newQueue(name string, b Bounds) *queue {
	return &queue{name: name, bounds: b, more: make(chan struct{}, 1)}
}

// push takes lines at the end. It returns how many are lost because there are too many, and an outage of that kind that is over.
func (q *queue) push(now time.Time, lines []audit.Line) (lost int, over loss) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.loss.on && q.room(resumeAt) {
		over, q.loss = q.loss, loss{}
	}
	for _, line := range lines {
		if q.loss.on = q.loss.on || !q.room(1); q.loss.on {
			q.loss.add(line.Seq)
			lost++
			continue
		}
		q.last++
		e := entry{position: q.last, at: now, line: audit.Line{Seq: line.Seq, Bytes: line.Bytes}}
		q.memory, q.memoryBytes = append(q.memory, e), q.memoryBytes+e.size()
		q.events, q.bytes = q.events+1, q.bytes+e.size()
		if q.events == 1 {
			q.oldest = now
		}
	}
	signal(q.more)
	return lost, over
}

func (l *loss) add(seq uint64) {
	if l.count == 0 {
		l.first = seq
	}
	l.count, l.last = l.count+1, seq
}

// room reports whether less than a part of what may be is there.
func (q *queue) room(part float64) bool {
	below := func(n, most int64) bool { return float64(n) < part*float64(most) }
	return below(int64(q.events), int64(q.bounds.Events)) && below(q.bytes, q.bounds.Bytes) &&
		below(int64(len(q.memory)), maxMemoryEvents) && below(q.memoryBytes, maxMemoryBytes)
}

// full reports whether nothing is taken.
func (q *queue) full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.loss.on && !q.room(resumeAt)
}

// batch is what is delivered at one time: entries from the oldest on.
type batch struct {
	entries []entry
	epoch   int
}

// head returns the oldest entries that are in memory, or from where on they are on disk. Nothing of both is an empty queue.
func (q *queue) head(most int) (b batch, onDisk uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	b.epoch = q.epoch
	if q.done < q.synced {
		return b, q.done + 1
	}
	bytes := int64(0)
	for _, e := range q.memory {
		if len(b.entries) == most || bytes >= maxBatchBytes {
			break
		}
		b.entries, bytes = append(b.entries, e), bytes+e.size()
	}
	return b, 0
}

// current reports whether a batch is still counted as it was when it was taken.
func (q *queue) current(b batch) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return b.epoch == q.epoch
}

// finish notes that a batch is delivered, or given up.
func (q *queue) finish(b batch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if b.epoch != q.epoch { // they are delivered again
		return
	}
	for _, e := range b.entries {
		q.done, q.events, q.bytes = e.position, q.events-1, q.bytes-e.size()
		q.seq = max(q.seq, e.line.Seq)
	}
	if q.forget(q.done); len(q.memory) > 0 && q.done >= q.synced {
		q.oldest = q.memory[0].at
	}
}

// forget takes entries up to a position out of memory.
func (q *queue) forget(position uint64) {
	n := 0
	for n < len(q.memory) && q.memory[n].position <= position {
		q.memoryBytes -= q.memory[n].size()
		n++
	}
	if q.memory = q.memory[n:]; len(q.memory) == 0 {
		q.memory = nil // and what it held
	}
}

// unsaved returns what the disk has to be told, and whether there is something.
func (q *queue) unsaved() (change, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := change{sink: q.name, done: q.done, seq: max(q.seq, q.reached)}
	bytes := int64(0)
	for _, e := range q.memory {
		if bytes >= maxWriteBytes {
			break
		}
		c.put, bytes = append(c.put, e), bytes+e.size()
		c.seq = max(c.seq, e.line.Seq)
	}
	// What was delivered before the disk had it is noted too: else lines that a killed process left would not be told from those before.
	return c, len(c.put) > 0 || q.removed < min(q.done, q.synced) || c.seq > q.reached
}

// maxWriteBytes bounds what one transaction puts of one sink.
const maxWriteBytes = 4 << 20

// saved notes that the disk has made a change. It reports whether there is more to be told.
func (q *queue) saved(c change) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(c.put) > 0 {
		q.synced = c.put[len(c.put)-1].position
	}
	q.reached = max(q.reached, c.seq)
	if !c.more {
		q.removed = c.done
	}
	q.forget(q.synced)
	return len(q.memory) > 0 || c.more
}

// found puts what the disk has before what is in memory, as it came before that.
func (q *queue) found(k kept) {
	q.mu.Lock()
	defer q.mu.Unlock()
	moved := make([]entry, len(q.memory)) // somebody may be reading those of before
	for i, e := range q.memory {
		e.position += k.last
		moved[i] = e
	}
	q.memory, q.epoch = moved, q.epoch+1
	q.last, q.synced, q.done, q.removed = q.last+k.last, k.last, k.first-1, k.first-1
	q.events, q.bytes = q.events+k.events, q.bytes+k.bytes
	q.reached = max(q.reached, k.seq)
	signal(q.more)
}

// lacks returns those of some lines that came after the last one that the sink has; none where that is not known.
func (q *queue) lacks(lines []audit.Line) []audit.Line {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.reached == 0 {
		return nil
	}
	i := slices.IndexFunc(lines, func(l audit.Line) bool { return l.Seq > q.reached })
	if i < 0 {
		return nil
	}
	return lines[i:]
}

// dropped notes that the disk has nothing any more of what it had. It returns how many entries are lost.
func (q *queue) dropped() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	before := q.events
	q.done = max(q.done, q.synced)
	q.removed, q.synced = q.done, q.done
	q.epoch++
	q.forget(q.done)
	q.events, q.bytes = len(q.memory), q.memoryBytes
	signal(q.more)
	return before - q.events
}

// signal leaves a token where there is none.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
