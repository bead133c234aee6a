package server_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/identity"
	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/server"
	"github.com/portreeve/portreeve/xds/snapshot"
)

const edgeID = "spiffe://cluster.local/ns/edge/gateway/edge"

// TestAGatewayIsServedWhatItIsGiven holds that a node that claims one group and is given another is served
// that, that the record says who it has proved to be, and that what counts as its node is what it claims.
func TestAGatewayIsServedWhatItIsGiven(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, _ := envoyNode(t, "edge")
		_, given := envoyNode(t, "given")
		snap := config{listener: 7}.snapshot(t)
		j, creds := newFakeJudge(), newProofs()
		j.verdict = func(_ identity.Proof, claimed node.Identity) (node.Identity, error) {
			claimed.Group = given
			return claimed, nil
		}
		r := startWith(t, map[string]*snapshot.Snapshot{given.Key: snap}, creds.judged(j))
		conn, _ := r.as(creds, certified(t, edgeID, time.Hour))
		c := dial(r.ctx, t, conn, p, n)
		c.ask(lds)
		if resp := c.next(); resp.version != snap.GetVersion(lds) {
			t.Errorf("got %s", resp.version)
		}
		if call := r.call(); call != "join given" {
			t.Errorf("call = %q", call)
		}
		if g := r.acks.Gateways(); len(g) != 1 || g[0].Identity != edgeID || g[0].Group != given.Key {
			t.Errorf("recorded: %+v", g)
		}
		if log := r.log.String(); !strings.Contains(log, "identity="+edgeID) {
			t.Errorf("log: %s", log)
		}
		same, _ := envoyNode(t, "edge")
		same.Metadata.Fields["MORE"] = structpb.NewStringValue("of the same node")
		c.present(same)
		c.ask(cds)
		if resp := c.next(); resp.short != "CDS" {
			t.Errorf("got %s", resp.short)
		}
		// Not even as what it is given may it come now.
		other, _ := envoyNode(t, "edge")
		other.Metadata.Fields["NAMESPACE"] = structpb.NewStringValue("given")
		c.present(other)
		c.ask(eds, "cluster")
		ends(t, c, codes.InvalidArgument, "node changed")
	})
}

// TestWhoIsNotAllowedGetsNothing holds that a gateway that is refused is looked up nowhere, is told why, is counted
// once, and that its connection is closed when it has been told, while the one beside goes on.
func TestWhoIsNotAllowedGetsNothing(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		for kind, code := range map[string]codes.Code{
			"identity": codes.PermissionDenied, "certificate": codes.PermissionDenied, "revoked": codes.PermissionDenied, "mapping": codes.Unavailable,
		} {
			t.Run(kind, func(t *testing.T) {
				n, g := envoyNode(t, "edge")
				j, creds := newFakeJudge(), newProofs()
				j.verdict = func(p identity.Proof, claimed node.Identity) (node.Identity, error) {
					if p.String() != edgeID {
						return refuses(kind, "it claims too much")(p, claimed)
					}
					return claimed, nil
				}
				r := startWith(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)}, creds.judged(j))
				right, _ := r.as(creds, certified(t, edgeID, time.Hour))
				beside := dial(r.ctx, t, right, p, n)
				settle(beside)
				r.call()

				conn, dialled := r.as(creds, certified(t, "spiffe://cluster.local/ns/edge/gateway/other", time.Hour))
				other, _ := envoyNode(t, "other")
				c := dial(r.ctx, t, conn, p, other)
				c.ask(lds)
				ends(t, c, code, "it claims too much")
				r.closes(<-dialled)
				if log := r.log.String(); strings.Count(log, "gateway refused") != 1 || !strings.Contains(log, "identity=spiffe://cluster.local/ns/edge/gateway/other") {
					t.Errorf("log: %s", log)
				}
				select {
				case call := <-r.fleet.calls:
					t.Errorf("the fleet was told: %s", call)
				default:
				}
				edited := config{listener: 1}.snapshot(t)
				r.set(g.Key, edited)
				if resp := beside.next(); resp.version != edited.GetVersion(lds) {
					t.Errorf("the one beside got %s", resp.short)
				}
				if j.watching() != 1 {
					t.Errorf("%d watch", j.watching())
				}
			})
		}
	})
}

