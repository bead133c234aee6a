package server_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/server"
	"github.com/portreeve/portreeve/xds/snapshot"
)

const (
	cds  = resourcev3.ClusterType
	eds  = resourcev3.EndpointType
	lds  = resourcev3.ListenerType
	rds  = resourcev3.RouteType
	ecds = resourcev3.ExtensionConfigType
	sds  = resourcev3.SecretType
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// protocols runs a test once per protocol.
func protocols(t *testing.T, test func(*testing.T, ack.Protocol)) {
	for _, p := range []ack.Protocol{ack.SotW, ack.Delta} {
		t.Run(string(p), func(t *testing.T) { test(t, p) })
	}
}

// fleet remembers who is there and serves each group what it was told to.
type fleet struct {
	server *server.Server
	mu     sync.Mutex
	serve  map[string]*snapshot.Snapshot
	resume map[string][]*snapshot.Snapshot
	joined map[string]bool
	faults []string
	calls  chan string
	// asked is called when the fleet is asked for a group; nil does nothing.
	asked func()
}

func (f *fleet) Join(g node.Group) {
	f.mu.Lock()
	if f.joined[g.Key] {
		f.faults = append(f.faults, "joined twice: "+g.Key)
	}
	f.joined[g.Key] = true
	snap, earlier := f.serve[g.Key], f.resume[g.Key]
	f.mu.Unlock()
	for _, s := range earlier {
		f.server.Resume(g.Key, s)
	}
	if snap != nil {
		if err := f.server.Set(context.Background(), g.Key, snap); err != nil {
			f.mu.Lock()
			f.faults = append(f.faults, err.Error())
			f.mu.Unlock()
		}
	}
	f.calls <- "join " + g.Gateway.Namespace
}

func (f *fleet) Leave(g node.Group) {
	f.mu.Lock()
	if !f.joined[g.Key] {
		f.faults = append(f.faults, "left without joining: "+g.Key)
	}
	f.joined[g.Key] = false
	f.mu.Unlock()
	f.calls <- "leave " + g.Gateway.Namespace
}

// Known implements server.Fleet: every group is a new one.
func (f *fleet) Known(string) bool {
	if f.asked != nil {
		f.asked()
	}
	return false
}

// rig is a server that runs, and what looks on.
type rig struct {
	t      *testing.T
	ctx    context.Context
	server *server.Server
	fleet  *fleet
	acks   *ack.Store
	events chan ack.Event
	conn   *grpc.ClientConn
	log    *buffer
	clock  *handClock
	// stop ends Serve and returns what it returned.
	stop func() error
}

// start runs a server that serves each group its snapshot. The test is bounded in time.
func start(t *testing.T, serve map[string]*snapshot.Snapshot) *rig {
	return startWith(t, serve)
}

// startWith is start with other options.
func startWith(t *testing.T, serve map[string]*snapshot.Snapshot, more ...func(*server.Options)) *rig {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	r := &rig{t: t, ctx: ctx, events: make(chan ack.Event, 1<<14), log: &buffer{}}
	var err error
	r.acks, err = ack.New(ack.Options{Clock: time.Now, Observe: func(e ack.Event) { r.events <- e }})
	if err != nil {
		t.Fatal(err)
	}
	r.fleet = &fleet{serve: serve, joined: map[string]bool{}, calls: make(chan string, 1<<14)}
	options := server.Options{Acks: r.acks, Logger: r.log.logger()}
	for _, change := range more {
		change(&options)
	}
	r.server = server.New(options)
	r.clock = newHandClock()
	r.server.UseClock(r.clock)
	r.fleet.server = r.server

	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving, end := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(serving, l, r.fleet) }()
	r.stop = sync.OnceValue(func() error { end(); return <-served })
	r.conn, err = grpc.NewClient("passthrough:///"+l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.finish)
	return r
}

// finish checks that everything ended as it should.
func (r *rig) finish() {
	if err := r.conn.Close(); err != nil {
		r.t.Errorf("close connection: %v", err)
	}
	if err := r.stop(); err != nil {
		r.t.Errorf("serve: %v", err)
	}
	for _, f := range r.fleet.faults {
		r.t.Error(f)
	}
	if members, statuses := r.server.Held(); members != 0 || statuses != 0 {
		r.t.Errorf("the server still holds %d groups and %d statuses", members, statuses)
	}
	if g := r.acks.Gateways(); len(g) != 0 {
		r.t.Errorf("%d streams are still recorded", len(g))
	}
}

