package server_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// subscriptions are what a gateway asks for, in the order in which Envoy asks.
func subscriptions() []struct{ url, name string } {
	return []struct{ url, name string }{{cds, ""}, {eds, "cluster"}, {lds, ""}, {rds, "route"}, {sds, "cert"}, {ecds, "deny"}}
}

// settle asks for every type and accepts what comes. Once the last response is there, the
// answers before it have been handled.
func settle(c client) []response {
	var out []response
	for _, s := range subscriptions() {
		if s.name == "" {
			c.ask(s.url)
		} else {
			c.ask(s.url, s.name)
		}
		r := c.next()
		c.accept(r)
		out = append(out, r)
	}
	return out
}

func TestFirstSnapshot(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		snap := config{}.snapshot(t)
		r := start(t, map[string]*snapshot.Snapshot{g.Key: snap})
		c := r.dial(p, n)
		want := map[string][]string{"CDS": {"cluster"}, "EDS": {"cluster"}, "LDS": {"listener"}, "RDS": {"route"}, "SDS": {"cert"}, "ECDS": {"deny"}}
		got := map[string][]string{}
		for _, resp := range settle(c) {
			got[resp.short] = resp.names
			if v := snap.GetVersion(resp.url); resp.version != v {
				t.Errorf("%s: version = %q, want %q", resp.short, resp.version, v)
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("resources (-want +got):\n%s", d)
		}
		for _, s := range subscriptions() {
			r.await(ack.ResponseAccepted, s.url)
		}
		gateways := r.acks.Gateways()
		if len(gateways) != 1 || gateways[0].Node != "router~127.0.0.1~edge.edge~local" || gateways[0].Group != g.Key || gateways[0].Protocol != p || gateways[0].Address == "" {
			t.Fatalf("gateways = %+v", gateways)
		}
		for _, typ := range gateways[0].Types {
			if typ.State != ack.Accepted || typ.Accepted != snap.GetVersion(typ.URL) || len(typ.Resources) != 1 || typ.Resources[0].Accepted != typ.Resources[0].Sent {
				t.Errorf("recorded of %s: %+v", typ.Name, typ)
			}
		}
	})
}

// An edit sends what it changed and nothing else; equal content sends nothing. The proof that
// nothing was sent is that the next response is the one of the next change.
func TestUpdateSendsOnlyWhatChanged(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)})
		c := r.dial(p, n)
		settle(c)
		r.set(g.Key, config{}.snapshot(t))
		for i, change := range []struct {
			want string
			to   config
		}{
			{"ECDS", config{extension: 1}},
			{"ECDS", config{extension: 2}},
			{"RDS", config{extension: 2, route: 1}},
			{"LDS", config{extension: 2, route: 1, listener: 1}},
		} {
			snap := change.to.snapshot(t)
			r.set(g.Key, snap)
			resp := c.next()
			if resp.short != change.want || resp.version != snap.GetVersion(resp.url) {
				t.Fatalf("change %d: got %s %s, want %s", i, resp.short, resp.version, change.want)
			}
			c.accept(resp)
			r.set(g.Key, change.to.snapshot(t))
		}
	})
}

// What is referred to arrives before what refers to it, in both protocols.
func TestOrderOfAnUpdate(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)})
		c := r.dial(p, n)
		settle(c)
		r.barrier(c)
		for i := 1; i < 20; i++ {
			r.set(g.Key, config{i, i, i, i, i, i}.snapshot(t))
			var got []string
			var responses []response
			for range subscriptions() {
				resp := c.next()
				got = append(got, resp.short)
				responses = append(responses, resp)
			}
			if d := cmp.Diff([]string{"CDS", "EDS", "SDS", "ECDS", "LDS", "RDS"}, got); d != "" {
				t.Fatalf("update %d, order (-want +got):\n%s", i, d)
			}
			for _, resp := range responses {
				c.accept(resp)
			}
			r.barrier(c)
		}
	})
}

// barrier waits until the server has handled all that c sent: it asks for the routes once more,
// to which the response must be the next thing that comes. The routes are last in the order, so
// that its answer, which is still on its way afterwards, cannot change the order of an update.
func (r *rig) barrier(c client) {
	r.t.Helper()
	c.again(rds, "route")
	resp := c.next()
	if resp.short != "RDS" {
		r.t.Fatalf("got %s %s, want the routes that were asked for again", resp.short, resp.version)
	}
	c.accept(resp)
}