// TestAFleetBehindOneAddressComesWithNewGroups holds that gateways with certificates do not count for one, that one of them
// does not bring as many groups as it likes, and that those without are one.
func TestAFleetBehindOneAddressComesWithNewGroups(t *testing.T) {
	certificates := func(i int) identity.Proof {
		return certified(t, fmt.Sprintf("spiffe://cluster.local/ns/edge%d/gateway/edge", i), time.Hour)
	}
	for name, tc := range map[string]struct {
		proof func(int) identity.Proof
		want  int
	}{
		"each has its own": {certificates, 5},
		"all have one":     {func(int) identity.Proof { return certificates(0) }, 2},
		"on this machine":  {func(int) identity.Proof { return identity.Proof{Transport: identity.Loopback} }, 2},
		"users of it": {func(i int) identity.Proof {
			return identity.Proof{Transport: identity.Unix, User: &identity.User{UID: uint32(i)}}
		}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			creds, serve := newProofs(), map[string]*snapshot.Snapshot{}
			for i := range 5 {
				_, g := envoyNode(t, fmt.Sprint("edge", i))
				serve[g.Key] = config{}.snapshot(t)
			}
			r := startWith(t, serve, creds.options, func(o *server.Options) { o.NewGroups = 2 })
			for i := range 5 {
				n, _ := envoyNode(t, fmt.Sprint("edge", i))
				conn, _ := r.as(creds, tc.proof(i))
				c := dial(r.ctx, t, conn, ack.Delta, n)
				c.ask(lds)
				if i >= tc.want {
					ends(t, c, codes.ResourceExhausted, "too many groups")
				} else if resp := c.next(); resp.short != "LDS" {
					t.Errorf("gateway %d got %s", i, resp.short)
				}
			}
		})
	}
}

// closes waits until the server has closed a connection.
func (r *rig) closes(c net.Conn) {
	r.t.Helper()
	// gRPC reads it; who closes it makes the connection unusable.
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := c.SetReadDeadline(time.Time{}); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-r.ctx.Done():
			r.t.Fatal("the connection stays open")
		}
	}
}

// TestAChangeEndsOnlyWhoIsNotAllowed holds that streams are judged anew, that nothing is sent any more to
// whom a change has taken its rights, also of what is set at once after it, and that others go on.
func TestAChangeEndsOnlyWhoIsNotAllowed(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		_, given := envoyNode(t, "given")
		j, creds := newFakeJudge(), newProofs()
		r := startWith(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)}, creds.judged(j))
		streams := map[string]client{}
		for _, name := range []string{"stays", "goes", "moves"} {
			conn, _ := r.as(creds, certified(t, "spiffe://x/"+name, time.Hour))
			streams[name] = dial(r.ctx, t, conn, p, n)
			settle(streams[name])
		}
		j.change(func(p identity.Proof, claimed node.Identity) (node.Identity, error) {
			switch p.String() {
			case "spiffe://x/goes":
				return refuses("revoked", "it was taken back")(p, claimed)
			case "spiffe://x/moves":
				claimed.Group = given
			}
			return claimed, nil
		})
		edited := config{extension: 1}.snapshot(t)
		r.set(g.Key, edited)
		if resp := streams["stays"].next(); resp.version != edited.GetVersion(ecds) {
			t.Errorf("the one that stays got %s %s", resp.short, resp.version)
		}
		sent := len(r.sent())
		ends(t, streams["goes"], codes.PermissionDenied, "it was taken back")
		ends(t, streams["moves"], codes.Unavailable, "another group")
		if again := len(r.sent()); sent+again != 3*6+1 {
			t.Errorf("%d responses were sent, want those of the start and one edit of one stream", sent+again)
		}
		if log := r.log.String(); strings.Count(log, "gateway refused") != 1 || strings.Count(log, "gateway is to connect again") != 1 {
			t.Errorf("log: %s", log)
		}
	})
}

// sent returns the responses that were sent and of which no one was told yet.
func (r *rig) sent() []ack.Event {
	var out []ack.Event
	for {
		select {
		case e := <-r.events:
			if e.Kind == ack.ResponseSent {
				out = append(out, e)
			}
		default:
			return out
		}
	}
}

