package server_test

import (
	"context"
	"slices"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// client is a tiny gateway. It presents its node in the first request only, as Envoy does.
type client interface {
	// ask sends the first request of a type, or subscribes to more names of it.
	ask(url string, names ...string)
	// again unsubscribes from a name and subscribes to it anew, which must be answered.
	again(url, name string)
	// next returns the next response or ends the test.
	next() response
	// present makes the next request carry a node.
	present(*corev3.Node)
	// accept and refuse answer a response.
	accept(response)
	refuse(response, string)
	// end closes the stream from the client's side and waits for its end.
	end()
	// failure returns the error that the stream ends with.
	failure() error
}

// response is what both protocols have in common.
type response struct {
	url, short, version, nonce string
	names, removed             []string
	resources                  map[string]string
}

// envoyNode returns the node of a gateway of a namespace, and its group.
func envoyNode(t *testing.T, namespace string) (*corev3.Node, node.Group) {
	t.Helper()
	labels, err := structpb.NewStruct(map[string]any{"LABELS": map[string]any{"istio": "ingressgateway"}})
	if err != nil {
		t.Fatal(err)
	}
	n := &corev3.Node{Id: "router~127.0.0.1~edge." + namespace + "~local", Metadata: labels, UserAgentVersionType: tested()}
	id, err := node.Parse(n)
	if err != nil {
		t.Fatal(err)
	}
	return n, id.Group
}

// tested is the newest release of Envoy that is known to be fit.
func tested() *corev3.Node_UserAgentBuildVersion {
	release := node.Tested()[len(node.Tested())-1]
	return numbered(release.Major, release.Minor, release.Patch)
}

// numbered is what an Envoy of a release says of it.
func numbered(major, minor, patch uint32) *corev3.Node_UserAgentBuildVersion {
	return &corev3.Node_UserAgentBuildVersion{UserAgentBuildVersion: &corev3.BuildVersion{
		Version: &typev3.SemanticVersion{MajorNumber: major, MinorNumber: minor, Patch: patch},
	}}
}

// dial opens a stream.
func dial(ctx context.Context, t *testing.T, conn *grpc.ClientConn, p ack.Protocol, n *corev3.Node) client {
	t.Helper()
	api := discoveryv3.NewAggregatedDiscoveryServiceClient(conn)
	if p == ack.SotW {
		stream, err := api.StreamAggregatedResources(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return &sotwClient{t: t, stream: stream, node: n, names: map[string][]string{}, version: map[string]string{}, nonce: map[string]string{}}
	}
	stream, err := api.DeltaAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &deltaClient{t: t, stream: stream, node: n}
}

type deltaClient struct {
	t      *testing.T
	stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesClient
	node   *corev3.Node
	// initial is what the gateway has when it connects, by type.
	initial map[string]map[string]string
}

func (c *deltaClient) send(r *discoveryv3.DeltaDiscoveryRequest) {
	c.t.Helper()
	r.Node, c.node = c.node, nil
	if err := c.stream.Send(r); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

func (c *deltaClient) present(n *corev3.Node) { c.node = n }

func (c *deltaClient) ask(url string, names ...string) {
	c.t.Helper()
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: url, ResourceNamesSubscribe: names, InitialResourceVersions: c.initial[url]})
}

func (c *deltaClient) again(url, name string) {
	c.t.Helper()
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: url, ResourceNamesUnsubscribe: []string{name}})
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: url, ResourceNamesSubscribe: []string{name}})
}

func (c *deltaClient) next() response {
	c.t.Helper()
	r, err := c.stream.Recv()
	if err != nil {
		c.t.Fatalf("receive: %v", err)
	}
	out := response{url: r.GetTypeUrl(), short: short(r.GetTypeUrl()), version: r.GetSystemVersionInfo(), nonce: r.GetNonce(), removed: r.GetRemovedResources(), resources: map[string]string{}}
	for _, res := range r.GetResources() {
		out.names = append(out.names, res.GetName())
		out.resources[res.GetName()] = res.GetVersion()
	}
	slices.Sort(out.names)
	return out
}

func (c *deltaClient) accept(r response) {
	c.t.Helper()
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.url, ResponseNonce: r.nonce})
}

func (c *deltaClient) refuse(r response, message string) {
	c.t.Helper()
	c.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.url, ResponseNonce: r.nonce, ErrorDetail: &status.Status{Code: 13, Message: message}})
}

func (c *deltaClient) end() {
	c.t.Helper()
	if err := c.stream.CloseSend(); err != nil {
		c.t.Errorf("close: %v", err)
	}
	_ = c.failure()
}

func (c *deltaClient) failure() error {
	for {
		if _, err := c.stream.Recv(); err != nil {
			return err
		}
	}
}

type sotwClient struct {
	t      *testing.T
	stream discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	node   *corev3.Node
	// By type: the names subscribed to, the version accepted last, the nonce received last.
	names          map[string][]string
	version, nonce map[string]string
}

func (c *sotwClient) send(url string, refusal *status.Status) {
	c.t.Helper()
	r := &discoveryv3.DiscoveryRequest{
		Node: c.node, TypeUrl: url, ResourceNames: c.names[url],
		VersionInfo: c.version[url], ResponseNonce: c.nonce[url], ErrorDetail: refusal,
	}
	c.node = nil
	if err := c.stream.Send(r); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

func (c *sotwClient) present(n *corev3.Node) { c.node = n }

func (c *sotwClient) ask(url string, names ...string) {
	c.t.Helper()
	c.names[url] = append(c.names[url], names...)
	c.send(url, nil)
}

func (c *sotwClient) again(url, name string) {
	c.t.Helper()
	// An empty list would be answered at once only when the version differs; another name keeps
	// the list from being empty.
	c.names[url] = []string{"another"}
	c.send(url, nil)
	c.names[url] = []string{name}
	c.send(url, nil)
}

func (c *sotwClient) next() response {
	c.t.Helper()
	r, err := c.stream.Recv()
	if err != nil {
		c.t.Fatalf("receive: %v", err)
	}
	out := response{url: r.GetTypeUrl(), short: short(r.GetTypeUrl()), version: r.GetVersionInfo(), nonce: r.GetNonce()}
	for _, packed := range r.GetResources() {
		m, err := packed.UnmarshalNew()
		if err != nil {
			c.t.Fatalf("unpack: %v", err)
		}
		out.names = append(out.names, cachev3.GetResourceName(m))
	}
	slices.Sort(out.names)
	return out
}

func (c *sotwClient) accept(r response) {
	c.t.Helper()
	c.version[r.url], c.nonce[r.url] = r.version, r.nonce
	c.send(r.url, nil)
}

func (c *sotwClient) refuse(r response, message string) {
	c.t.Helper()
	c.nonce[r.url] = r.nonce
	c.send(r.url, &status.Status{Code: 13, Message: message})
}

func (c *sotwClient) end() {
	c.t.Helper()
	if err := c.stream.CloseSend(); err != nil {
		c.t.Errorf("close: %v", err)
	}
	_ = c.failure()
}

func (c *sotwClient) failure() error {
	for {
		if _, err := c.stream.Recv(); err != nil {
			return err
		}
	}
}

func short(url string) string {
	t, _ := snapshot.TypeOf(url)
	return t.Short
}
