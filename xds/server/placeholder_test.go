package server_test

import (
	"fmt"
	"slices"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// edited returns a snapshot of a cluster and its endpoints, and the name that these have.
func edited(t *testing.T, cluster, endpoint int) (*snapshot.Snapshot, string) {
	t.Helper()
	s, err := snapshot.New(envoy.Resources{
		Clusters: []*clusterv3.Cluster{{
			Name: "cluster", AltStatName: fmt.Sprint(cluster), ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
			EdsClusterConfig: &clusterv3.Cluster_EdsClusterConfig{},
		}},
		Endpoints: []*endpointv3.ClusterLoadAssignment{{ClusterName: "cluster", Endpoints: []*endpointv3.LocalityLbEndpoints{{Priority: uint32(endpoint)}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range s.GetResources(eds) {
		return s, name
	}
	return s, ""
}

// Endpoints whose cluster was edited before they were asked for are answered, once, with those
// of the cluster as it is now: a gateway takes no later clusters before it has an answer.
func TestEndpointsThatAnEditHasOvertaken(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		now, name := edited(t, 2, 0)
		r := start(t, map[string]*snapshot.Snapshot{g.Key: now})
		then, before := edited(t, 1, 0)
		c := r.dial(p, n)
		c.ask(eds, before, "gone#1")
		c.accept(expect(t, c, before, "gone#1"))
		r.await(ack.ResponseAccepted, eds)
		// It is not said again, neither when more is asked for nor when something changes.
		c.ask(eds, name)
		c.accept(expect(t, c, name))
		r.await(ack.ResponseAccepted, eds)
		now, _ = edited(t, 2, 1)
		r.set(g.Key, now)
		c.accept(expect(t, c, name))
		r.await(ack.ResponseAccepted, eds)
		// With the cluster as it was then, the endpoints are delivered as ever.
		r.set(g.Key, then)
		if p == ack.Delta {
			c.accept(expect(t, c, before))
			return
		}
		// Those of the cluster that is to go stay with it for a while.
		all := []string{before, name}
		slices.Sort(all)
		c.accept(expect(t, c, all...))
	})
}

// A secret that was taken away before it was asked for is answered too: with its removal, or in
// state-of-the-world with one that is refused, which is nobody's fault. Others are not held up.
func TestSecretsThatAnEditHasOvertaken(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: secrets(t, 1, 1)})
		c := r.dial(p, n)
		c.ask(sds, "a", "y", "z")
		if p == ack.Delta {
			resp := c.next()
			slices.Sort(resp.removed)
			if len(resp.names) > 0 || !slices.Equal(resp.removed, []string{"y", "z"}) {
				t.Fatalf("sent %v, removed %v", resp.names, resp.removed)
			}
			c.accept(resp)
		} else {
			c.refuse(expect(t, c, "y"), "it is useless")
			c.refuse(expect(t, c, "z"), "it is useless")
		}
		c.accept(expect(t, c, "a"))
		for event := r.await(ack.ResponseAccepted, sds); len(event.Resources) == 0; {
			event = r.await(ack.ResponseAccepted, sds)
		}
		if got := r.typeOf(sds); got.State != ack.Accepted || got.Refusal != nil || len(got.Resources) != 1 {
			t.Errorf("recorded: %+v", got)
		}
		r.set(g.Key, secrets(t, 2, 1))
		c.accept(expect(t, c, "a"))
	})
}

// An answer to a name that is asked for anew after it was given up is given anew.
func TestWhatIsAskedForAnewIsAnsweredAnew(t *testing.T) {
	n, g := envoyNode(t, "edge")
	r := start(t, map[string]*snapshot.Snapshot{g.Key: secrets(t, 1)})
	c, ok := r.dial(ack.Delta, n).(*deltaClient)
	if !ok {
		t.Fatal("no delta client")
	}
	for range 3 {
		c.ask(eds, "gone#1")
		c.accept(expect(t, c, "gone#1"))
		c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: eds, ResourceNamesUnsubscribe: []string{"gone#1"}})
	}
}

// TestEndpointsInUseAreNotSaidToBeGone holds that a gateway which comes back with endpoints that nobody knows any more is not told at
// once that they are gone: told so, it would ask for them on its next stream as for such that it never had, and get none in their place.
func TestEndpointsInUseAreNotSaidToBeGone(t *testing.T) {
	n, g := envoyNode(t, "edge")
	now, name := edited(t, 2, 0)
	r := start(t, map[string]*snapshot.Snapshot{g.Key: now})
	_, before := edited(t, 1, 0)
	c, isDelta := r.dial(ack.Delta, n).(*deltaClient)
	if !isDelta {
		t.Fatal("the client does not speak delta")
	}
	c.initial = map[string]map[string]string{eds: {before: "1"}}
	c.ask(eds, before, name)
	if got := c.next(); !slices.Equal(got.names, []string{name}) || len(got.removed) > 0 {
		t.Errorf("it is sent %v and told that %v are gone, want %s and nothing", got.names, got.removed, name)
	}
}