// TestNoChangeIsMissedOnTheWayIn holds that a change counts that is made while a gateway is judged, and after
// that and before it is in its group.
func TestNoChangeIsMissedOnTheWayIn(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		for _, when := range []string{"while it is judged", "before it joins"} {
			t.Run(when, func(t *testing.T) {
				n, g := envoyNode(t, "edge")
				j, creds := newFakeJudge(), newProofs()
				r := startWith(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)}, creds.judged(j))
				changed := make(chan struct{})
				if when == "before it joins" {
					r.fleet.asked = func() { j.change(refuses("identity", "not any more")); close(changed) }
				} else {
					j.verdict = func(_ identity.Proof, claimed node.Identity) (node.Identity, error) {
						// The answer to this is worked out already.
						go func() { j.change(refuses("identity", "not any more")); close(changed) }()
						tick := time.NewTicker(time.Millisecond)
						defer tick.Stop()
						for !j.has() {
							<-tick.C
						}
						return claimed, nil
					}
				}
				conn, _ := r.as(creds, certified(t, edgeID, time.Hour))
				c := dial(r.ctx, t, conn, p, n)
				c.ask(lds)
				ends(t, c, codes.PermissionDenied, "not any more")
				<-changed
			})
		}
	})
}

// TestAStreamEndsWithItsCertificate holds that it is judged anew then, and ends with that reason, or else is
// to connect again.
func TestAStreamEndsWithItsCertificate(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		for name, tc := range map[string]struct {
			expired bool
			code    codes.Code
			says    string
		}{
			"refused": {true, codes.PermissionDenied, "the certificate has ended"},
			"allowed": {false, codes.Unavailable, "connect again"},
		} {
			t.Run(name, func(t *testing.T) {
				n, g := envoyNode(t, "edge")
				j, creds := newFakeJudge(), newProofs()
				proof := certified(t, edgeID, 500*time.Millisecond)
				j.verdict = func(p identity.Proof, claimed node.Identity) (node.Identity, error) {
					if tc.expired && time.Now().After(p.Until()) {
						return refuses("certificate", "the certificate has ended")(p, claimed)
					}
					return claimed, nil
				}
				r := startWith(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)}, creds.judged(j))
				conn, dialled := r.as(creds, proof)
				c := dial(r.ctx, t, conn, p, n)
				settle(c)
				ends(t, c, tc.code, tc.says)
				if time.Now().Before(proof.Until()) {
					t.Error("it ended before its certificate")
				}
				r.closes(<-dialled)
			})
		}
	})
}

// TestTheEndOfItsAgeCostsNoResources holds that a stream ends in good order, that the next one comes on another
// connection, and that in delta nothing is sent again, five times in a row.
func TestTheEndOfItsAgeCostsNoResources(t *testing.T) {
	n, g := envoyNode(t, "edge")
	creds := newProofs()
	r := startWith(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)}, creds.options, func(o *server.Options) { o.MaxConnectionAge = 300 * time.Millisecond })
	conn, dialled := r.as(creds, identity.Proof{Transport: identity.Loopback})
	c := dial(r.ctx, t, conn, ack.Delta, n).(*deltaClient)
	has := map[string]map[string]string{}
	for _, resp := range settle(c) {
		has[resp.url] = resp.resources
	}
	ends(t, c, codes.Unavailable, "connect again")
	r.closes(<-dialled)
	for range 5 {
		n, _ := envoyNode(t, "edge")
		c := dial(r.ctx, t, conn, ack.Delta, n).(*deltaClient)
		c.initial = has
		for _, s := range subscriptions() {
			if s.name != "" {
				c.ask(s.url, s.name)
				continue
			}
			c.ask(s.url)
			c.accept(c.next())
		}
		for {
			resp, err := c.stream.Recv()
			if err != nil {
				if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "connect again") {
					t.Fatalf("the stream ended with %v", err)
				}
				break
			}
			t.Fatalf("%s was sent again", short(resp.GetTypeUrl()))
		}
		r.closes(<-dialled)
	}
	for _, e := range r.sent()[6:] {
		if len(e.Resources) > 0 {
			t.Errorf("%s was sent again: %v", e.Name, e.Resources)
		}
	}
}

