package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/portreeve/portreeve/xds/identity"
	"github.com/portreeve/portreeve/xds/node"
)

const (
	// DefaultMaxConnectionAge is how long a stream lives.
	DefaultMaxConnectionAge = time.Hour
	// farewell is how long a stream may take to end in good order when its time is over, and glance how
	// often it is looked whether it can.
	farewell = 5 * time.Second
	glance   = 50 * time.Millisecond
)

// Judge says what gateways may be. An *identity.Judge is one.
type Judge interface {
	// Allow returns the gateway as it is served, or an *identity.Refusal. It waits for nothing.
	Allow(identity.Proof, node.Identity) (node.Identity, error)
	// Watch has changed called after every change of what Allow answers, and before whoever made
	// it goes on.
	Watch(changed func()) (stop func())
}

// credulous lets every gateway be what it claims.
type credulous struct{}

// Allow implements Judge.
func (credulous) Allow(_ identity.Proof, claimed node.Identity) (node.Identity, error) {
	return claimed, nil
}

// Watch implements Judge.
func (credulous) Watch(func()) func() { return func() {} }

// rights are what the gateway of one stream may be, and whether the stream may go on. It is safe for
// concurrent use: mappings, authorities and time change while the stream is served.
type rights struct {
	judge Judge
	proof identity.Proof
	age   time.Duration
	// now is the clock by which what was proved ends.
	now func() time.Time
	// tell is called, outside the lock, with why the stream must end now; end ends it.
	tell func(kind, id, reason string)
	end  context.CancelFunc

	mu      sync.Mutex
	claimed node.Identity
	// given is what the gateway is served as; nil before it was judged.
	given *node.Identity
	// over is why the stream has ended: from then on nothing is sent.
	over  error
	stop  func()
	timer *time.Timer
}

// claim judges a gateway for the first time, and returns what it is served as or what it is told. The watch is
// there before: a change meanwhile finds either that nothing is given yet, and then counts in this judgement,
// or what was given.
func (r *rights) claim(claimed node.Identity) (node.Identity, error) {
	stop := r.judge.Watch(r.again)
	r.mu.Lock()
	r.stop, r.claimed = stop, claimed
	given, err := r.judge.Allow(r.proof, claimed)
	if err == nil {
		r.given = &given
	}
	r.mu.Unlock()
	if err != nil {
		kind, status := denied(err)
		r.deny(kind, status)
		return node.Identity{}, status
	}
	return given, nil
}

// again judges the gateway anew, and ends the stream where it may not go on. It waits for nothing: it is
// called while others hold their locks.
func (r *rights) again() {
	r.mu.Lock()
	if r.given == nil || r.over != nil {
		r.mu.Unlock()
		return
	}
	now, err := r.judge.Allow(r.proof, r.claimed)
	kind, why := "", error(nil)
	switch {
	case err != nil:
		kind, why = denied(err)
	case now.Group.Key != r.given.Group.Key:
		why = grpcstatus.Error(codes.Unavailable, "connect again: what the identity of the gateway is given is another group now")
	}
	if why != nil {
		r.finish(why)
	}
	r.mu.Unlock()
	if why != nil {
		r.tell(kind, r.claimed.ID, grpcstatus.Convert(why).Message())
	}
}

// deny ends the stream for a reason that is not the judge's.
func (r *rights) deny(kind string, why error) {
	r.mu.Lock()
	first := r.over == nil
	if first {
		r.finish(why)
	}
	r.mu.Unlock()
	if first {
		r.tell(kind, r.claimed.ID, grpcstatus.Convert(why).Message())
	}
}

// finish ends the stream; the lock is held.
func (r *rights) finish(why error) {
	r.over = why
	r.end()
}

// ended returns why the stream has ended, or nil. It is asked before anything is sent: what was made ready
// before a change of rights must not leave after it.
func (r *rights) ended() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over
}

// lives bounds how long the stream lives: until its age, or until what was proved ends. Then it ends
// as soon as the gateway has answered all that it was sent, so that nothing is sent to it
// twice, and in bounded time.
func (r *rights) lives(settled func() bool) {
	age := ageWithin(r.age)
	last := age + farewell
	if until := r.proof.Until(); !until.IsZero() {
		left := until.Sub(r.now())
		age, last = min(age, left), min(last, left)
	}
	end := time.Now().Add(last)
	r.after(age, func() { r.part(settled, end) })
}

// ageWithin returns how long one stream lives: no longer than was asked for, and not as long as all others of a fleet.
func ageWithin(most time.Duration) time.Duration {
	const fifth = 5
	return most - rand.N(most/fifth+1)
}

// part ends the stream when it is settled, at the latest at the end.
func (r *rights) part(settled func() bool, end time.Time) {
	r.again()
	if !settled() && time.Now().Before(end) {
		r.after(glance, func() { r.part(settled, end) })
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over == nil {
		r.finish(grpcstatus.Error(codes.Unavailable, fmt.Sprintf("connect again: a stream lives for about %s, and no longer than its certificate, see --xds-max-connection-age", r.age)))
	}
}

// after sets the timer, unless the stream has ended.
func (r *rights) after(d time.Duration, f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over == nil {
		r.timer = time.AfterFunc(d, f)
	}
}

// close ends the watching and the timer. The stream has ended.
func (r *rights) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over == nil {
		r.over = context.Canceled
	}
	if r.timer != nil {
		r.timer.Stop()
	}
	if r.stop != nil {
		r.stop()
	}
}

// denied returns the kind of a refusal and what the gateway is told.
func denied(err error) (kind string, status error) {
	kind, code := "identity", codes.PermissionDenied
	if refusal := (*identity.Refusal)(nil); errors.As(err, &refusal) {
		kind = refusal.Kind
	}
	if kind == "mapping" {
		code = codes.Unavailable // in a moment it may be known
	}
	return kind, grpcstatus.Error(code, err.Error())
}
