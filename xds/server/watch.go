package server

import (
	"errors"

	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/stream/v3"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/portreeve/portreeve/xds/rollout"
	"github.com/portreeve/portreeve/xds/snapshot"
)

var _ cachev3.ConfigWatcher = (*session)(nil)

// CreateWatch implements cachev3.ConfigWatcher for state-of-the-world. A request for a type that
// is not delivered is left without an answer, as for a resource that does not exist: the cache
// would answer it while holding its lock, and enough different types would hold it for ever.
func (s *session) CreateWatch(r *cachev3.Request, sub cachev3.Subscription, out chan cachev3.Response) (func(), error) {
	if err := s.subscribes(r.GetTypeUrl(), r.GetResourceNames(), nil, sub); err != nil {
		return nil, err
	}
	if _, served := snapshot.TypeOf(r.GetTypeUrl()); !served {
		s.logger.Debug("type is not delivered", "type", r.GetTypeUrl())
		return func() {}, nil
	}
	s.asked(r.GetTypeUrl(), r.GetResourceNames())
	return s.delivery.watch(r.GetTypeUrl(), s.has(r), func() (func(), error) { return s.sotwWatch(r, sub, out) })
}

// has returns what a gateway that was here before has of a type, or nil where that is not known: in
// state-of-the-world it says nothing but the version.
func (s *session) has(r *cachev3.Request) *rollout.Part {
	before := s.before[r.GetTypeUrl()]
	delete(s.before, r.GetTypeUrl())
	if r.GetResponseNonce() != "" {
		return nil
	}
	for _, p := range before {
		if p.Holds(r.GetVersionInfo()) {
			return p
		}
	}
	return nil
}

func (s *session) sotwWatch(r *cachev3.Request, sub cachev3.Subscription, out chan cachev3.Response) (func(), error) {
	own := map[string]func(*cachev3.Request, cachev3.Subscription) (cachev3.Response, error){
		resourcev3.SecretType: s.ofSecrets, resourcev3.EndpointType: s.placeholders,
	}
	if ask, ok := own[r.GetTypeUrl()]; ok {
		response, err := ask(r, sub)
		if err != nil {
			return nil, err
		}
		if response != nil {
			// The library has taken earlier responses of the type out of the channel: there is room.
			out <- response
			return func() {}, nil
		}
	}
	return s.delivery.caches.watchAll(r, sub, out), nil
}

// CreateDeltaWatch implements cachev3.ConfigWatcher. Delta is served without the library, see deltaStream.
func (s *session) CreateDeltaWatch(*cachev3.DeltaRequest, cachev3.Subscription, chan cachev3.DeltaResponse) (func(), error) {
	return nil, errors.ErrUnsupported
}

// watchDelta watches a type for a request of delta. A type that is not delivered is left without an answer.
//
// When the first request of a type needs no response, the gateway has what is in the snapshot,
// which is how it is after a restart; that is recorded, as no answer will tell.
func (s *session) watchDelta(r *cachev3.DeltaRequest, sub *stream.Subscription, out chan<- deltaResponse) (func(), error) {
	url := r.GetTypeUrl()
	if err := s.subscribes(url, r.GetResourceNamesSubscribe(), r.GetInitialResourceVersions(), sub); err != nil {
		return nil, err
	}
	if _, served := snapshot.TypeOf(url); !served {
		s.logger.Debug("type is not delivered", "type", url)
		return func() {}, nil
	}
	if r.GetErrorDetail() == s.own && !s.idle {
		return func() {}, nil // the gateway's answer opens the next one
	}
	var has *rollout.Part
	// Endpoints are kept too, as long as the clusters: Envoy goes on with those of which it is told that they are gone, but asks for them on its next
	// stream as if it never had any, and would be given none.
	if versions := r.GetInitialResourceVersions(); r.GetResponseNonce() == "" && len(versions) > 0 {
		has = rollout.Announced(url, versions)
	}
	known := s.known(r)
	return s.delivery.watch(url, has, func() (func(), error) { return s.deltaWatch(r, known, sub, out) })
}

// known returns what a gateway says it has and is served. What nobody knows is not recorded: it is told to go, and
// there may be much of it.
func (s *session) known(r *cachev3.DeltaRequest) map[string]string {
	if len(r.GetInitialResourceVersions()) == 0 {
		return nil
	}
	out, served := map[string]string{}, s.served(r.GetTypeUrl())
	for name, version := range r.GetInitialResourceVersions() {
		if served.has(name) {
			out[name] = version
		}
	}
	return out
}

// deltaWatch creates a watch for a gateway that had this of the type, which counts with the first request.
func (s *session) deltaWatch(r *cachev3.DeltaRequest, had map[string]string, sub *stream.Subscription, out chan<- deltaResponse) (func(), error) {
	url := r.GetTypeUrl()
	s.redelivery.resend(url, sub)
	if response, ok, err := s.apart(url, sub); err != nil || ok {
		if ok {
			// Earlier responses were taken out of the channel: there is room.
			out <- response
		}
		return func() {}, err
	}
	cancel := s.delivery.caches.watch(url, r.GetResponseNonce(), sub, out)
	if r.GetResponseNonce() != "" {
		return cancel, nil
	}
	s.record.Has(url, had)
	if part, ok := s.delivery.part(url); ok && cancel != nil {
		s.record.Current(url, part.GetVersion(url))
	}
	return cancel, nil
}

// apart returns what is to be sent apart from what is served, if anything.
func (s *session) apart(url string, sub cachev3.Subscription) (deltaResponse, bool, error) {
	if url != resourcev3.SecretType && url != resourcev3.EndpointType {
		return deltaResponse{}, false, nil
	}
	response, ok, err := s.placeholdersDelta(url, sub)
	if err == nil && !ok && url == resourcev3.SecretType {
		return s.nextDelta(sub)
	}
	return response, ok, err
}

// nameIn reads the name out of a packed resource. It is the first field of every delivered type:
// of a ClusterLoadAssignment the cluster_name, of all others the name.
func nameIn(b []byte) string {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return ""
		}
		b = b[n:]
		if number == 1 && kind == protowire.BytesType {
			name, _ := protowire.ConsumeBytes(b)
			return string(name)
		}
		if n = protowire.ConsumeFieldValue(number, kind, b); n < 0 {
			return ""
		}
		b = b[n:]
	}
	return ""
}
