package fanout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"
)

// gateway is a simulated one: it asks, answers and comes back as Envoy does. It understands of what it
// gets what else there is to ask for.
type gateway struct {
	index   int
	address string
	crowd   *crowd
	node    *corev3.Node
	// types are what it asked for, in that order, and has by name.
	types []string
	has   map[string]map[string]string
	// asked are the names, of types that are asked for by name.
	asked map[string][]string
	// through says that it has had all that it asks for.
	through bool
	stream  discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
}

func newGateway(i int, s share, c *crowd) *gateway {
	labels := map[string]any{"istio": "ingressgateway", "group": groupName(i % s.Groups)}
	metadata, err := structpb.NewStruct(map[string]any{"NAMESPACE": "istio-system", "LABELS": labels})
	if err != nil {
		panic(err) // these are texts
	}
	return &gateway{
		index: i, address: s.Address, crowd: c, has: map[string]map[string]string{}, asked: map[string][]string{},
		node: &corev3.Node{
			Id: fmt.Sprintf("router~127.0.0.1~edge-%d.istio-system~istio-system.svc.cluster.local", i), Metadata: metadata, UserAgentName: "envoy",
			UserAgentVersionType: &corev3.Node_UserAgentBuildVersion{UserAgentBuildVersion: &corev3.BuildVersion{Version: &typev3.SemanticVersion{MajorNumber: 1, MinorNumber: 40}}},
		},
	}
}

// dial makes a connection with small buffers, which comes back as the bootstrap has Envoy do.
func (g *gateway) dial() *grpc.ClientConn {
	back := backoff.Config{BaseDelay: 500 * time.Millisecond, Multiplier: 2, Jitter: 0.5, MaxDelay: 5 * time.Second}
	c, err := grpc.NewClient("passthrough:///"+g.address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithReadBufferSize(1<<10), grpc.WithWriteBufferSize(1<<10), grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(1<<30)),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: back, MinConnectTimeout: time.Minute}))
	if err != nil {
		panic(err) // the address is one
	}
	return c
}

// run connects, and connects again, until ctx ends.
func (g *gateway) run(ctx context.Context) {
	client := discoveryv3.NewAggregatedDiscoveryServiceClient(g.dial())
	g.asks(resourcev3.ClusterType)
	g.asks(resourcev3.ListenerType)
	for ctx.Err() == nil {
		g.once(ctx, client)
	}
}

// once is one stream.
func (g *gateway) once(ctx context.Context, client discoveryv3.AggregatedDiscoveryServiceClient) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	var err error
	if g.stream, err = client.DeltaAggregatedResources(ctx, grpc.WaitForReady(true)); err != nil {
		return
	}
	if g.presents() != nil {
		return
	}
	answered := map[string]bool{}
	for {
		r, err := g.stream.Recv()
		if err != nil {
			return
		}
		g.takes(r)
		if err := g.stream.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.GetTypeUrl(), ResponseNonce: r.GetNonce()}); err != nil {
			return
		}
		g.reports(r, answered)
	}
}

// hang asks for everything and reads nothing.
func (g *gateway) hang(ctx context.Context) {
	g.asks(resourcev3.ClusterType)
	g.asks(resourcev3.ListenerType)
	g.asks(resourcev3.ExtensionConfigType, "portreeve.policy")
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(g.dial()).DeltaAggregatedResources(ctx, grpc.WaitForReady(true))
	if err == nil {
		g.stream = stream
		_ = g.presents()
	}
}

// presents sends the first request of each type, with what the gateway has of it already.
func (g *gateway) presents() error {
	for i, url := range g.types {
		r := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: url, ResourceNamesSubscribe: g.asked[url], InitialResourceVersions: g.has[url]}
		if i == 0 {
			r.Node = g.node
		}
		if err := g.stream.Send(r); err != nil {
			return err
		}
	}
	return nil
}

// asks notes that a type is asked for, and reports whether there are other names than before.
func (g *gateway) asks(url string, names ...string) bool {
	if !slices.Contains(g.types, url) {
		g.types = append(g.types, url)
		g.has[url] = map[string]string{}
	}
	before := len(g.asked[url])
	for _, name := range names {
		if !slices.Contains(g.asked[url], name) {
			g.asked[url] = append(g.asked[url], name)
		}
	}
	return len(g.asked[url]) > before
}

// takes notes what a response brings, and asks for what that refers to.
func (g *gateway) takes(r *discoveryv3.DeltaDiscoveryResponse) {
	has := g.has[r.GetTypeUrl()]
	refers := map[string][]string{}
	for _, resource := range r.GetResources() {
		has[resource.GetName()] = resource.GetVersion()
		if url := r.GetTypeUrl(); url != resourcev3.ClusterType && url != resourcev3.ListenerType {
			continue
		}
		message, err := resource.GetResource().UnmarshalNew()
		if err != nil {
			continue
		}
		for url, names := range cachev3.GetResourceReferences(map[string]types.ResourceWithTTL{resource.GetName(): {Resource: message}}) {
			refers[url] = append(refers[url], slices.Sorted(maps.Keys(names))...)
		}
		if r.GetTypeUrl() == resourcev3.ListenerType {
			refers[resourcev3.ExtensionConfigType] = []string{"portreeve.policy"}
		}
	}
	for _, name := range r.GetRemovedResources() {
		delete(has, name)
	}
	for url, names := range refers {
		if g.asks(url, names...) {
			_ = g.stream.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: url, ResourceNamesSubscribe: names})
		}
	}
}

// reports tells the crowd what a response is worth.
func (g *gateway) reports(r *discoveryv3.DeltaDiscoveryResponse, answered map[string]bool) {
	url, n := r.GetTypeUrl(), len(r.GetResources())+len(r.GetRemovedResources())
	answered[url] = true
	switch {
	case !g.through && g.complete():
		g.through = true
		g.crowd.got(g.index, connect, n)
	case url == resourcev3.ExtensionConfigType && n > 0:
		g.crowd.got(g.index, update, n)
	case answered[resourcev3.ClusterType] && answered[resourcev3.ListenerType]:
		g.crowd.got(g.index, reconnect, n)
	default:
		g.crowd.got(g.index, "", n)
	}
}

// complete reports whether the gateway has all that it asks for by name.
func (g *gateway) complete() bool {
	for url, names := range g.asked {
		for _, name := range names {
			if _, has := g.has[url][name]; !has {
				return false
			}
		}
	}
	return len(g.asked[resourcev3.ExtensionConfigType]) > 0
}