// TestNoKeyGoesOverPlainText holds that a gateway on plain text gets nothing of a configuration that holds a key, when it
// comes and when an edit brings one, and that all others get it.
func TestNoKeyGoesOverPlainText(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		secret := config{}.snapshot(t)
		if !secret.HoldsKeys() {
			t.Fatal("it holds no key")
		}
		without, err := snapshot.New(keyless())
		if err != nil {
			t.Fatal(err)
		}
		creds := newProofs()
		r := startWith(t, map[string]*snapshot.Snapshot{g.Key: secret}, creds.options)
		conn, dialled := r.as(creds, identity.Proof{Transport: identity.Plain})
		c := dial(r.ctx, t, conn, p, n)
		c.ask(cds)
		ends(t, c, codes.PermissionDenied, "holds a private or symmetric key, which is not sent in plain text")
		r.closes(<-dialled)
		if got := r.sent(); len(got) != 0 || strings.Contains(r.log.String(), "gateway connected") {
			t.Errorf("sent: %+v, log: %s", got, r.log)
		}
		for _, call := range []string{"join edge", "leave edge"} {
			if got := r.call(); got != call {
				t.Errorf("call = %q, want %q", got, call)
			}
		}

		r.fleet.mu.Lock()
		r.fleet.serve[g.Key] = without
		r.fleet.mu.Unlock()
		n, _ = envoyNode(t, "edge")
		c = dial(r.ctx, t, conn, p, n)
		c.ask(cds)
		c.accept(c.next())
		proved, _ := r.as(creds, certified(t, edgeID, time.Hour))
		n, _ = envoyNode(t, "edge")
		beside := dial(r.ctx, t, proved, p, n)
		beside.ask(cds)
		beside.accept(beside.next())
		r.await(ack.ResponseAccepted, cds)
		r.await(ack.ResponseAccepted, cds)
		r.set(g.Key, config{cluster: 5}.snapshot(t))
		ends(t, c, codes.PermissionDenied, "plain text")
		if resp := beside.next(); resp.short != "CDS" {
			t.Errorf("the one beside got %s", resp.short)
		}
		if got := r.sent(); len(got) != 1 {
			t.Errorf("sent: %+v", got)
		}
		if log := r.log.String(); strings.Count(log, "gateway refused") != 2 {
			t.Errorf("log: %s", log)
		}
	})
}

