package server_test

import (
	"runtime"
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// Two responses may be on the way when both are refused: the secrets of the one that is answered
// last do not take the place of those that are still to be sent alone.
func TestTwoRefusedResponses(t *testing.T) {
	n, g := envoyNode(t, "edge")
	r := start(t, map[string]*snapshot.Snapshot{g.Key: secrets(t, 1, 1, 1, 1)})
	c := r.dial(ack.Delta, n)
	c.ask(sds, "a", "b")
	first := expect(t, c, "a", "b")
	c.ask(sds, "c", "d")
	second := expect(t, c, "c", "d")
	c.refuse(first, "something is wrong")
	one := expect(t, c, "a")
	c.refuse(second, "something is wrong")
	c.accept(one)
	seen := map[string]bool{}
	for !seen["b"] || !seen["c"] || !seen["d"] {
		resp := c.next()
		for _, name := range resp.names {
			seen[name] = true
		}
		c.accept(resp)
	}
}

// A gateway that has asked for some of what there is, because it refused what asks for the rest
// or is not that far, is sent an edit of what it has asked for.
func TestAnEditReachesWhoHasAskedForSome(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: secrets(t, 1, 1)})
		c := r.dial(p, n)
		c.ask(sds, "a")
		c.accept(expect(t, c, "a"))
		r.await(ack.ResponseAccepted, sds)
		r.set(g.Key, secrets(t, 2, 1))
		c.accept(expect(t, c, "a"))
		r.await(ack.ResponseAccepted, sds)
		r.set(g.Key, secrets(t, 2, 1, 1))
		if p == ack.SotW {
			c.accept(expect(t, c, "a"))
			r.await(ack.ResponseAccepted, sds)
		}
		r.set(g.Key, secrets(t, 3, 1, 1))
		c.accept(expect(t, c, "a"))
	})
}

// Edits that come again and again while secrets are sent alone let each of these have its turn.
func TestEditsStarveNoSecretThatIsSentAlone(t *testing.T) {
	n, g := envoyNode(t, "edge")
	r := start(t, map[string]*snapshot.Snapshot{g.Key: secrets(t, 1, 0, 1)})
	c := r.dial(ack.SotW, n)
	c.ask(sds, "a", "b", "c")
	c.refuse(expect(t, c, "a", "b", "c"), "something is wrong")
	seen := map[string]bool{}
	for i := range 6 {
		resp := c.next()
		if len(resp.names) != 1 {
			t.Fatalf("%v instead of one alone", resp.names)
		}
		seen[resp.names[0]] = true
		r.set(g.Key, secrets(t, 2+i, 0, 1))
		c.accept(resp)
		c.refuse(expect(t, c, "a", "b", "c"), "something is wrong")
	}
	if !seen["a"] || !seen["b"] || !seen["c"] {
		t.Errorf("only these were sent alone: %v", seen)
	}
}

// What a gateway gave up of its own accord is not recorded for ever, nor is it when the answer
// to a response with it comes afterwards.
func TestWhatIsGivenUpIsForgotten(t *testing.T) {
	n, g := envoyNode(t, "edge")
	r := start(t, map[string]*snapshot.Snapshot{g.Key: secrets(t, 1, 1, 1)})
	c, ok := r.dial(ack.Delta, n).(*deltaClient)
	if !ok {
		t.Fatal("no delta client")
	}
	c.ask(sds, "a", "b", "c")
	first := expect(t, c, "a", "b", "c")
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: sds, ResourceNamesUnsubscribe: []string{"a"}})
	c.accept(first)
	r.await(ack.ResponseAccepted, sds)
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: sds, ResourceNamesUnsubscribe: []string{"b"}})
	for len(r.typeOf(sds).Resources) > 1 && r.ctx.Err() == nil { // a change that overtakes the request would still bring it
		runtime.Gosched()
	}
	r.set(g.Key, secrets(t, 2, 2, 2))
	last := c.next()
	c.accept(last)
	for r.await(ack.ResponseAccepted, sds).Version != last.version {
	}
	if got := r.typeOf(sds); len(got.Resources) != 1 || got.Resources[0].Name != "c" {
		t.Errorf("recorded: %+v", got.Resources)
	}
}
