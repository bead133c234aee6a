package server

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync/atomic"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	sotwv3 "github.com/envoyproxy/go-control-plane/pkg/server/sotw/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/rollout"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// session is one stream. It is called on the goroutine of the stream only, in state-of-the-world by the library.
type session struct {
	server   *Server
	fleet    Fleet
	logger   *slog.Logger
	protocol ack.Protocol
	address  string
	// peer is whose connection it is, and conn the connection; it is nil where the server did not accept it.
	peer netip.Addr
	conn *conn
	// serving ends when the stream shall, and end ends it. said is that its node was accepted.
	serving context.Context
	end     context.CancelFunc
	said    atomic.Bool
	// placed says that it has taken one of the server's places.
	placed bool
	demand demand
	// strange is what it holds that is not served, by type.
	strange map[string]*strange

	// rights are what the gateway may be.
	rights *rights
	// node is what the first request said, and claimed whom it said to be. identity is as whom it is served. record is set with them.
	node     *corev3.Node
	claimed  node.Identity
	identity node.Identity
	record   *ack.Stream
	delivery *delivery
	// before are, in state-of-the-world, the parts of which the gateway may have one, by type and
	// until it has asked for the type: every edit has others, and a stream may be open for months.
	before map[string][]*rollout.Part
	// sent is the last response of each type, in state-of-the-world.
	sent map[string]version
	// had are the names of endpoints and secrets that were sent and are still asked for, by type.
	had map[string]map[string]struct{}
	// unusable says that what was handed to the library last of secrets is to be refused.
	unusable bool
	// redelivery is what is refused and sent again, and own stands in the requests that the plane makes for that.
	redelivery *redelivery
	own        *status.Status
	// names are what was asked for last of each type, in state-of-the-world; idle says, in delta, that no
	// answer was due when the plane made its last request.
	names map[string][]string
	idle  bool
	// alias is put before the paths of files in secrets, where the gateway was here before.
	alias string
	// retry is the secrets that are sent one by one.
	retry secretRetry
}

// version names a response of state-of-the-world.
type version struct{ nonce, info string }

var _ sotwv3.Callbacks = (*session)(nil)

// asks refuses a request that asks for more than a gateway can mean.
func (s *session) asks(url string, names []string, has map[string]string) error {
	if reason := s.demand.request(url, names, has); reason != "" {
		return s.refuse("demand", codes.ResourceExhausted, s.node, reason)
	}
	return nil
}

// subscribes refuses a stream that asks for more than a gateway can mean, all in all.
func (s *session) subscribes(url string, asked []string, has map[string]string, sub cachev3.Subscription) error {
	if s.protocol == ack.Delta && len(asked)+len(has) == 0 && s.strange[url] == nil {
		return nil // an answer, or a name less
	}
	reason := s.demand.subscribed(url, sub)
	if reason == "" {
		reason = s.counts(url, asked, has, sub)
	}
	if reason != "" {
		return s.refuse("demand", codes.ResourceExhausted, s.node, reason)
	}
	return nil
}

// close ends the session; its watches are cancelled already.
func (s *session) close() {
	if s.placed {
		s.server.places.give()
	}
	if s.record == nil {
		return
	}
	s.redelivery.close()
	s.release()
	s.record.Close()
	s.server.leave(s.fleet, s.identity.Group, s.delivery)
	if line, ok := s.server.disconnects.line(s.identity); ok {
		s.logger.Info("gateway disconnected", line...)
	}
}

// answer records what a request says of the response with its nonce.
func (s *session) answer(url, nonce string, refusal *status.Status) {
	switch _, served := snapshot.TypeOf(url); {
	case !served || nonce == "":
	case refusal != nil:
		if d, nack := s.record.Nacked(url, nonce, s.plain(url, refusal.GetMessage())); nack != nil {
			s.server.nacks.write(s.identity.ID, s.address, url, nack)
			s.delivery.answers(url, true)
			s.notTaken(d)
		}
	default:
		if d, ok := s.record.Acked(url, nonce); ok {
			s.delivery.answers(url, len(d.Unread) > 0)
			s.settles(url)
			s.redelivery.accepts(d)
			s.server.nacks.mended(s.identity.ID, s.address, url, d.Mended)
		}
	}
}

// OnStreamOpen implements sotwv3.Callbacks. The node comes with the first request.
func (s *session) OnStreamOpen(context.Context, int64, string) error { return nil }

// OnStreamClosed implements sotwv3.Callbacks.
func (s *session) OnStreamClosed(int64, *corev3.Node) { s.close() }

