package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/server"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// longest is the longest name that a cluster has.
func longest(i int) string {
	return fmt.Sprintf("outbound|%05d|%063d|%s", 65535, i, strings.Repeat("h", 253))
}

func reconnecting(n *corev3.Node, count int, version string) *discoveryv3.DeltaDiscoveryRequest {
	r := &discoveryv3.DeltaDiscoveryRequest{Node: n, TypeUrl: cds, InitialResourceVersions: map[string]string{}}
	for i := range count {
		r.InitialResourceVersions[longest(i)] = version
		r.ResourceNamesSubscribe = append(r.ResourceNamesSubscribe, longest(i))
	}
	return r
}

// A gateway that comes back with 20,000 resources of the longest names is served, and the record
// of it is bounded.
func TestALargeReconnect(t *testing.T) {
	n, g := envoyNode(t, "edge")
	for range 600 {
		n.Extensions = append(n.Extensions, &corev3.Extension{Name: strings.Repeat("e", 120)})
	}
	r := start(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)})
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(r.conn).DeltaAggregatedResources(r.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(reconnecting(n, 19_999, strings.Repeat("v", 64))); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Errorf("it is refused: %v", err)
	}
}

// A gateway with 20,000 clusters asks for the endpoints of both editions of each while an edit of all
// of them is under way.
func TestAnEditOfEveryOneOfManyClusters(t *testing.T) {
	n, g := envoyNode(t, "edge")
	r := start(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)})
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(r.conn).DeltaAggregatedResources(r.ctx)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range 20_000 {
		names = append(names, fmt.Sprintf("%d#1", i), fmt.Sprintf("%d#2", i))
	}
	for _, half := range [][]string{names[:20_000], names[20_000:]} {
		if err := stream.Send(&discoveryv3.DeltaDiscoveryRequest{Node: n, TypeUrl: eds, ResourceNamesSubscribe: half}); err != nil {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			t.Fatalf("it is refused: %v", err)
		}
	}
}

// What is more than a gateway can mean ends the stream with a short reason, and is counted.
func TestDemandsThatNoGatewayHas(t *testing.T) {
	many := func(n int, name func(int) string) []string {
		out := make([]string, 0, n)
		for i := range n {
			out = append(out, name(i))
		}
		return out
	}
	for name, asks := range map[string]func(*corev3.Node) []*discoveryv3.DeltaDiscoveryRequest{
		"too many names at once": func(n *corev3.Node) []*discoveryv3.DeltaDiscoveryRequest {
			return []*discoveryv3.DeltaDiscoveryRequest{{Node: n, TypeUrl: rds, ResourceNamesSubscribe: many(40_001, longest)}}
		},
		"too many names by and by": func(n *corev3.Node) []*discoveryv3.DeltaDiscoveryRequest {
			return []*discoveryv3.DeltaDiscoveryRequest{
				{Node: n, TypeUrl: rds, ResourceNamesSubscribe: many(25_000, longest)},
				{TypeUrl: rds, ResourceNamesSubscribe: many(25_000, func(i int) string { return fmt.Sprint(i) })},
			}
		},
		"too many versions": func(n *corev3.Node) []*discoveryv3.DeltaDiscoveryRequest {
			r := reconnecting(n, 40_001, "1")
			r.ResourceNamesSubscribe = nil
			return []*discoveryv3.DeltaDiscoveryRequest{r}
		},
		"versions again and again": func(n *corev3.Node) []*discoveryv3.DeltaDiscoveryRequest {
			var out []*discoveryv3.DeltaDiscoveryRequest
			for range 8 {
				r := reconnecting(n, 15_000, "1")
				r.TypeUrl, r.ResourceNamesSubscribe = rds, nil
				out = append(out, r)
			}
			return out
		},
		"a long version": func(n *corev3.Node) []*discoveryv3.DeltaDiscoveryRequest {
			return []*discoveryv3.DeltaDiscoveryRequest{reconnecting(n, 1, strings.Repeat("v", 257))}
		},
		"a long name": func(n *corev3.Node) []*discoveryv3.DeltaDiscoveryRequest {
			return []*discoveryv3.DeltaDiscoveryRequest{{Node: n, TypeUrl: rds, ResourceNamesSubscribe: []string{strings.Repeat("n", 10<<10)}}}
		},
		"long names of many types": func(n *corev3.Node) []*discoveryv3.DeltaDiscoveryRequest {
			var out []*discoveryv3.DeltaDiscoveryRequest
			for i := range 8 {
				out = append(out, &discoveryv3.DeltaDiscoveryRequest{Node: n, TypeUrl: fmt.Sprint("some.Type", i), ResourceNamesSubscribe: many(15_000, longest)})
			}
			return out
		},
		"too many types": func(n *corev3.Node) []*discoveryv3.DeltaDiscoveryRequest {
			var out []*discoveryv3.DeltaDiscoveryRequest
			for i := range 33 {
				out = append(out, &discoveryv3.DeltaDiscoveryRequest{Node: n, TypeUrl: fmt.Sprint("some.Type", i)})
			}
			return out
		},
		"a long type": func(n *corev3.Node) []*discoveryv3.DeltaDiscoveryRequest {
			return []*discoveryv3.DeltaDiscoveryRequest{{Node: n, TypeUrl: strings.Repeat("t", 257)}}
		},
		"a large request": func(n *corev3.Node) []*discoveryv3.DeltaDiscoveryRequest {
			return []*discoveryv3.DeltaDiscoveryRequest{{Node: n, TypeUrl: strings.Repeat("t", 17<<20)}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			n, g := envoyNode(t, "edge")
			r := start(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)})
			stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(r.conn).DeltaAggregatedResources(r.ctx)
			if err != nil {
				t.Fatal(err)
			}
			for _, request := range asks(n) {
				if err := stream.Send(request); err != nil && !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
			}
			for err == nil {
				_, err = stream.Recv()
			}
			if status.Code(err) != codes.ResourceExhausted || len(err.Error()) > 500 {
				t.Errorf("the stream ends with %v", err)
			}
		})
	}
}

