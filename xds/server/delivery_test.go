package server_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// leading says what a snapshot leads to: its clusters, of which the route has the first, and
// numbers of its listener and policy.
type leading struct {
	to               []string
	listener, policy int
}

func (l leading) snapshot(t testing.TB) *snapshot.Snapshot {
	t.Helper()
	ads := &corev3.ConfigSource{ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}}}
	hcm := &hcmv3.HttpConnectionManager{
		StatPrefix:     fmt.Sprint(l.listener),
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{RouteConfigName: "route", ConfigSource: ads}},
		HttpFilters: []*hcmv3.HttpFilter{{Name: "deny", ConfigType: &hcmv3.HttpFilter_ConfigDiscovery{
			ConfigDiscovery: &corev3.ExtensionConfigSource{ConfigSource: ads},
		}}},
	}
	r := envoy.Resources{
		Listeners: []*listenerv3.Listener{{Name: "listener", FilterChains: []*listenerv3.FilterChain{{
			Filters: []*listenerv3.Filter{{Name: "hcm", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: match.Any(hcm)}}},
		}}}},
		Routes: []*routev3.RouteConfiguration{{Name: "route", VirtualHosts: []*routev3.VirtualHost{{Name: "v", Routes: []*routev3.Route{{
			Action: &routev3.Route_Route{Route: &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: l.to[0]}}},
		}}}}}},
		ExtensionConfigs: []*corev3.TypedExtensionConfig{{Name: "deny", TypedConfig: match.Any(&rbachttpv3.RBAC{
			Rules: &rbacv3.RBAC{Policies: map[string]*rbacv3.Policy{fmt.Sprint("policy-", l.policy): {}}},
		})}},
	}
	for _, name := range l.to {
		r.Clusters = append(r.Clusters, &clusterv3.Cluster{Name: name})
	}
	s, err := snapshot.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func to(clusters ...string) leading { return leading{to: clusters} }

// subscribes asks for all that there is and accepts what comes.
func subscribes(c client) {
	for _, s := range subscriptions() {
		switch s.url {
		case eds, sds:
		case cds, lds:
			c.ask(s.url)
			c.accept(c.next())
		default:
			c.ask(s.url, s.name)
			c.accept(c.next())
		}
	}
}

// takes returns the next response, which must be of a type.
func takes(t *testing.T, c client, want string) response {
	t.Helper()
	r := c.next()
	if r.short != want {
		t.Fatalf("got %s %v, want %s", r.short, r.names, want)
	}
	return r
}

// goes checks that a cluster is gone from a response of either protocol.
func goes(t *testing.T, p ack.Protocol, r response, gone string, stay ...string) {
	t.Helper()
	if p == ack.SotW && !slices.Equal(r.names, stay) || p == ack.Delta && !slices.Equal(r.removed, []string{gone}) {
		t.Errorf("clusters %v, removed %v", r.names, r.removed)
	}
}

// A swap of services: the new cluster first, policy whenever it is edited, the route when the
// cluster is answered, and the old cluster goes last.
func TestRoutesWaitForClusters(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: to("a").snapshot(t)})
		c := r.dial(p, n)
		subscribes(c)
		r.barrier(c)
		r.set(g.Key, to("b").snapshot(t))
		clusters := takes(t, c, "CDS")
		if want := map[ack.Protocol][]string{ack.SotW: {"a", "b"}, ack.Delta: {"b"}}[p]; !slices.Equal(clusters.names, want) || len(clusters.removed) > 0 {
			t.Errorf("clusters %v, removed %v, want %v", clusters.names, clusters.removed, want)
		}
		for i := 1; i < 3; i++ {
			r.set(g.Key, leading{to: []string{"b"}, policy: i}.snapshot(t))
			c.accept(takes(t, c, "ECDS"))
			r.await(ack.ResponseAccepted, ecds)
		}
		c.accept(clusters)
		c.accept(takes(t, c, "RDS"))
		gone := takes(t, c, "CDS")
		goes(t, p, gone, "a", "b")
		c.accept(gone)
		r.barrier(c)
	})
}

