package server

import (
	"context"
	"net"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	sotwv3 "github.com/envoyproxy/go-control-plane/pkg/server/sotw/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/identity"
	"github.com/portreeve/portreeve/xds/node"
)

// service is the gRPC service during one Serve. Every stream has a session for itself, which needs no lock. In
// state-of-the-world it is the callbacks and the cache of a server of the discovery library.
type service struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	server *Server
	fleet  Fleet
	// serving ends when every stream shall.
	serving context.Context
}

var _ discoveryv3.AggregatedDiscoveryServiceServer = (*service)(nil)

// StreamAggregatedResources serves a state-of-the-world stream until it ends.
func (s *service) StreamAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer) error {
	ss := s.session(stream.Context(), ack.SotW)
	defer ss.end()
	lib := sotwv3.NewServer(ss.serving, ss, ss, sotwv3.WithOrderedADS(), sotwv3.WithLogger(bridge{ss.logger}), sotwv3.DeactivateLegacyWildcardForTypes(byName()))
	return ss.result(lib.StreamHandler(sotwStream{stream, ss.rights, newRequests(stream.Recv, ss.redelivery.due, ss.redeliver)}, resourcev3.AnyType))
}

// DeltaAggregatedResources serves a delta stream until it ends.
func (s *service) DeltaAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	ss := s.session(stream.Context(), ack.Delta)
	defer ss.end()
	return ss.result(newDeltaStream(ss, stream).serve())
}

// unknown refuses every method but the two streams of ADS, and puts on record who asked for it: there is no other
// way to resources, and no gateway of ours looks for one.
func (s *service) unknown(_ any, stream grpc.ServerStream) error {
	from, _ := peer.FromContext(stream.Context())
	method, _ := grpc.MethodFromServerStream(stream)
	reason := "the method " + node.Cut(method) + " is not served, only the streams of ADS are"
	if from != nil {
		s.server.refused.note(Refusal{Kind: "demand", Peer: from.Addr.String(), Identity: s.proof(from).String(), Reason: reason})
	}
	return grpcstatus.Error(codes.Unimplemented, reason)
}

// byName are the types that Envoy asks for by name only. A request that names nothing then
// subscribes to nothing: taken for everything, it would mark as known what Envoy threw away
// because it had not asked for it, and would ask for later in vain.
func byName() []string {
	return []string{resourcev3.EndpointType, resourcev3.RouteType, resourcev3.ExtensionConfigType, resourcev3.SecretType}
}

func (s *service) session(ctx context.Context, p ack.Protocol) *session {
	from, _ := peer.FromContext(ctx)
	if from == nil {
		from = &peer.Peer{Addr: &net.TCPAddr{}}
	}
	out := &session{
		server: s.server, fleet: s.fleet, protocol: p, address: from.Addr.String(), peer: peerOf(from.Addr),
		sent: map[string]version{}, names: map[string][]string{}, had: map[string]map[string]struct{}{}, strange: map[string]*strange{},
		redelivery: newRedelivery(s.server.clock, p), own: &status.Status{}, retry: secretRetry{slashes: map[string]int{}, refused: map[string]struct{}{}},
		logger: s.server.options.Logger.With("peer", from.Addr.String(), "protocol", string(p)),
	}
	if a, ok := from.Addr.(address); ok {
		out.conn = a.conn
	}
	out.serving, out.end = context.WithCancel(s.serving)
	out.rights = &rights{judge: s.server.options.Judge, proof: s.proof(from), age: s.server.options.MaxConnectionAge, now: s.server.options.Now, tell: out.ending, end: out.cut}
	if out.conn != nil && out.conn.parting.Load() {
		out.rights.over = grpcstatus.Error(codes.Unavailable, "connect again: the connection is about to be closed")
		out.end()
	}
	out.hurry()
	return out
}

// proof returns what a connection has proved. One that did not come by our credentials has proved nothing,
// and nobody knows who listens: it fails closed.
func (s *service) proof(from *peer.Peer) identity.Proof {
	if s.server.options.Credentials == nil {
		return identity.Proof{Transport: identity.Loopback}
	}
	if info, ok := from.AuthInfo.(identity.Info); ok {
		return info.Proof
	}
	return identity.Proof{Transport: identity.Plain}
}
