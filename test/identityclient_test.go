package test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/structpb"
)

// tap is a connection that keeps all that is read from it.
type tap struct {
	net.Conn
	mu   sync.Mutex
	read bytes.Buffer
}

// Read keeps what it reads.
func (c *tap) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read.Write(p[:n])
	return n, err
}

// has reports whether all of the texts came, and any whether one of them did.
func (c *tap) has(texts ...string) (all, some bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all = true
	for _, text := range texts {
		came := bytes.Contains(c.read.Bytes(), []byte(text))
		all, some = all && came, some || came
	}
	return all, some
}

// caller is one connection to the port of gateways that speaks the protocol by hand.
type caller struct {
	conn *grpc.ClientConn
	// tap has what came, without TLS; nil until the connection is made.
	tap  *tap
	made sync.Once
}

// newCaller connects once and never again, from an address of its own: what is logged of one address is bounded. Without
// TLS it speaks plain text.
func newCaller(t testing.TB, target string, source byte, config *tls.Config) *caller {
	t.Helper()
	c := &caller{}
	dial := func(ctx context.Context, address string) (net.Conn, error) {
		err := errors.New("a second connection")
		c.made.Do(func() { c.tap, err = tapped(ctx, address, source, config) })
		if err != nil {
			return nil, err
		}
		return c.tap, nil
	}
	var err error
	c.conn, err = grpc.NewClient("passthrough:///"+target, grpc.WithContextDialer(dial), grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	t.Cleanup(func() { _ = c.conn.Close() })
	return c
}

// tapped opens a connection from an address of the loopback network.
func tapped(ctx context.Context, address string, source byte, config *tls.Config) (*tap, error) {
	raw, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, source)}}).DialContext(ctx, "tcp", address)
	if err != nil || config == nil {
		return &tap{Conn: raw}, err
	}
	secure := tls.Client(raw, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return &tap{Conn: secure}, nil
}

// heard reports whether all, and whether some, of the texts came over the connection.
func (c *caller) heard(texts ...string) (all, some bool) {
	if c.tap == nil {
		return false, false
	}
	return c.tap.has(texts...)
}

// asker is a stream of either form.
type asker struct {
	send func(n *corev3.Node, url string, names []string, version, nonce string) error
	recv func() (url, version, nonce string, err error)
	node *corev3.Node
	// names are what was asked for of each type.
	names map[string][]string
}

// form opens a stream in a form of the protocol, for as long as the context lasts.
type form func(context.Context, *caller) (*asker, error)

func forms() map[string]form {
	return map[string]form{"delta": askDelta, "state-of-the-world": askWorld}
}

func askDelta(ctx context.Context, c *caller) (*asker, error) {
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(c.conn).DeltaAggregatedResources(ctx)
	return &asker{
		send: func(n *corev3.Node, url string, names []string, _, nonce string) error {
			if nonce != "" {
				names = nil // it is asked for already
			}
			return stream.Send(&discoveryv3.DeltaDiscoveryRequest{Node: n, TypeUrl: url, ResourceNamesSubscribe: names, ResponseNonce: nonce})
		},
		recv: func() (url, version, nonce string, err error) {
			r, err := stream.Recv()
			return r.GetTypeUrl(), r.GetSystemVersionInfo(), r.GetNonce(), err
		},
		names: map[string][]string{},
	}, err
}

func askWorld(ctx context.Context, c *caller) (*asker, error) {
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(c.conn).StreamAggregatedResources(ctx)
	return &asker{
		send: func(n *corev3.Node, url string, names []string, version, nonce string) error {
			return stream.Send(&discoveryv3.DiscoveryRequest{Node: n, TypeUrl: url, ResourceNames: names, VersionInfo: version, ResponseNonce: nonce})
		},
		recv: func() (url, version, nonce string, err error) {
			r, err := stream.Recv()
			return r.GetTypeUrl(), r.GetVersionInfo(), r.GetNonce(), err
		},
		names: map[string][]string{},
	}, err
}

// ask asks for resources of a type, without names for all. What is wrong comes with the answer.
func (a *asker) ask(url string, names ...string) {
	a.names[url] = names
	_ = a.send(a.node, url, names, "", "")
}

// everything asks for all that a gateway of a guarded plane is served.
func (a *asker) everything(n *corev3.Node) {
	a.node = n
	a.ask(resourcev3.ClusterType)
	a.ask(resourcev3.ListenerType)
	a.ask(resourcev3.SecretType, "kubernetes://one")
	a.ask(resourcev3.ExtensionConfigType, "portreeve.policy")
}

// next accepts one response. The error is how the stream ended.
func (a *asker) next() error {
	url, version, nonce, err := a.recv()
	if err == nil {
		_ = a.send(a.node, url, a.names[url], version, nonce)
	}
	return err
}

// until accepts responses until something holds. The error is how the stream ended before.
func (a *asker) until(holds func() bool) error {
	for !holds() {
		if err := a.next(); err != nil {
			return err
		}
	}
	return nil
}

// claiming is a node that says who it is.
func claiming(name, namespace string, labels map[string]any) *corev3.Node {
	metadata, _ := structpb.NewStruct(map[string]any{"LABELS": labels, "NAMESPACE": namespace}) // fails for no such values
	return &corev3.Node{
		Id: "router~127.0.0.1~" + name + "." + namespace + "~" + namespace + ".svc.cluster.local", Metadata: metadata,
		UserAgentVersionType: &corev3.Node_UserAgentBuildVersion{UserAgentBuildVersion: &corev3.BuildVersion{Version: &typev3.SemanticVersion{MajorNumber: 1, MinorNumber: 40}}},
	}
}

// ingress is the node of the right gateway.
func ingress() *corev3.Node {
	return claiming("gateway", "istio-system", map[string]any{"istio": "ingressgateway"})
}