// In state-of-the-world every request names all that is asked for.
func TestDemandsInStateOfTheWorld(t *testing.T) {
	n, g := envoyNode(t, "edge")
	r := start(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)})
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(r.conn).StreamAggregatedResources(r.ctx)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 40_001)
	for i := range names {
		names[i] = longest(i)
	}
	if err := stream.Send(&discoveryv3.DiscoveryRequest{Node: n, TypeUrl: rds, ResourceNames: names}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.ResourceExhausted {
		t.Errorf("the stream ends with %v", err)
	}
}

// A stream that says nothing ends, also beside others of its connection.
func TestAStreamThatSaysNothingEnds(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := startWith(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)}, func(o *server.Options) { o.FirstRequest = time.Second })
		c := r.dial(p, n)
		settle(c)
		if err := r.dial(p, n).failure(); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ends with %v", err)
		}
		r.set(g.Key, config{cluster: 2}.snapshot(t))
		if got := c.next(); got.url != cds {
			t.Errorf("the other stream is sent %s", got.short)
		}
	})
}

// A flood of groups that are made up is refused with a reason, and those that were here before
// come back.
func TestAFloodOfMadeUpGroups(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := startWith(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)}, func(o *server.Options) { o.NewGroups = 5 })
		c := r.dial(p, n)
		settle(c)
		c.end()
		refused := 0
		for i := range 50 {
			made := &corev3.Node{Id: "router~127.0.0.1~edge.edge~local", UserAgentVersionType: tested(), Metadata: &structpb.Struct{Fields: map[string]*structpb.Value{
				"LABELS": structpb.NewStructValue(&structpb.Struct{Fields: map[string]*structpb.Value{"made": structpb.NewStringValue(fmt.Sprint(i))}}),
			}}}
			c := r.dial(p, made)
			c.ask(cds)
			if i < 4 {
				c.end()
				continue
			}
			if err := c.failure(); status.Code(err) != codes.ResourceExhausted || !strings.Contains(err.Error(), "--new-groups-per-minute") {
				t.Fatalf("group %d: %v", i, err)
			}
			refused++
		}
		back := r.dial(p, n)
		settle(back)
		joins := 0
		for len(r.fleet.calls) > 0 {
			if strings.HasPrefix(r.call(), "join") {
				joins++
			}
		}
		if refused != 46 || joins != 6 {
			t.Errorf("%d are refused, and the fleet was told of %d", refused, joins)
		}
	})
}
