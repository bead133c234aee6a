// Package server streams snapshots to gateways over ADS, in state-of-the-world and in delta.
//
// Order of an update: make before break, for each stream by itself and in both protocols; the package
// rollout has it. Within one step the types follow each other in the order of rollout.Order, for those
// whose last response has been answered; a type that still waits for its answer follows when the
// answer comes.
//
// A refused response is recorded, and the gateway stays on what it had. What was in it is sent again
// under the same version, after a second, then after twice as long each time up to a minute, and with
// every edit: its cause may have gone, and nobody would tell. Policy (ECDS) is not, as Envoy accepts
// unread what it refused before; nor does such an answer count. In delta what was beside the bad
// resource is also sent again after the gateway has accepted a later response. Secrets of a refused
// response are sent again one by one, so that one whose file is not there holds up no other; that one is
// sent again every five seconds, with its path written in another way, as Envoy reads it anew only then.
//
// Endpoints and secrets that a gateway asks for when an edit has taken them away already are
// answered with what stands in for them: until then Envoy would take no later clusters.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/rollout"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// grace is how long Serve waits for streams to end by themselves.
const grace = 2 * time.Second

// readBuffer is what is read from a connection at once, but for larger frames: each connection holds as much.
// writeBuffer is what is written at once: each connection that is written to at the moment holds as much.
const (
	readBuffer  = 2 << 10
	writeBuffer = 8 << 10
)

// Fleet is told which groups of gateways there are. Calls for one group never overlap and
// alternate, beginning with Join; calls for different groups may overlap.
type Fleet interface {
	// Join is called when the first stream of a group has presented its node and before
	// anything is looked up for it: what Join hands to Set is the first thing that is served.
	// The stream waits for Join, so it must not wait for a gateway. What it hands to Resume before is
	// what the group was served when it was here last.
	Join(node.Group)
	// Leave is called when the last stream of a group has closed. The group's snapshot is cleared afterwards.
	Leave(node.Group)
	// Known reports whether a group was here before, in another run. It is called at any time.
	Known(group string) bool
}

// Options are what a server works with. Acks is required.
type Options struct {
	// Acks records what each stream is sent, accepts and refuses.
	Acks *ack.Store
	// Logger takes what an operator should know, and what the discovery library says at debug. Nil discards it.
	Logger *slog.Logger
	// Credentials make the connections, each with an identity.Info. Nil makes them of plain text, as if they
	// all came from this machine.
	Credentials credentials.TransportCredentials
	// Judge says what the gateways may be. Nil lets everybody be what it claims.
	Judge Judge
	// MaxConnectionAge is about how long a stream lives, then the gateway connects anew and
	// proves again who it is. 0 is the default.
	MaxConnectionAge time.Duration
	// MaxConnections and NewGroups, the groups that a peer may bring a minute that were never
	// here, bound what clients can take. 0 is the default.
	MaxConnections, NewGroups int
	// MaxStreams is how many gateways are served at one time. 0 is the default.
	MaxStreams int
	// FirstRequest is how long a connection, and a stream, may take to say who it is. 0 is the default.
	FirstRequest time.Duration
	// AllowUntestedEnvoy serves gateways of releases that are older than those that were tested, or
	// not known, with a warning. They may ignore parts of the policy.
	AllowUntestedEnvoy bool
	// Refused is told of everything that a peer is refused, by whoever serves the peer: it must not wait. Nil is nobody.
	Refused func(Refusal)
	// Registerer takes the metrics; nil leaves them unregistered.
	Registerer prometheus.Registerer
	// Now is the clock by which certificates end and minutes are counted. Nil is time.Now.
	Now func() time.Time
}

// Server serves the snapshots that it was Set. It is safe for concurrent use.
type Server struct {
	options               Options
	clock                 clock
	roster                roster
	refused               *refusals
	nacks                 nackLog
	newcomers             *newcomers
	places                places
	unserved              unserved
	connects, disconnects connectionLog
}

// New returns a server that serves nothing yet. It panics where its metrics are registered already.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = DefaultMaxConnections
	}
	if o.MaxStreams <= 0 {
		o.MaxStreams = DefaultMaxStreams
	}
	if o.FirstRequest <= 0 {
		o.FirstRequest = firstRequest
	}
	if o.MaxConnectionAge <= 0 {
		o.MaxConnectionAge = DefaultMaxConnectionAge
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Judge == nil {
		o.Judge = credulous{}
	}
	s := &Server{
		unserved: unserved{peers: map[netip.Addr]int{}},
		connects: newConnectionLog(o.Now), disconnects: newConnectionLog(o.Now),
		places:  places{most: o.MaxStreams},
		options: o, clock: systemClock{}, roster: roster{members: map[string]*member{}},
		refused: newRefusals(o.Logger, o.Refused, o.Now), nacks: newNackLog(o.Logger, o.Now), newcomers: newNewcomers(o.NewGroups, o.Now),
	}
	if o.Registerer != nil {
		o.Registerer.MustRegister(s.refused.count)
	}
	return s
}

