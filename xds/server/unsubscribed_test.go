package server_test

import (
	"testing"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// TestARefusalOfWhatIsAskedForNoLongerDoesNotStand holds that a gateway that gives up a policy which it
// has refused refuses it no more, and that its yes counts when it asks for it anew: it has to read it then.
func TestARefusalOfWhatIsAskedForNoLongerDoesNotStand(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)})
		c := r.dial(p, n)
		c.ask(ecds, "deny")
		c.refuse(c.next(), "deny: no such cluster")
		r.await(ack.ResponseRefused, ecds)
		c.again(ecds, "deny")
		resp := c.next()
		if got := r.typeOf(ecds); got.State != ack.Pending {
			t.Errorf("asked for anew, and not answered yet, it is %s", got.State)
		}
		c.accept(resp)
		r.await(ack.ResponseAccepted, ecds)
		if got := r.typeOf(ecds); got.State != ack.Accepted || got.Accepted != resp.version {
			t.Errorf("asked for anew and accepted it is %+v", got)
		}
	})
}
