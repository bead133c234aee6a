package server_test

import (
	"sync"
	"testing"
	"time"
)

// handClock is a clock that a test moves on.
type handClock struct {
	mu     sync.Mutex
	now    time.Time
	timers map[*handTimer]struct{}
	// set are how long the timers that were set shall wait, in the order of setting.
	set chan time.Duration
}

type handTimer struct {
	at time.Time
	f  func()
}

func newHandClock() *handClock {
	return &handClock{now: time.Unix(0, 0), timers: map[*handTimer]struct{}{}, set: make(chan time.Duration, 1<<10)}
}

// Now implements server.Clock.
func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// AfterFunc implements server.Clock.
func (c *handClock) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	timer := &handTimer{at: c.now.Add(d), f: f}
	c.timers[timer] = struct{}{}
	c.set <- d
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, running := c.timers[timer]
		delete(c.timers, timer)
		return running
	}
}

// advance moves the clock on and calls what is due.
func (c *handClock) advance(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	var due []func()
	for timer := range c.timers {
		if !timer.at.After(c.now) {
			delete(c.timers, timer)
			due = append(due, timer.f)
		}
	}
	c.mu.Unlock()
	for _, f := range due {
		f()
	}
}

// running returns how many timers there are.
func (c *handClock) running() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.timers)
}

// waits returns how long the next timer that is set shall wait.
func (r *rig) waits(t *testing.T) time.Duration {
	t.Helper()
	select {
	case d := <-r.clock.set:
		return d
	case <-r.ctx.Done():
		t.Fatal("no timer was set")
		return 0
	}
}
