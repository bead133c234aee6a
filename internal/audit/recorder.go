package audit

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// defaultMaxEvents and defaultMaxBytes bound the events that wait.
	defaultMaxEvents = 65_536
	defaultMaxBytes  = 64 << 20
	// requireWithin is how long Require waits at most, and drainWithin how long Close does.
	requireWithin = 5 * time.Second
	drainWithin   = 2 * time.Second
)

// ErrLost says that an event will never be kept.
var ErrLost = errors.New("it will not be recorded")

// Options say how the record is made. Zero values are the defaults.
type Options struct {
	// Chain keeps the whole record, and is written before all others. Nil is none: then the numbers begin with 1 at each start.
	Chain Chain
	// Sinks are the others.
	Sinks []Sink
	// Required makes Require wait.
	Required bool
	// Instance names this control plane among others, and Version its build.
	Instance, Version string
	// MaxEvents and MaxBytes bound what waits to be written: 65,536 and 64 MiB.
	MaxEvents, MaxBytes int
	// Patience is how long the others wait for a sink that does not answer: 2 s.
	Patience time.Duration
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
	// Logger hears when a sink fails and recovers. Nil is silence.
	Logger *slog.Logger
	// Registerer takes the metrics. Nil takes none.
	Registerer prometheus.Registerer
}

// Recorder gives events their order. It is safe for concurrent use. A nil one records nothing.
type Recorder struct {
	options Options
	queue   *queue
	metrics *metrics
	writer  *writer
	done    chan struct{}
}

// New starts a recorder, which goes on where its chain ends. Close ends it.
func New(o Options) (*Recorder, error) {
	o = o.withDefaults()
	run := make([]byte, 8)
	if _, err := rand.Read(run); err != nil {
		return nil, fmt.Errorf("name this run of the record: %w", err)
	}
	q := newQueue(o)
	m := newMetrics(q)
	if o.Registerer != nil {
		if err := m.register(o.Registerer); err != nil {
			return nil, fmt.Errorf("register the metrics of the record: %w", err)
		}
	}
	r := &Recorder{options: o, queue: q, metrics: m, writer: newWriter(o, hex.EncodeToString(run), q, m), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.writer.run()
	}()
	return r, nil
}

func (o Options) withDefaults() Options {
	o.MaxEvents, o.MaxBytes = cmp.Or(o.MaxEvents, defaultMaxEvents), cmp.Or(o.MaxBytes, defaultMaxBytes)
	o.Patience = cmp.Or(o.Patience, 2*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Record notes an event. It never waits: where more are due than may be, the event is counted as lost, and that is recorded.
func (r *Recorder) Record(e Event) {
	if r != nil && r.queue != nil {
		r.put(e, nil)
	}
}

// Require notes an event, and waits until it is kept by every sink, until ctx ends, or for 5 s. The error says which sink does
// not keep it. It may be asked again with an event of the same type, subject and key: that is recorded once, as long as it is not
// lost. Without Required it is as Record, and nil.
func (r *Recorder) Require(ctx context.Context, e Event) error {
	if r == nil || r.queue == nil || !r.options.Required {
		r.Record(e)
		return nil
	}
	answer := make(chan error, 1)
	if !r.put(e, answer) {
		return fmt.Errorf("too much waits to be recorded: %w", ErrLost)
	}
	ctx, cancel := context.WithTimeout(ctx, requireWithin)
	defer cancel()
	select {
	case err := <-answer:
		return err
	case <-r.done:
		return errors.New("the record is closed")
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("the record does not answer: %w", ctx.Err()), r.Err())
	}
}

// put makes an event an item of the queue.
func (r *Recorder) put(e Event, answer chan<- error) bool {
	if e.Time.IsZero() {
		e.Time = r.options.Now()
	}
	i := newItem(e)
	i.answer = answer
	ok := r.queue.put(i)
	if !ok {
		r.metrics.lost.WithLabelValues(Queue).Inc()
	}
	return ok
}

// newItem bounds an event, and writes its details down: they are told as they are now.
func newItem(e Event) item {
	bounded, counts := Bounded(e)
	return item{event: bounded, counts: counts, details: boundedDetails(e.Details)}
}

// Err says which sinks do not keep what is recorded, and why. Nil is that all do.
func (r *Recorder) Err() error {
	if r == nil || r.writer == nil {
		return nil
	}
	return r.writer.failing()
}

// Close writes what waits, and ends. It gives up after 2 s; the error says that some is not written, then. What is recorded
// afterwards is lost. The chain is its owner's to close, after this.
func (r *Recorder) Close() error {
	if r == nil || r.queue == nil {
		return nil
	}
	r.queue.close()
	timer := time.NewTimer(drainWithin)
	defer timer.Stop()
	select {
	case <-r.done:
		return r.Err()
	case <-timer.C:
		return errors.Join(fmt.Errorf("%d events wait and are not recorded: %w", r.queue.length(), ErrLost), r.Err())
	}
}
