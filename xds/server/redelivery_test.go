package server_test

import (
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// listeners returns a snapshot of listeners, each with a content.
func listeners(t *testing.T, contents map[string]string) *snapshot.Snapshot {
	t.Helper()
	var r envoy.Resources
	for name, content := range contents {
		r.Listeners = append(r.Listeners, &listenerv3.Listener{Name: name, StatPrefix: content})
	}
	s, err := snapshot.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A gateway refuses a response as a whole. When the bad resource is repaired, a good one that was
// in the same response must arrive, or a policy edit could be lost; so must a removal.
func TestNeighboursOfARefusedResource(t *testing.T) {
	n, g := envoyNode(t, "edge")
	r := start(t, map[string]*snapshot.Snapshot{g.Key: listeners(t, map[string]string{"a": "1", "b": "1", "c": "1", "d": "1"})})
	c := r.dial(ack.Delta, n)
	c.ask(lds)
	c.accept(c.next())

	r.set(g.Key, listeners(t, map[string]string{"a": "2", "b": "bad", "d": "1"}))
	resp := c.next()
	if d := cmp.Diff([]string{"a", "b"}, resp.names); d != "" || len(resp.removed) != 1 {
		t.Fatalf("names (-want +got):\n%s", d)
	}
	c.refuse(resp, "something is wrong")
	r.await(ack.ResponseRefused, lds)

	// Nothing is sent again before something else was accepted.
	r.set(g.Key, listeners(t, map[string]string{"a": "2", "b": "good", "d": "1"}))
	resp = c.next()
	if d := cmp.Diff([]string{"b"}, resp.names); d != "" {
		t.Fatalf("after the repair (-want +got):\n%s", d)
	}
	c.accept(resp)
	resp = c.next()
	if d := cmp.Diff([]string{"a"}, resp.names); d != "" {
		t.Errorf("neighbours (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"c"}, resp.removed); d != "" {
		t.Errorf("removed neighbours (-want +got):\n%s", d)
	}
	c.accept(resp)

	// That was all: the next response is the next change.
	r.set(g.Key, listeners(t, map[string]string{"a": "2", "b": "good", "d": "2"}))
	resp = c.next()
	if d := cmp.Diff([]string{"d"}, resp.names); d != "" {
		t.Errorf("afterwards (-want +got):\n%s", d)
	}
	c.accept(resp)
	for r.await(ack.ResponseAccepted, lds).Version != resp.version {
	}
	if got := r.typeOf(lds); got.State != ack.Accepted || len(got.Resources) != 3 {
		t.Errorf("recorded: %+v", got)
	}
}

// A resource that stays bad is refused once more per accepted change, not in a loop.
func TestAResourceThatStaysBad(t *testing.T) {
	n, g := envoyNode(t, "edge")
	r := start(t, map[string]*snapshot.Snapshot{g.Key: listeners(t, map[string]string{"a": "1", "b": "1"})})
	c := r.dial(ack.Delta, n)
	c.ask(lds)
	c.accept(c.next())
	r.set(g.Key, listeners(t, map[string]string{"a": "1", "b": "bad"}))
	c.refuse(c.next(), "b")
	r.await(ack.ResponseRefused, lds)
	for _, content := range []string{"2", "3"} {
		r.set(g.Key, listeners(t, map[string]string{"a": content, "b": "bad"}))
		resp := c.next()
		if d := cmp.Diff([]string{"a"}, resp.names); d != "" {
			t.Fatalf("change (-want +got):\n%s", d)
		}
		c.accept(resp)
		resp = c.next()
		if d := cmp.Diff([]string{"b"}, resp.names); d != "" {
			t.Fatalf("what is in doubt (-want +got):\n%s", d)
		}
		c.refuse(resp, "b")
		r.await(ack.ResponseRefused, lds)
	}
	if got := r.typeOf(lds); got.State != ack.Refused {
		t.Errorf("recorded: %+v", got)
	}
}

// The same holds for types that are asked for by name.
func TestNeighboursAskedForByName(t *testing.T) {
	n, g := envoyNode(t, "edge")
	routes := func(one, two string) *snapshot.Snapshot {
		s, err := snapshot.New(envoy.Resources{
			Listeners: routed("one", "two"),
			Routes: []*routev3.RouteConfiguration{
				{Name: "one", InternalOnlyHeaders: []string{one}}, {Name: "two", InternalOnlyHeaders: []string{two}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	r := start(t, map[string]*snapshot.Snapshot{g.Key: routes("1", "1")})
	c := r.dial(ack.Delta, n)
	c.ask(rds, "one", "two")
	c.accept(c.next())
	r.set(g.Key, routes("2", "bad"))
	c.refuse(c.next(), "?")
	r.await(ack.ResponseRefused, rds)
	r.set(g.Key, routes("2", "1")) // back to what the gateway accepted
	c.accept(c.next())
	resp := c.next()
	if d := cmp.Diff([]string{"one"}, resp.names); d != "" {
		t.Errorf("neighbours (-want +got):\n%s", d)
	}
}