// Set makes snap what the streams of a group are served, and sends each what differs from what
// it has, in the order of make before break. A snapshot with equal content sends nothing. The
// snapshot must not change afterwards.
//
// A group without an open stream keeps nothing, and Set returns nil: its next Join asks anew.
// With ctx already ended nothing is set; once begun, an update is never cut short.
func (s *Server) Set(ctx context.Context, group string, snap *snapshot.Snapshot) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("set snapshot: %w", err)
	}
	if snap == nil {
		return fmt.Errorf("set snapshot of %s: there is none", group)
	}
	s.roster.mu.Lock()
	defer s.roster.mu.Unlock()
	m, ok := s.roster.members[group]
	if !ok || m.streams == 0 {
		return nil
	}
	if err := m.offer(rollout.Of(snap, m.newest), snap); err != nil {
		return fmt.Errorf("set snapshot of %s: %w", group, err)
	}
	return nil
}

// Resume says what the streams of a group were served before, by an earlier process or while another
// stream of the group was open. A gateway that comes back with it keeps the clusters that its routes
// lead to until it has the new routes. In state-of-the-world a gateway does not say what it has, only
// the version of it, so without Resume the clusters go first. It is called by Join, before Set.
func (s *Server) Resume(group string, snap *snapshot.Snapshot) {
	s.roster.mu.Lock()
	defer s.roster.mu.Unlock()
	if m, ok := s.roster.members[group]; ok {
		m.note(rollout.Of(snap, m.newest))
	}
}

// Serve accepts streams on l, of whose groups fleet is told, until ctx ends, then ends every stream, waits for a bounded time,
// cuts off what is left, and returns nil with l closed and every group left. Any other end of l is an error.
func (s *Server) Serve(ctx context.Context, l net.Listener, fleet Fleet) error {
	streams, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	streaming := &service{server: s, fleet: fleet, serving: streams}
	g := grpc.NewServer(append(s.grpcOptions(), grpc.UnknownServiceHandler(streaming.unknown))...)
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(g, streaming)
	failed := make(chan error, 1)
	go func() {
		failed <- g.Serve(&gate{Listener: l, most: s.options.MaxConnections, strangersMost: maxStrangers, firstRequestTimeout: s.options.FirstRequest, pressed: pressed, refused: s.refused})
	}()
	select {
	case err := <-failed:
		end()
		g.Stop()
		return fmt.Errorf("serve xds on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	// Streams end only when told to. After that the connections can be closed in good order.
	end()
	cut := time.AfterFunc(grace, g.Stop)
	defer cut.Stop()
	g.GracefulStop()
	if err := <-failed; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("stop serving xds on %s: %w", l.Addr(), err)
	}
	return nil
}

func (s *Server) grpcOptions() []grpc.ServerOption {
	out := []grpc.ServerOption{
		// A gateway has one stream per connection, and for a moment two when it reconnects.
		grpc.MaxConcurrentStreams(8),
		// The preface and TLS; then a stranger's time counts, see gate.
		grpc.ConnectionTimeout(s.options.FirstRequest),
		grpc.MaxHeaderListSize(16 << 10),
		// What a stream may send before it is read from, and all streams of a connection together.
		grpc.InitialWindowSize(64 << 10),
		grpc.InitialConnWindowSize(1 << 20),
		// A gateway says little, and seldom: what there is to read at once is much less than the 32 KiB that each
		// connection would hold for it. A whole fleet is written to at the same moment.
		grpc.ReadBufferSize(readBuffer),
		grpc.WriteBufferSize(writeBuffer),
		// Envoy may ping a stream as often as it likes to notice that we are gone; grpc-go's own
		// limit of one ping in five minutes would close the connection of one that does.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Second, PermitWithoutStream: true}),
		// A gateway that vanished without closing is gone from the status within 40 s.
		// A connection without a stream is of no use.
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 10 * time.Second, MaxConnectionIdle: time.Minute}),
		grpc.MaxRecvMsgSize(maxRequest),
		grpc.MaxSendMsgSize(math.MaxInt32),
		grpc.ForceServerCodecV2(newCodec()),
		// Stop returns when the streams have left their groups.
		grpc.WaitForHandlers(true),
	}
	if s.options.Credentials != nil {
		out = append(out, grpc.Creds(newHandshakes(s.options.Credentials, s.refused, s.options.Now)))
	}
	return out
}
