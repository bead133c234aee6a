package server_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/server"
	"github.com/portreeve/portreeve/xds/snapshot"
)

func TestNodeIsRefused(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		for name, tc := range map[string]struct {
			node *corev3.Node
			want string
		}{
			"malformed": {&corev3.Node{Id: "edge"}, `node id "edge"`},
			"missing":   {nil, "router~IP~NAME.NAMESPACE~DOMAIN"},
		} {
			t.Run(name, func(t *testing.T) {
				r := start(t, nil)
				c := r.dial(p, tc.node)
				c.ask(lds)
				err := c.failure()
				if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("the stream ended with %v, want InvalidArgument that says %q", err, tc.want)
				}
				if log := r.log.String(); !strings.Contains(log, "gateway refused") || !strings.Contains(log, "NAME.NAMESPACE") {
					t.Errorf("log: %s", log)
				}
				if g := r.acks.Gateways(); len(g) != 0 {
					t.Errorf("recorded: %+v", g)
				}
			})
		}
	})
}

// A stream must not become another gateway after it was let in as one.
func TestNodeMustNotChange(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		other, _ := envoyNode(t, "other")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)})
		c := r.dial(p, n)
		c.ask(lds)
		c.next()
		c.present(other)
		c.ask(cds)
		if err := c.failure(); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "node changed") {
			t.Errorf("the stream ended with %v", err)
		}

		// Saying the same again is fine: Envoy can be told to send its node each time.
		c = r.dial(p, n)
		c.ask(lds)
		c.next()
		same, _ := envoyNode(t, "edge")
		c.present(same)
		c.ask(cds)
		if resp := c.next(); resp.short != "CDS" {
			t.Errorf("got %s", resp.short)
		}
	})
}

func TestJoinAndLeave(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)})
		first, second := r.dial(p, n), r.dial(p, n)
		first.ask(lds)
		first.next()
		second.ask(lds)
		second.accept(second.next())
		if c := r.call(); c != "join edge" {
			t.Fatalf("call = %q", c)
		}
		first.end()
		r.await(ack.Disconnected, "")
		// The one that stays goes on being served.
		edited := config{listener: 1}.snapshot(t)
		r.set(g.Key, edited)
		if resp := second.next(); resp.version != edited.GetVersion(lds) {
			t.Errorf("got %s %s, want the edit", resp.short, resp.version)
		}
		second.end()
		if c := r.call(); c != "leave edge" {
			t.Fatalf("call = %q, want the group to be left once, after its last stream", c)
		}

		// What is set for a group that is gone is not kept.
		r.fleet.mu.Lock()
		r.fleet.serve = nil
		r.fleet.mu.Unlock()
		r.set(g.Key, config{listener: 2}.snapshot(t))
		third := r.dial(p, n)
		third.ask(lds)
		if c := r.call(); c != "join edge" {
			t.Fatalf("call = %q", c)
		}
		last := config{listener: 3}.snapshot(t)
		r.set(g.Key, last)
		if resp := third.next(); resp.version != last.GetVersion(lds) {
			t.Errorf("served version %s, want what was set after joining: %s", resp.version, last.GetVersion(lds))
		}
	})
}

func TestGroupsAreIsolated(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		one, g1 := envoyNode(t, "one")
		two, g2 := envoyNode(t, "two")
		s1, s2 := config{listener: 1}.snapshot(t), config{listener: 2}.snapshot(t)
		r := start(t, map[string]*snapshot.Snapshot{g1.Key: s1, g2.Key: s2})
		c1, c2 := r.dial(p, one), r.dial(p, two)
		if v := settle(c1)[2].version; v != s1.GetVersion(lds) {
			t.Errorf("one has listeners %s, want %s", v, s1.GetVersion(lds))
		}
		if v := settle(c2)[2].version; v != s2.GetVersion(lds) {
			t.Errorf("two has listeners %s, want %s", v, s2.GetVersion(lds))
		}
		e1, e2 := config{listener: 1, extension: 1}.snapshot(t), config{listener: 2, extension: 2}.snapshot(t)
		r.set(g1.Key, e1)
		if resp := c1.next(); resp.version != e1.GetVersion(ecds) {
			t.Errorf("one got %s %s", resp.short, resp.version)
		}
		r.set(g2.Key, e2)
		if resp := c2.next(); resp.version != e2.GetVersion(ecds) {
			t.Errorf("two got %s %s, want only its own edit", resp.short, resp.version)
		}
		c1.end()
		r.set(g2.Key, config{listener: 3, extension: 2}.snapshot(t))
	})
}

// A gateway without a snapshot waits; it gets what is set later, whichever type comes first.
func TestGroupWithoutSnapshotWaits(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, nil)
		c := r.dial(p, n)
		c.ask(cds)
		r.call()
		c.ask(lds)
		s := config{}.snapshot(t)
		r.set(g.Key, s)
		got := map[string]string{}
		for range 2 {
			resp := c.next()
			got[resp.url] = resp.version
		}
		if got[cds] != s.GetVersion(cds) || got[lds] != s.GetVersion(lds) {
			t.Errorf("got %v", got)
		}
	})
}

// A client that asks for types nobody serves gets no answer to them and holds nobody up. With the
// cache alone, the eleventh would hold its lock for ever.
func TestForeignTypes(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)})
		c := r.dial(p, n)
		for i := range 26 {
			url := fmt.Sprint("type.googleapis.com/some.Type", i)
			if s, ok := c.(*sotwClient); ok {
				s.version[url] = "1"
			}
			c.ask(url)
		}
		settle(c)
		if types := r.acks.Gateways()[0].Types; len(types) != 6 {
			t.Errorf("%d types are recorded, want the 6 that are delivered", len(types))
		}
	})
}

// Streams of few groups come and go while snapshots are set: nothing is lost, nothing stays.
func TestConcurrentJoinsAndLeaves(t *testing.T) {
	first, g1 := envoyNode(t, "one")
	second, g2 := envoyNode(t, "two")
	snaps := []*snapshot.Snapshot{config{extension: 1}.snapshot(t), config{extension: 2}.snapshot(t)}
	r := start(t, map[string]*snapshot.Snapshot{g1.Key: snaps[0], g2.Key: snaps[1]})
	done := make(chan struct{})
	var setters, clients sync.WaitGroup
	setters.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				for _, g := range []string{g1.Key, g2.Key} {
					if err := r.server.Set(r.ctx, g, snaps[i%2]); err != nil {
						t.Error(err)
					}
				}
				r.acks.Gateways()
			}
		}
	})
	for i := range 6 {
		n, p := first, ack.SotW
		if i%2 == 1 {
			n = second
		}
		if i%3 == 1 {
			p = ack.Delta
		}
		clients.Go(func() {
			for range 15 {
				c := r.dial(p, n)
				c.ask(ecds, "deny")
				for range 3 {
					c.accept(c.next())
				}
				c.end()
			}
		})
	}
	clients.Wait()
	close(done)
	setters.Wait()
}

func TestSetRefuses(t *testing.T) {
	s := server.New(server.Options{})
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Set(ended, "g", config{}.snapshot(t)); err == nil {
		t.Error("a context that has ended is no error")
	}
	if err := s.Set(context.Background(), "g", nil); err == nil {
		t.Error("no snapshot is no error")
	}
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *buffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