func (r *rig) dial(p ack.Protocol, n *corev3.Node) client {
	r.t.Helper()
	return dial(r.ctx, r.t, r.conn, p, n)
}

// another returns a connection beside the one that dial uses.
func (r *rig) another() *grpc.ClientConn {
	r.t.Helper()
	c, err := grpc.NewClient(r.conn.Target(), grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(64<<20)))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (r *rig) set(group string, s *snapshot.Snapshot) {
	r.t.Helper()
	if err := r.server.Set(r.ctx, group, s); err != nil {
		r.t.Fatal(err)
	}
}

// call returns the next call of the fleet.
func (r *rig) call() string {
	r.t.Helper()
	select {
	case c := <-r.fleet.calls:
		return c
	case <-r.ctx.Done():
		r.t.Fatal("the fleet was not called")
		return ""
	}
}

// await returns the next event of a kind and type.
func (r *rig) await(kind ack.Kind, url string) ack.Event {
	r.t.Helper()
	for {
		select {
		case e := <-r.events:
			if e.Kind == kind && e.URL == url {
				return e
			}
		case <-r.ctx.Done():
			r.t.Fatalf("no event %s of %s", kind, short(url))
		}
	}
}

// config says what a snapshot holds; a number that differs makes that type differ.
type config struct{ cluster, endpoint, listener, route, extension, secret int }

// snapshot returns a snapshot with one resource of every type.
func (c config) snapshot(t *testing.T) *snapshot.Snapshot {
	t.Helper()
	ads := &corev3.ConfigSource{ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}}}
	hcm := &hcmv3.HttpConnectionManager{
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{RouteConfigName: "route", ConfigSource: ads}},
		HttpFilters: []*hcmv3.HttpFilter{{Name: "deny", ConfigType: &hcmv3.HttpFilter_ConfigDiscovery{
			ConfigDiscovery: &corev3.ExtensionConfigSource{ConfigSource: ads},
		}}},
	}
	context := &tlsv3.DownstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{
		TlsCertificateSdsSecretConfigs: []*tlsv3.SdsSecretConfig{{Name: "cert", SdsConfig: ads}},
	}}
	policies := map[string]*rbacv3.Policy{fmt.Sprint("policy-", c.extension): {}}
	s, err := snapshot.New(envoy.Resources{
		Clusters: []*clusterv3.Cluster{{
			Name: "cluster", AltStatName: fmt.Sprint(c.cluster), ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
		}},
		Endpoints: []*endpointv3.ClusterLoadAssignment{{ClusterName: "cluster", Endpoints: []*endpointv3.LocalityLbEndpoints{{Priority: uint32(c.endpoint)}}}},
		Listeners: []*listenerv3.Listener{{
			Name: "listener", StatPrefix: fmt.Sprint(c.listener),
			FilterChains: []*listenerv3.FilterChain{{
				Filters:         []*listenerv3.Filter{{Name: "hcm", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: match.Any(hcm)}}},
				TransportSocket: &corev3.TransportSocket{Name: "tls", ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: match.Any(context)}},
			}},
		}},
		Routes:           []*routev3.RouteConfiguration{{Name: "route", InternalOnlyHeaders: []string{fmt.Sprint(c.route)}}},
		ExtensionConfigs: []*corev3.TypedExtensionConfig{{Name: "deny", TypedConfig: match.Any(&rbachttpv3.RBAC{Rules: &rbacv3.RBAC{Policies: policies}})}},
		Secrets:          []*tlsv3.Secret{{Name: "cert", Type: &tlsv3.Secret_GenericSecret{GenericSecret: &tlsv3.GenericSecret{Secret: inline(c.secret)}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func inline(n int) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: fmt.Sprint(n)}}
}

// routed returns a listener per route.
func routed(routes ...string) []*listenerv3.Listener {
	var out []*listenerv3.Listener
	for _, name := range routes {
		hcm := &hcmv3.HttpConnectionManager{RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{RouteConfigName: name}}}
		out = append(out, &listenerv3.Listener{Name: name, FilterChains: []*listenerv3.FilterChain{{
			Filters: []*listenerv3.Filter{{Name: "hcm", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: match.Any(hcm)}}},
		}}})
	}
	return out
}
