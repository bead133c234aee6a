package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// TestARefusedResourceIsSentAgain holds that what is refused is sent again under its version with a
// new nonce, after waits that double to a minute, until it is taken, in both protocols; and that what
// the gateway says again fills no log.
func TestARefusedResourceIsSentAgain(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: listeners(t, map[string]string{"a": "1", "busy": "1"})})
		c := r.dial(p, n)
		c.ask(lds)
		first := c.next()
		c.refuse(first, "busy: cannot bind")
		nonce := first.nonce
		var waits []time.Duration
		for range 8 {
			wait := r.waits(t)
			waits = append(waits, wait)
			r.clock.advance(wait)
			resp := c.next()
			if resp.version != first.version || resp.nonce == nonce || !cmp.Equal(resp.names, first.names) {
				t.Fatalf("sent again: %+v, want what was refused with a new nonce", resp)
			}
			nonce = resp.nonce
			c.refuse(resp, "busy: cannot bind")
		}
		const s = time.Second
		if d := cmp.Diff([]time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s}, waits); d != "" {
			t.Errorf("waits (-want +got):\n%s", d)
		}
		r.clock.advance(r.waits(t))
		c.accept(c.next())
		for r.await(ack.ResponseAccepted, lds).Version != first.version {
		}
		if got := r.typeOf(lds); got.State != ack.Accepted || got.Accepted != first.version {
			t.Errorf("recorded: %+v", got)
		}
		if n := r.clock.running(); n != 0 {
			t.Errorf("%d timers run although nothing is refused", n)
		}
		if n := strings.Count(r.log.String(), "gateway refused configuration"); n != 1 {
			t.Errorf("the log has %d lines of one refusal", n)
		}
	})
}

// TestOtherContentIsWaitedForAnew holds that the back-off is that of a content, and that there is one
// timer however much is refused.
func TestOtherContentIsWaitedForAnew(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)})
		c := r.dial(p, n)
		c.ask(lds)
		c.refuse(c.next(), "no")
		r.clock.advance(r.waits(t))
		c.refuse(c.next(), "no")
		if got := r.waits(t); got != 2*time.Second {
			t.Errorf("the same is sent again after %s, want 2s", got)
		}
		r.set(g.Key, config{listener: 1}.snapshot(t))
		c.refuse(c.next(), "no")
		if got := r.waits(t); got != time.Second {
			t.Errorf("what was edited is sent again after %s, want 1s", got)
		}
		c.ask(rds, "route")
		c.refuse(c.next(), "no")
		r.waits(t)
		if n := r.clock.running(); n != 1 {
			t.Errorf("%d timers run, want one", n)
		}
		c.end()
		r.await(ack.Disconnected, "")
		if n := r.clock.running(); n != 0 {
			t.Errorf("%d timers outlive the stream", n)
		}
	})
}

// TestNothingIsSentAgainWhileAnAnswerIsDue holds that a type that waits for its answer is left alone:
// the rollout takes a type for answered when its next watch is there.
func TestNothingIsSentAgainWhileAnAnswerIsDue(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)})
		c := r.dial(p, n)
		settle(c)
		r.set(g.Key, config{listener: 1}.snapshot(t))
		c.refuse(c.next(), "no")
		wait := r.waits(t)
		r.set(g.Key, config{listener: 2}.snapshot(t))
		due := c.next()
		r.clock.advance(wait)
		r.barrier(c)
		c.accept(due)
		r.barrier(c)
		for r.await(ack.ResponseAccepted, lds).Version != due.version {
		}
	})
}
