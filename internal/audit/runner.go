package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// errHangs says that a sink does not answer.
var errHangs = errors.New("it does not answer")

// maxHeld bounds the bytes of lines that wait for a sink that does not answer.
const maxHeld = 16 << 20

// runner calls one sink, on a goroutine of its own, so that one that hangs holds up no other.
type runner struct {
	name string
	sink Sink
	// flusher is the sink where it can try again, or nil.
	flusher Flusher
	metrics *metrics
	now     func() time.Time
	wake    chan struct{}

	mu    sync.Mutex
	lines []Line
	bytes int
	// done is closed when the sink has been given what is there now.
	done chan struct{}
	// retrying asks for Flush.
	retrying bool
	closed   bool
	// hangs is set while somebody has given up waiting.
	hangs bool
	last  error
	// lost is that lines are lost for it since that was noticed last.
	lost bool
	told bool
}

func newRunner(s Sink, o Options, m *metrics) *runner {
	r := &runner{name: s.Name(), sink: s, metrics: m, now: o.Now, wake: make(chan struct{}, 1), done: make(chan struct{})}
	r.flusher, _ = s.(Flusher)
	m.begin(r.name)
	go r.run()
	return r
}

// offer puts lines behind those that wait, and returns what is closed when the sink was given them. Where the sink does not
// answer and too much waits, they are lost for it.
func (r *runner) offer(lines []Line) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	size := 0
	for _, l := range lines {
		size += len(l.Bytes)
	}
	if r.hangs && r.bytes+size > maxHeld {
		if _, tells := r.sink.(Chain); !tells { // a chain tells itself what it misses
			r.metrics.lost.WithLabelValues(r.name).Add(float64(len(lines)))
		}
		r.lost = true
		return r.done
	}
	r.lines, r.bytes = append(r.lines, lines...), r.bytes+size
	r.poke()
	return r.done
}

// retry asks for what could not be kept to be tried again.
func (r *runner) retry() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.retrying = true
	r.poke()
	return r.done
}

func (r *runner) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// wait waits until the sink was given what was offered. One that did not answer before is not waited for.
func (r *runner) wait(done <-chan struct{}, patience time.Duration) {
	r.mu.Lock()
	hangs := r.hangs
	r.mu.Unlock()
	if hangs {
		return
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		r.mu.Lock()
		defer r.mu.Unlock()
		select {
		case <-done: // just now
		default:
			r.hangs = true
			r.metrics.up.WithLabelValues(r.name).Set(0)
		}
	}
}

// run gives the sink what there is, until close.
func (r *runner) run() {
	for range r.wake {
		r.mu.Lock()
		lines, retrying, done, closed := r.lines, r.retrying, r.done, r.closed
		r.lines, r.bytes, r.retrying, r.done = nil, 0, false, make(chan struct{})
		r.mu.Unlock()
		if len(lines) > 0 || retrying && r.flusher != nil {
			r.answered(r.ask(lines))
		}
		close(done)
		if closed {
			return
		}
	}
}

// answered notes what the sink said.
func (r *runner) answered(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last, r.hangs = err, false
	r.lost = r.lost || errors.Is(err, ErrLost)
	r.metrics.took(r.name, err, r.now())
}

// ask gives the sink lines, or, where there are none, has it try again. The sink bounds by itself how long it takes.
func (r *runner) ask(lines []Line) error {
	if len(lines) > 0 {
		return r.sink.Take(context.Background(), lines)
	}
	return r.flusher.Flush(context.Background())
}

// err returns why the sink does not keep what it was given, or nil.
func (r *runner) err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reason()
}

func (r *runner) reason() error {
	switch {
	case r.hangs && r.lost:
		return fmt.Errorf("%w: %w", errHangs, ErrLost)
	case r.hangs:
		return errHangs
	case r.lost && r.last == nil:
		return ErrLost
	}
	return r.last
}

// news is what came of a sink since it was asked for last.
type news struct {
	err error
	// changed is that it fails and did not, or the other way round.
	changed bool
	// lost is that lines are lost for it.
	lost bool
}

// news returns what is to be noticed.
func (r *runner) news() news {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.reason()
	n := news{err: err, changed: (err != nil) != r.told, lost: r.lost}
	r.told, r.lost = err != nil, false
	return n
}

// close ends the goroutine, when the sink has been given what is there.
func (r *runner) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.poke()
}
