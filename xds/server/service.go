package server

import (
	"context"
	"net"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	deltav3 "github.com/envoyproxy/go-control-plane/pkg/server/delta/v3"
	sotwv3 "github.com/envoyproxy/go-control-plane/pkg/server/sotw/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/peer"

	"github.com/portreeve/portreeve/xds/ack"
)

// service is the gRPC service during one Serve. Every stream gets a server of the discovery
// library for itself, whose callbacks and cache are that stream's session: so a session needs
// no lock, and no table from stream numbers to sessions.
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
	return lib.StreamHandler(sotwStream{stream, newRequests(stream.Recv, ss.redelivery.due, ss.redeliver)}, resourcev3.AnyType)
}

// DeltaAggregatedResources serves a delta stream until it ends.
func (s *service) DeltaAggregatedResources(stream discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	ss := s.session(stream.Context(), ack.Delta)
	defer ss.end()
	lib := deltav3.NewServer(ss.serving, ss, ss, deltav3.WithLogger(bridge{ss.logger}), deltav3.DeactivateLegacyWildcardForTypes(byName()))
	return lib.DeltaStreamHandler(deltaStream{stream, newRequests(stream.Recv, ss.redelivery.due, ss.redeliverDelta)}, resourcev3.AnyType)
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
	out.hurry()
	return out
}