// A refusal is recorded, is not answered with the same again, and ends with the next change.
func TestRefusal(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		good := config{}.snapshot(t)
		r := start(t, map[string]*snapshot.Snapshot{g.Key: good})
		c := r.dial(p, n)
		settle(c)
		bad := config{listener: 1}.snapshot(t)
		r.set(g.Key, bad)
		resp := c.next()
		c.refuse(resp, "Error adding/updating listener(s) listener: no such filter\n")
		e := r.await(ack.ResponseRefused, lds)
		if e.Version != bad.GetVersion(lds) || e.Peer.Node != "router~127.0.0.1~edge.edge~local" {
			t.Errorf("event = %+v", e)
		}
		want := &ack.Refusal{Version: bad.GetVersion(lds), At: e.Refusal.At, Message: "Error adding/updating listener(s) listener: no such filter", Resources: []string{"listener"}}
		if d := cmp.Diff(want, e.Refusal); d != "" {
			t.Errorf("refusal (-want +got):\n%s", d)
		}
		listeners := r.typeOf(lds)
		if listeners.State != ack.Refused || listeners.Accepted != good.GetVersion(lds) || listeners.Sent.Version != bad.GetVersion(lds) {
			t.Errorf("recorded: %+v", listeners)
		}
		r.waits(t)
		// It is not sent again before its time, and it would come before the policy.
		r.barrier(c)
		if p == ack.SotW {
			// Nor does a request that only repeats its subscription bring it back.
			c.ask(lds)
			r.barrier(c)
		}
		// An edit that leaves it the same tries at once.
		again := func() {
			if resp = c.next(); resp.short != "LDS" || resp.version != bad.GetVersion(lds) {
				t.Fatalf("got %s %s, want the refused listener", resp.short, resp.version)
			}
			c.refuse(resp, "Error adding/updating listener(s) listener: no such filter\n")
			r.waits(t)
		}
		r.set(g.Key, config{listener: 1}.snapshot(t))
		again()

		// Other types go on while one is refused.
		edited := config{listener: 1, extension: 1}.snapshot(t)
		r.set(g.Key, edited)
		if resp = c.next(); resp.short != "ECDS" || resp.version != edited.GetVersion(ecds) {
			t.Fatalf("got %s %s, want the edited policy", resp.short, resp.version)
		}
		c.accept(resp)
		again()

		repaired := config{listener: 2, extension: 1}.snapshot(t)
		r.set(g.Key, repaired)
		if resp = c.next(); resp.short != "LDS" || resp.version != repaired.GetVersion(lds) {
			t.Fatalf("got %s %s, want the repaired listener", resp.short, resp.version)
		}
		c.accept(resp)
		for r.await(ack.ResponseAccepted, lds).Version != repaired.GetVersion(lds) {
		}
		if got := r.typeOf(lds); got.State != ack.Accepted || got.Accepted != repaired.GetVersion(lds) {
			t.Errorf("recorded after the repair: %+v", got)
		}
	})
}

// A gateway that refuses the very first listener is not sent it in a loop either.
func TestRefusalOfTheFirst(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)})
		c := r.dial(p, n)
		c.ask(lds)
		c.refuse(c.next(), "no")
		c.ask(sds, "cert")
		if resp := c.next(); resp.short != "SDS" {
			t.Fatalf("got %s, want the secret", resp.short)
		}
		if got := r.typeOf(lds); got.State != ack.Refused || got.Accepted != "" {
			t.Errorf("recorded: %+v", got)
		}
	})
}

// Promise 4: a restarted server with equal content has nothing to send to a gateway that says
// what it has.
func TestRestartSendsNothing(t *testing.T) {
	n, g := envoyNode(t, "edge")
	first := start(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)})
	has := map[string]map[string]string{}
	for _, resp := range settle(first.dial(ack.Delta, n)) {
		has[resp.url] = maps.Clone(resp.resources)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}

	snap := config{}.snapshot(t)
	second := start(t, map[string]*snapshot.Snapshot{g.Key: snap})
	c := second.dial(ack.Delta, n).(*deltaClient)
	c.initial = has
	for _, s := range subscriptions() {
		if s.name != "" {
			c.ask(s.url, s.name)
			continue
		}
		// Envoy waits for an answer to a wildcard; it says that nothing changes.
		c.ask(s.url)
		resp := c.next()
		if resp.url != s.url || len(resp.names)+len(resp.removed) != 0 {
			t.Fatalf("answer to the wildcard %s: %+v", short(s.url), resp)
		}
		c.accept(resp)
	}
	// Whatever had been sent for the named types would come before the change.
	edited := config{extension: 1}.snapshot(t)
	second.set(g.Key, edited)
	resp := c.next()
	if resp.short != "ECDS" || resp.version != edited.GetVersion(ecds) {
		t.Fatalf("got %s %v, want the edited policy and nothing before", resp.short, resp.names)
	}
	c.accept(resp)
	second.await(ack.ResponseAccepted, ecds)
	// That nothing is sent is no event. It may be found after the edit was answered.
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for _, s := range subscriptions() {
		for typ := second.typeOf(s.url); typ.State != ack.Accepted || typ.Accepted != edited.GetVersion(s.url); typ = second.typeOf(s.url) {
			select {
			case <-tick.C:
			case <-second.ctx.Done():
				t.Fatalf("%s: %s with version %q, want accepted with %q", typ.Name, typ.State, typ.Accepted, edited.GetVersion(s.url))
			}
		}
	}
}

// After a restart with other content a gateway is sent the difference, and what is gone goes.
func TestRestartSendsTheDifference(t *testing.T) {
	n, g := envoyNode(t, "edge")
	snap := config{}.snapshot(t)
	r := start(t, map[string]*snapshot.Snapshot{g.Key: snap})
	c := r.dial(ack.Delta, n).(*deltaClient)
	c.initial = map[string]map[string]string{
		cds:  {"cluster": snap.GetVersionMap(cds)["cluster"], "gone": "1"},
		ecds: {"deny": "old"},
	}
	c.ask(cds)
	resp := c.next()
	if len(resp.names)+len(resp.removed) != 0 {
		t.Errorf("clusters, before the routes are there: %+v", resp)
	}
	c.accept(resp)
	c.ask(ecds, "deny")
	if resp = c.next(); resp.short != "ECDS" || len(resp.names) != 1 {
		t.Errorf("policy: %+v", resp)
	}
	c.accept(resp)
	if resp = c.next(); resp.short != "CDS" || len(resp.names) != 0 || !slices.Equal(resp.removed, []string{"gone"}) {
		t.Errorf("clusters: %+v", resp)
	}
}

// typeOf returns what is recorded of a type of the only gateway.
func (r *rig) typeOf(url string) ack.Type {
	r.t.Helper()
	g := r.acks.Gateways()
	if len(g) != 1 {
		r.t.Fatalf("%d gateways, want one", len(g))
	}
	for _, typ := range g[0].Types {
		if typ.URL == url {
			return typ
		}
	}
	r.t.Fatalf("nothing is recorded of %s", short(url))
	return ack.Type{}
}
