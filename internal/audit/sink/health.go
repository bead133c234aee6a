package sink

import (
	"fmt"
	"sync"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
)

const (
	// illAfter is how many deliveries in a row fail until a sink counts as down.
	illAfter = 3
	// wellAfter is how long, after that, none has failed until it counts as up: one that takes every other event is down.
	wellAfter = 10 * time.Second
)

// health is whether a sink is up, which changes slowly.
type health struct {
	mu       sync.Mutex
	failures int
	down     bool
	// goodSince is when the first delivery was good after the last that failed.
	goodSince time.Time
}

// failed notes a failure. It reports whether the sink is down by that.
func (h *health) failed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failures, h.goodSince = h.failures+1, time.Time{}
	if h.down || h.failures < illAfter {
		return false
	}
	h.down = true
	return true
}

// good notes that a delivery was good, or that none has failed since. It reports whether the sink is up by that.
func (h *health) good(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failures = 0; h.goodSince.IsZero() {
		h.goodSince = now
	}
	if !h.down || now.Sub(h.goodSince) < wellAfter {
		return false
	}
	h.down = false
	return true
}

// due returns how long it takes until a sink that is down and has taken something is up; zero where there is nothing to wait for.
func (h *health) due(now time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.down || h.goodSince.IsZero() {
		return 0
	}
	return max(time.Millisecond, h.goodSince.Add(wellAfter).Sub(now))
}

// up reports whether the sink is up.
func (h *health) up() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.down
}

// ill notes that a delivery failed.
func (s *sender) ill(err error) {
	if !s.health.failed() {
		return
	}
	s.logger.Error("a sink of the record takes nothing; what is due waits", "error", err)
	s.tell(audit.Event{Type: audit.SinkFailed, Subject: s.name, Outcome: audit.Failure, Message: fmt.Sprintf("sink %s takes nothing: %v", s.name, err)})
}

// well notes that nothing has failed since the last delivery.
func (s *sender) well() {
	if !s.health.good(s.now()) {
		return
	}
	s.logger.Info("a sink of the record takes events again")
	s.tell(audit.Event{Type: audit.SinkRecovered, Subject: s.name, Outcome: audit.Success, Message: fmt.Sprintf("sink %s takes events again", s.name)})
}

// lose tells that events are lost. Those that there was no room for were counted when they came.
func (s *sender) lose(l loss, why reason) {
	if why != full {
		s.count(why, l.count)
	}
	s.logger.Error("events of the record are lost for a sink", "reason", string(why), "count", l.count, "first", l.first, "last", l.last)
	s.tell(audit.Event{
		Type: audit.EventsLost, Subject: s.name, Outcome: audit.Failure,
		Message: fmt.Sprintf("sink %s will never get %d events (%s)", s.name, l.count, why),
		Details: audit.Lost{Sink: s.name, Events: uint64(l.count), From: l.first, To: l.last},
	})
}

// count counts events that are lost.
func (s *sender) count(why reason, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.losses[why] += n
}
