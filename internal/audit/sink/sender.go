package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/portreeve/portreeve/internal/audit"
)

const (
	// maxBatch is how many lines are handed to a receiver at a time that takes many.
	maxBatch = 100
	// deliverWithin bounds one delivery.
	deliverWithin = 30 * time.Second
	// firstWait and longestWait are between one try and the next. A receiver may ask for more, up to longestAsked.
	firstWait    = time.Second
	longestWait  = time.Minute
	longestAsked = 5 * time.Minute
	// giveUpAfter is how long, and giveUpTries how often, one event is offered that the receiver refuses: as a client, and for
	// what it holds. Then it is skipped, so that one event cannot keep all others.
	giveUpAfter = 24 * time.Hour
	giveUpTries = 20
)

// reason says why events are lost.
type reason string

const (
	full        reason = "full"
	refused     reason = "refused"
	brokenSpool reason = "broken"
)

// sender gives one receiver what is in its queue.
type sender struct {
	name      string
	patterns  []string
	most      int
	queue     *queue
	deliverer Deliverer
	writer    *writer
	tell      func(audit.Event)
	now       func() time.Time
	logger    *slog.Logger

	wait   *backoff.ExponentialBackOff
	stuck  stuck
	health health

	mu        sync.Mutex
	delivered int
	losses    map[reason]int
}

// stuck is of the event that is refused now.
type stuck struct {
	position uint64
	since    time.Time
	tries    int
}

func (s *Set) newSender(name string, patterns []string, most int, d Deliverer) *sender {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval, wait.Multiplier = firstWait, longestWait, 2
	return &sender{
		name: name, patterns: patterns, most: most, queue: newQueue(name, s.options.Config.Spool), deliverer: d,
		tell: s.report, now: s.options.Now, logger: s.options.Logger.With("sink", name),
		wait: wait, losses: map[reason]int{},
	}
}

// report hands on an event about a sink.
func (s *Set) report(e audit.Event) {
	if tell := s.tell.Load(); tell != nil {
		(*tell)(e)
	}
}

// take takes those lines that the sink wants.
func (s *sender) take(lines []audit.Line) error {
	if s.patterns == nil {
		return s.push(lines)
	}
	var wanted []audit.Line
	for _, line := range lines {
		if wants(s.patterns, string(line.Event.Type)) {
			wanted = append(wanted, line)
		}
	}
	return s.push(wanted)
}

// push puts lines into the queue. The error says that there is no room, so that some are lost.
func (s *sender) push(lines []audit.Line) error {
	lost, over := s.queue.push(s.now(), lines)
	if over.count > 0 {
		s.lose(over, full)
	}
	if lost == 0 {
		return nil
	}
	s.count(full, lost)
	return fmt.Errorf("sink %s: too much is waiting for it; %d events are lost: %w", s.name, lost, audit.ErrLost)
}

// run delivers until ctx ends, or until closing does and nothing is left that is taken at once.
func (s *sender) run(ctx context.Context, closing <-chan struct{}) {
	for ctx.Err() == nil {
		b, err := s.next()
		switch {
		case err != nil:
			s.logger.Warn("read the spool of the record", "error", err)
			signal(s.writer.wanted) // which looks after a spool that is broken
			if !s.rest(ctx, closing, s.wait.NextBackOff()) {
				return
			}
		case len(b.entries) > 0:
			if pause := s.attempt(ctx, b); pause > 0 && !s.rest(ctx, closing, pause) {
				return
			}
		case !s.idle(ctx, closing):
			return
		}
	}
}

// next returns what is delivered next.
func (s *sender) next() (batch, error) {
	most := s.most
	if s.stuck.tries > 0 {
		most = 1 // find the one that is refused
	}
	b, onDisk := s.queue.head(most)
	if onDisk == 0 {
		return b, nil
	}
	var err error
	switch b.entries, err = s.writer.store.read(s.name, onDisk, most); {
	case err != nil:
		return b, err
	case len(b.entries) > 0:
		s.queue.aged(b.entries[0].at)
		return b, nil
	case s.queue.current(b):
		s.writer.store.distrust()
		return b, fmt.Errorf("%w: it holds less than was put into it", errBroken)
	}
	return s.next() // the spool was put in order meanwhile
}