// OnStreamRequest implements sotwv3.Callbacks.
//
// A refusal repeats the version that the gateway still has. The library compares only that, and
// would send the refused response again at once, and again for ever. So a request that
// answers the last response is taken to have its version: the next one is sent when the content changes.
func (s *session) OnStreamRequest(_ int64, r *discoveryv3.DiscoveryRequest) error {
	if r.GetErrorDetail() == s.own {
		s.due(r)
		return nil
	}
	// The library fills in the node that it saw last; who it is was settled by the first.
	if err := s.admit(r.GetNode()); err != nil {
		return err
	}
	r.Node = s.node
	if err := s.asks(r.GetTypeUrl(), r.GetResourceNames(), nil); err != nil {
		return err
	}
	s.answer(r.GetTypeUrl(), r.GetResponseNonce(), r.GetErrorDetail())
	if r.GetResponseNonce() == "" && r.GetVersionInfo() != "" {
		s.returns()
	}
	if last, ok := s.sent[r.GetTypeUrl()]; ok && last.nonce == r.GetResponseNonce() {
		r.VersionInfo = last.info
	}
	return nil
}

// OnStreamResponse implements sotwv3.Callbacks.
func (s *session) OnStreamResponse(_ context.Context, _ int64, _ *discoveryv3.DiscoveryRequest, r *discoveryv3.DiscoveryResponse) {
	s.aliasAll(r)
	s.sent[r.GetTypeUrl()] = version{nonce: r.GetNonce(), info: r.GetVersionInfo()}
	resources := make(map[string]string, len(r.GetResources()))
	for _, packed := range r.GetResources() {
		resources[nameIn(packed.GetValue())] = r.GetVersionInfo()
	}
	s.hands(r.GetTypeUrl(), resources)
	if r.GetTypeUrl() == resourcev3.SecretType && s.unusable {
		s.unusable = false
		return
	}
	s.record.Sent(ack.Delivery{
		URL: r.GetTypeUrl(), Version: r.GetVersionInfo(), Nonce: r.GetNonce(), Resources: resources, Trace: s.delivery.sent(r.GetTypeUrl()).Trace(),
		Hashes:  s.delivery.sent(r.GetTypeUrl()).GetVersionMap(r.GetTypeUrl()),
		Partial: r.GetTypeUrl() == resourcev3.SecretType && s.retry.sent(),
	})
}

// takesDelta takes a request of delta. What was sent is remembered, and not sent again after a refusal.
func (s *session) takesDelta(r *discoveryv3.DeltaDiscoveryRequest) error {
	if r.GetErrorDetail() == s.own {
		s.dueDelta(r)
		return nil
	}
	if err := s.admit(r.GetNode()); err != nil {
		return err
	}
	if err := s.asks(r.GetTypeUrl(), r.GetResourceNamesSubscribe(), r.GetInitialResourceVersions()); err != nil {
		return err
	}
	s.answer(r.GetTypeUrl(), r.GetResponseNonce(), r.GetErrorDetail())
	if len(r.GetInitialResourceVersions()) > 0 {
		s.returns()
	}
	if names := r.GetResourceNamesUnsubscribe(); len(names) > 0 {
		s.unsubscribed(r.GetTypeUrl(), names)
	}
	return nil
}

// asked notes what is asked for of a type, in state-of-the-world, where what is not named any more is asked
// for no longer. It is told only of requests that the library takes: a client can send as many others as it
// likes.
func (s *session) asked(url string, names []string) {
	before := s.names[url]
	if slices.Equal(before, names) {
		return
	}
	s.names[url] = names
	still := make(map[string]struct{}, len(names))
	for _, name := range names {
		still[name] = struct{}{}
	}
	gone := slices.DeleteFunc(slices.Clone(before), func(name string) bool { _, ok := still[name]; return ok })
	s.record.Unsubscribed(url, gone)
	s.redelivery.forgets(url, gone)
}

// unsubscribed forgets what a delta gateway asks for no longer. The names of endpoints are others with
// every edit of their cluster, so they would become ever more.
func (s *session) unsubscribed(url string, names []string) {
	if _, served := snapshot.TypeOf(url); !served {
		return
	}
	s.record.Unsubscribed(url, names)
	s.redelivery.forgets(url, names)
	if url == resourcev3.SecretType {
		s.retry.forget(names)
	}
}

// sendsDelta records a response that goes out.
func (s *session) sendsDelta(m *message, nonce string) {
	s.hands(m.url, m.versions)
	for _, name := range m.removed {
		s.hands(m.url, map[string]string{name: ""})
	}
	s.record.Sent(ack.Delivery{
		URL: m.url, Version: m.version, Nonce: nonce, Resources: m.versions, Removed: m.removed, Trace: s.delivery.sent(m.url).Trace(),
	})
}