// TestNoEarlierKeyGoesOverPlainText holds that who says, in state-of-the-world, that it has what the group was served earlier
// is not sent the keys of that.
func TestNoEarlierKeyGoesOverPlainText(t *testing.T) {
	n, g := envoyNode(t, "edge")
	pair := &tlsv3.TlsCertificate{CertificateChain: inline(1), PrivateKey: inline(2)}
	secret, err := snapshot.New(envoy.Resources{Clusters: []*clusterv3.Cluster{{Name: "secret", TransportSocket: &corev3.TransportSocket{
		Name: "tls", ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: match.Any(&tlsv3.UpstreamTlsContext{
			CommonTlsContext: &tlsv3.CommonTlsContext{TlsCertificates: []*tlsv3.TlsCertificate{pair}},
		})},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	without, err := snapshot.New(keyless())
	if err != nil {
		t.Fatal(err)
	}
	creds := newProofs()
	r := startWith(t, map[string]*snapshot.Snapshot{g.Key: secret}, creds.options)
	proved, _ := r.as(creds, certified(t, edgeID, time.Hour))
	beside := dial(r.ctx, t, proved, ack.SotW, n)
	beside.ask(lds)
	beside.accept(beside.next())
	r.set(g.Key, without)

	conn, _ := r.as(creds, identity.Proof{Transport: identity.Plain})
	n, _ = envoyNode(t, "edge")
	c := dial(r.ctx, t, conn, ack.SotW, n).(*sotwClient)
	c.version[cds] = secret.GetVersion(cds)
	c.ask(cds)
	if resp := c.next(); !slices.Equal(resp.names, []string{"cluster"}) {
		t.Errorf("sent: %v", resp.names)
	}
}

// TestWhoComesAnotherWayHasProvedNothing holds that a connection that is not of our credentials counts as plain text.
func TestWhoComesAnotherWayHasProvedNothing(t *testing.T) {
	n, _ := envoyNode(t, "edge")
	j, creds := newFakeJudge(), newProofs()
	judged := make(chan identity.Proof, 10)
	j.verdict = func(p identity.Proof, _ node.Identity) (node.Identity, error) {
		judged <- p
		return node.Identity{}, &identity.Refusal{Kind: "identity", Reason: "no"}
	}
	r := startWith(t, nil, creds.judged(j))
	conn, _ := r.as(creds, identity.Proof{Transport: another})
	c := dial(r.ctx, t, conn, ack.Delta, n)
	c.ask(lds)
	ends(t, c, codes.PermissionDenied, "no")
	if p := <-judged; p.Transport != identity.Plain {
		t.Errorf("it counts as %q", p.Transport)
	}
}

// TestAStrangersCallIsUnknown holds that there is no other way to a resource than a stream that says who it is.
func TestAStrangersCallIsUnknown(t *testing.T) {
	n, g := envoyNode(t, "edge")
	r := start(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)})
	for i, method := range []string{
		"/envoy.service.discovery.v3.AggregatedDiscoveryService/FetchAggregatedResources",
		"/envoy.service.secret.v3.SecretDiscoveryService/FetchSecrets",
		"/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets",
		"/envoy.service.listener.v3.ListenerDiscoveryService/FetchListeners",
	} {
		var out discoveryv3.DiscoveryResponse
		err := r.conn.Invoke(r.ctx, method, &discoveryv3.DiscoveryRequest{Node: n, TypeUrl: sds, ResourceNames: []string{"cert"}}, &out)
		if status.Code(err) != codes.Unimplemented || len(out.GetResources()) != 0 {
			t.Errorf("%s: %v", method, err)
		}
		if log := r.log.String(); strings.Count(log, "gateway refused") != i+1 || !strings.Contains(log, "the method "+method+" is not served") {
			t.Errorf("%s: the log says\n%s", method, log)
		}
	}
}

// TestAGatewayThatDoesNotReadCannotStay holds that the connection of a gateway that has lost its rights is closed
// also where it takes nothing.
func TestAGatewayThatDoesNotReadCannotStay(t *testing.T) {
	n, g := envoyNode(t, "edge")
	j, creds := newFakeJudge(), newProofs()
	r := startWith(t, map[string]*snapshot.Snapshot{g.Key: unread(t)}, creds.judged(j))
	conn, dialled := r.as(creds, certified(t, edgeID, time.Hour))
	c := dial(r.ctx, t, conn, ack.Delta, n)
	// The first response is more than may wait to be sent, so the stream cannot go on with the second.
	c.ask(lds)
	c.ask(cds)
	r.await(ack.ResponseSent, lds)
	r.await(ack.ResponseSent, cds)
	j.change(refuses("identity", "not any more"))
	r.closes(<-dialled)
	r.await(ack.Disconnected, "")
}

// TestUnixSocketsHaveAName holds that the record says by which socket a gateway came.
func TestUnixSocketsHaveAName(t *testing.T) {
	path := t.TempDir() + "/xds.sock"
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	acks, err := ack.New(ack.Options{Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	n, g := envoyNode(t, "edge")
	f := &fleet{serve: map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)}, joined: map[string]bool{}, calls: make(chan string, 10)}
	s := server.New(server.Options{Acks: acks})
	f.server = s
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l, f) }()
	r := &rig{t: t, ctx: ctx}
	conn, err := grpc.NewClient("unix:"+path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	c := dial(r.ctx, t, conn, ack.Delta, n)
	c.ask(lds)
	c.next()
	if got := acks.Gateways(); len(got) != 1 || got[0].Address != "unix:"+path || got[0].Identity != "" {
		t.Errorf("recorded: %+v", got)
	}
	_ = conn.Close()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// unread returns a snapshot that is larger than what a gateway takes unread.
func unread(t *testing.T) *snapshot.Snapshot {
	t.Helper()
	s, err := snapshot.New(envoy.Resources{
		Listeners: []*listenerv3.Listener{{Name: "big", StatPrefix: strings.Repeat("x", 3<<20)}}, Clusters: []*clusterv3.Cluster{{Name: "cluster"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// keyless returns a cluster without endpoints.
func keyless() envoy.Resources {
	return envoy.Resources{Clusters: []*clusterv3.Cluster{{Name: "cluster"}}}
}
