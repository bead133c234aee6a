package server_test

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/server"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// TestMoreStreamsThanMayBe holds that a gateway beyond --xds-max-streams is told so and served nothing, that those
// who are there are left alone, and that it is served when one of them has gone.
func TestMoreStreamsThanMayBe(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := startWith(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)}, func(o *server.Options) { o.MaxStreams = 2 })
		first, second := r.dial(p, n), r.dial(p, n)
		for _, c := range []client{first, second} {
			c.ask(ecds, "deny")
			c.accept(c.next())
		}
		third := r.dial(p, n)
		third.ask(ecds, "deny")
		if err := third.failure(); status.Code(err) != codes.ResourceExhausted {
			t.Errorf("the third is told %v", err)
		}
		r.set(g.Key, config{extension: 1}.snapshot(t))
		first.accept(first.next())
		second.accept(second.next())
		second.end()
		again := r.dial(p, n)
		again.ask(ecds, "deny")
		again.accept(again.next())
	})
}
