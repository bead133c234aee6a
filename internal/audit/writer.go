package audit

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

const (
	// batchSize is how many events are written together at most.
	batchSize = 512
	// tickEvery is how often failing sinks are tried again, and the chain asked whether it has something to tell.
	tickEvery = time.Second
	// maxDue bounds what the chain tells at one time, and maxOwed the events that are remembered until they are kept.
	maxDue  = 16
	maxOwed = 1024
)

// writer is the goroutine that gives events their order and hands them to the sinks.
type writer struct {
	options Options
	queue   *queue
	metrics *metrics
	logger  *slog.Logger
	encoder *encoder
	// first is the chain's runner, or nil. all are those of all sinks, that one first.
	first *runner
	all   []*runner
	// told are the events that the writer itself has to say: that a sink fails, and that it does not any more.
	told []Event
	// owed are the events that somebody requires, that are recorded, and of which nobody was told yet that all sinks keep them.
	owed map[owedKey]bool
}

// owedKey tells events that are required from each other.
type owedKey struct {
	kind    Type
	subject string
	key     string
}

func newWriter(o Options, run string, q *queue, m *metrics) *writer {
	w := &writer{options: o, queue: q, metrics: m, logger: o.Logger, owed: map[owedKey]bool{}}
	place := Place{Hash: Genesis}
	if o.Chain != nil {
		place = o.Chain.Last()
		w.first = newRunner(o.Chain, o, m)
		w.all = append(w.all, w.first)
	}
	for _, s := range o.Sinks {
		w.all = append(w.all, newRunner(s, o, m))
	}
	w.encoder = newEncoder(o, run, place)
	return w
}

// run writes until the queue is closed and empty. Nothing but the sinks holds it up, and each of those for its patience.
func (w *writer) run() {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	w.write(nil) // what the chain found at the start
	for {
		select {
		case <-w.queue.wake:
		case <-tick.C:
			w.flush()
		}
		items, closed := w.queue.take(batchSize)
		w.write(items)
		if closed {
			w.end()
			return
		}
	}
}

// write makes lines of items, and of what the chain and the writer itself have to tell, and hands them out.
func (w *writer) write(items []item) {
	lines := make([]Line, 0, len(items)+len(w.told))
	var waiting []item
	for _, i := range items {
		if i.answer != nil {
			waiting = append(waiting, i)
			if w.owed[keyOf(i)] { // it has its place already
				continue
			}
			w.owe(i)
		}
		lines = w.append(lines, i)
	}
	for _, e := range w.told {
		lines = w.append(lines, newItem(e))
	}
	w.told = nil
	if w.first != nil {
		lines = w.due(lines, w.options.Chain.Due)
	}
	w.hand(lines)
	w.answer(waiting)
	w.notice()
}

func keyOf(i item) owedKey { return owedKey{i.event.Type, i.event.Subject, i.event.Key} }

// owe remembers an event until who requires it was told that it is kept. Who gave up does not ask any more: where there are too many, and
// all are kept, they are forgotten.
func (w *writer) owe(i item) {
	if len(w.owed) >= maxOwed && w.failing() == nil {
		clear(w.owed)
	}
	if len(w.owed) < maxOwed {
		w.owed[keyOf(i)] = true
	}
}

func (w *writer) append(lines []Line, i item) []Line {
	w.metrics.events.WithLabelValues(string(i.event.Type)).Inc()
	if d, ok := i.event.Details.(Lost); ok && d.Sink != Queue { // those of the queue are counted as they are lost
		w.metrics.lost.WithLabelValues(d.Sink).Add(float64(d.Events))
	}
	return append(lines, w.encoder.line(i))
}

// due adds what the chain has to tell.
func (w *writer) due(lines []Line, ask func(Place) (Event, bool)) []Line {
	for range maxDue {
		e, ok := ask(w.encoder.place)
		if !ok {
			break
		}
		if e.Time.IsZero() {
			e.Time = w.options.Now()
		}
		lines = w.append(lines, newItem(e))
	}
	return lines
}

// hand gives lines to the chain, and when it has them, or does not answer, to the others.
func (w *writer) hand(lines []Line) {
	if len(lines) == 0 {
		return
	}
	if w.first != nil {
		w.first.wait(w.first.offer(lines), w.options.Patience)
	}
	others := w.others()
	dones := make([]<-chan struct{}, len(others))
	for i, r := range others {
		dones[i] = r.offer(lines)
	}
	for i, r := range others {
		r.wait(dones[i], w.options.Patience)
	}
}

func (w *writer) others() []*runner {
	if w.first != nil {
		return w.all[1:]
	}
	return w.all
}

// flush has failing sinks try again.
func (w *writer) flush() {
	for _, r := range w.all {
		if r.err() != nil {
			r.wait(r.retry(), w.options.Patience)
		}
	}
}

// notice tells of sinks that fail since it was asked last, or do not any more. It is told once, to the log and to the sinks.
func (w *writer) notice() {
	for _, r := range w.all {
		n := r.news()
		switch {
		case !n.changed:
		case n.err != nil:
			w.logger.Error("a sink of the audit record fails; what it does not get is kept for it up to a bound, or counted as lost", "sink", r.name, "reason", n.err)
			w.tell(Event{Type: SinkFailed, Subject: r.name, Outcome: Failure, Message: fmt.Sprintf("the sink %s fails: %s", r.name, n.err)})
		default:
			w.logger.Info("a sink of the audit record takes events again", "sink", r.name)
			w.tell(Event{Type: SinkRecovered, Subject: r.name, Outcome: Success, Message: fmt.Sprintf("the sink %s takes events again", r.name)})
		}
		if n.lost {
			clear(w.owed) // it may be one of them: whoever requires it has to record it again
		}
	}
}

// tell keeps an event for the next lines, and has them come.
func (w *writer) tell(e Event) {
	e.Time = w.options.Now()
	w.told = append(w.told, e)
	w.queue.poke()
}

// answer says to who waits whether all is kept. It fails closed: where something was lost since the last time it may be
// theirs, and a sink that takes lines again does not change that.
func (w *writer) answer(waiting []item) {
	if len(waiting) == 0 {
		return
	}
	err := w.failing()
	if err != nil && !errors.Is(err, ErrLost) {
		w.flush()
		err = w.failing()
	}
	for _, i := range waiting {
		if err == nil {
			delete(w.owed, keyOf(i))
		}
		i.answer <- err
	}
}

// failing says which sinks do not keep what they were given.
func (w *writer) failing() error {
	var all []error
	for _, r := range w.all {
		if err := r.err(); err != nil {
			all = append(all, fmt.Errorf("%s: %w", r.name, err))
		}
	}
	return errors.Join(all...)
}

// end says the last of the chain, and lets the sinks go.
func (w *writer) end() {
	w.write(nil) // what was told of the last lines
	if w.first != nil {
		w.hand(w.due(nil, w.options.Chain.Final))
	}
	for _, r := range w.all {
		r.close()
	}
}