// rest waits. It reports whether there is time for another try.
func (s *sender) rest(ctx context.Context, closing <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-closing:
	case <-ctx.Done():
	}
	return false
}

// idle waits until something comes. It reports false at the end.
func (s *sender) idle(ctx context.Context, closing <-chan struct{}) bool {
	var well <-chan time.Time
	if d := s.health.due(s.now()); d > 0 {
		well = time.After(d)
	}
	select {
	case <-s.queue.more:
		return true
	case <-well:
		s.well()
		return true
	case <-closing:
		b, onDisk := s.queue.head(1)
		return len(b.entries) > 0 || onDisk > 0
	case <-ctx.Done():
		return false
	}
}

// attempt delivers a batch, or begins to. It returns how long to wait before the next try.
func (s *sender) attempt(ctx context.Context, b batch) time.Duration {
	if b.entries[0].broken > 0 {
		s.skip(batch{b.entries[:1], b.epoch}, brokenSpool, "it is not as it was written to the spool")
		return 0
	}
	lines := make([]audit.Line, 0, len(b.entries))
	for _, e := range b.entries {
		if e.broken > 0 {
			break
		}
		lines = append(lines, e.line)
	}
	b.entries = b.entries[:len(lines)]
	limited, cancel := context.WithTimeout(ctx, deliverWithin)
	defer cancel()
	err := s.deliverer.Deliver(limited, lines)
	if err == nil {
		s.finish(b)
		return 0
	}
	if ctx.Err() != nil {
		return 0 // the end, and no fault of the receiver
	}
	return s.failed(b, err)
}

// finish notes that the receiver has a batch.
func (s *sender) finish(b batch) {
	s.mu.Lock()
	s.delivered += len(b.entries)
	s.mu.Unlock()
	s.stuck = stuck{}
	s.wait.Reset()
	s.done(b)
	s.well()
}

// done takes a batch out of the queue.
func (s *sender) done(b batch) {
	s.queue.finish(b)
	if s.writer != nil {
		signal(s.writer.tidy)
	}
}

// failed notes a failure, skips an event that is refused for too long, and returns how long to wait.
func (s *sender) failed(b batch, err error) time.Duration {
	var r *refusal
	if !errors.As(err, &r) {
		r = &refusal{text: err.Error()}
	}
	s.ill(err)
	if r.blame != nobodys && s.givenUp(b.entries[0], r.blame) {
		s.skip(batch{b.entries[:1], b.epoch}, refused, r.text)
		return 0
	}
	// What several control planes are asked to wait is spread.
	asked := min(r.after, longestAsked)
	if asked > 0 {
		asked += rand.N(asked/10 + 1)
	}
	return max(s.wait.NextBackOff(), asked)
}

// givenUp counts a refusal of an event by which the receiver will not take it, and reports whether it is enough.
func (s *sender) givenUp(e entry, whose blame) bool {
	if s.stuck.tries == 0 || s.stuck.position != e.position {
		s.stuck = stuck{position: e.position, since: s.now()}
	}
	s.stuck.tries++
	return whose == theEvents && s.stuck.tries >= giveUpTries || s.now().Sub(s.stuck.since) >= giveUpAfter
}

// skip leaves out an event that cannot be delivered.
func (s *sender) skip(b batch, why reason, text string) {
	seq := b.entries[0].line.Seq
	s.logger.Error("an event of the record is not delivered; the gap shows by its sequence", "sequence", seq, "reason", text)
	s.stuck = stuck{}
	s.done(b)
	s.lose(loss{count: 1, first: seq, last: seq}, why)
}