// What a gateway may still use stays while it refuses the listeners, and goes when it takes some.
func TestClustersStayWhileListenersAreRefused(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: to("a").snapshot(t)})
		c := r.dial(p, n)
		subscribes(c)
		r.barrier(c)
		for i, name := range []string{"b", "c"} {
			r.set(g.Key, leading{to: []string{name}, listener: 1 + i}.snapshot(t))
			c.accept(takes(t, c, "CDS"))
			c.refuse(takes(t, c, "LDS"), "no")
			c.accept(takes(t, c, "RDS"))
			r.await(ack.ResponseRefused, lds)
			r.barrier(c)
		}
		// Were anything removed, it would be within two seconds; the listeners come well after.
		wait := time.NewTimer(3 * time.Second)
		<-wait.C
		r.set(g.Key, leading{to: []string{"c"}, listener: 3}.snapshot(t))
		c.accept(takes(t, c, "LDS"))
		gone := takes(t, c, "CDS")
		slices.Sort(gone.removed)
		if p == ack.SotW && !slices.Equal(gone.names, []string{"c"}) || p == ack.Delta && !slices.Equal(gone.removed, []string{"a", "b"}) {
			t.Errorf("clusters %v, removed %v", gone.names, gone.removed)
		}
		c.accept(gone)
	})
}

// A gateway that goes while its routes are held leaves nothing behind and holds up nobody.
func TestAGatewayThatLeavesWhileHeld(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: to("a").snapshot(t)})
		first, second := r.dial(p, n), r.dial(p, n)
		subscribes(first)
		subscribes(second)
		r.barrier(first)
		r.barrier(second)
		r.set(g.Key, to("b").snapshot(t))
		takes(t, first, "CDS")
		clusters := takes(t, second, "CDS")
		first.end()
		r.await(ack.Disconnected, "")
		second.accept(clusters)
		second.accept(takes(t, second, "RDS"))
		r.set(g.Key, to("c").snapshot(t))
		takes(t, second, "CDS")
	})
}

// A gateway that comes back keeps its clusters until it has its routes: in delta it says what it has,
// in state-of-the-world the fleet knows by the version.
func TestAGatewayThatComesBackKeepsItsClusters(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		before := to("a").snapshot(t)
		r := start(t, map[string]*snapshot.Snapshot{g.Key: to("b").snapshot(t)})
		r.fleet.resume = map[string][]*snapshot.Snapshot{g.Key: {to("x").snapshot(t), before}}
		c := r.dial(p, n)
		urls := []string{cds, lds, rds, ecds}
		switch c := c.(type) {
		case *sotwClient:
			for _, url := range urls {
				c.version[url] = before.GetVersion(url)
			}
		case *deltaClient:
			c.initial = map[string]map[string]string{}
			for _, url := range urls {
				c.initial[url] = maps.Clone(before.GetVersionMap(url))
			}
		}
		c.ask(cds)
		clusters := takes(t, c, "CDS")
		if !slices.Contains(clusters.names, "b") || p == ack.SotW && !slices.Contains(clusters.names, "a") || len(clusters.removed) > 0 {
			t.Errorf("clusters %v, removed %v", clusters.names, clusters.removed)
		}
		c.ask(lds)
		c.accept(takes(t, c, "LDS"))
		c.ask(rds, "route")
		if p == ack.SotW {
			// It is sent what it has: the version has it known.
			if routes := takes(t, c, "RDS"); routes.version != before.GetVersion(rds) {
				t.Error("the routes do not wait")
			} else {
				c.accept(routes)
			}
		}
		c.ask(ecds, "deny")
		if p == ack.SotW {
			c.accept(takes(t, c, "ECDS"))
		}
		c.accept(clusters)
		c.accept(takes(t, c, "RDS"))
		gone := takes(t, c, "CDS")
		goes(t, p, gone, "a", "b")
	})
}

// The only gateway of a group, whose stream breaks while its routes are held, comes back with what it
// had before: also in state-of-the-world it keeps its clusters.
func TestAGatewayThatIsCutOffWhileHeld(t *testing.T) {
	n, g := envoyNode(t, "edge")
	before, after := to("a").snapshot(t), to("b").snapshot(t)
	r := start(t, map[string]*snapshot.Snapshot{g.Key: before})
	c := r.dial(ack.SotW, n)
	subscribes(c)
	r.barrier(c)
	r.set(g.Key, after)
	takes(t, c, "CDS")
	r.fleet.mu.Lock()
	r.fleet.serve[g.Key] = after
	r.fleet.mu.Unlock()
	r.call()
	c.end()
	r.call()
	again, ok := r.dial(ack.SotW, n).(*sotwClient)
	if !ok {
		t.Fatal("no client")
	}
	again.version[cds] = before.GetVersion(cds)
	again.ask(cds)
	if clusters := takes(t, again, "CDS"); !slices.Equal(clusters.names, []string{"a", "b"}) {
		t.Errorf("clusters %v", clusters.names)
	}
}
