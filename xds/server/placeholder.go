package server

import (
	"maps"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/xds/rollout"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// withoutResource returns what a gateway asks for that was never sent to it and is in the snapshot no
// more, because an edit came between a cluster and the request for what the cluster needs.
//
// It must be answered: while a cluster waits for its endpoints or secrets, Envoy takes no later
// clusters, so without an answer it would stay for ever on those that it has.
func (s *session) withoutResource(snap *rollout.Part, url string, sub cachev3.Subscription) []string {
	maps.DeleteFunc(s.had[url], func(name string, _ struct{}) bool { _, asked := sub.SubscribedResources()[name]; return !asked })
	var out []string
	for _, name := range slices.Sorted(maps.Keys(sub.SubscribedResources())) {
		_, returned := sub.ReturnedResources()[name]
		if _, had := s.had[url][name]; !snap.Has(name) && !returned && !had {
			out = append(out, name)
		}
	}
	return out
}

// hands notes the names of a response.
func (s *session) hands(url string, names map[string]string) {
	if url != resourcev3.EndpointType && url != resourcev3.SecretType {
		return
	}
	if s.had[url] == nil {
		s.had[url] = map[string]struct{}{}
	}
	for name := range names {
		s.had[url][name] = struct{}{}
	}
}

// placeholders returns, in state-of-the-world, the endpoints that a gateway has asked for together
// with what stands in for those that are gone, or nil where none are.
func (s *session) placeholders(r *cachev3.Request, sub cachev3.Subscription) (cachev3.Response, error) {
	snap, ok := s.delivery.part(resourcev3.EndpointType)
	if !ok {
		return nil, nil //nolint:nilnil // nothing to send is no error
	}
	gone := s.withoutResource(snap, resourcev3.EndpointType, sub)
	if len(gone) == 0 {
		return nil, nil //nolint:nilnil // nothing to send is no error
	}
	version := snap.GetVersion(resourcev3.EndpointType)
	returned := map[string]string{}
	var list []types.Resource
	for _, name := range slices.Sorted(maps.Keys(sub.SubscribedResources())) {
		if e := snap.Resource(name); e != nil {
			returned[name] = version
			list = append(list, e)
		}
	}
	for _, e := range snapshot.Placeholders(snap, gone) {
		list = append(list, e)
	}
	return responseOf(r, version, returned, list...)
}

// refusable returns, in state-of-the-world, a response with a secret that no gateway can use, in
// place of one that is gone, or nil where none is: refusing it ends the waiting, and nothing
// connects with it. Each is sent alone, as those
// beside it would be refused too, and is not recorded, being no fault of the gateway's or the policy's.
func (s *session) refusable(r *cachev3.Request, sub cachev3.Subscription) (cachev3.Response, error) {
	snap, ok := s.delivery.part(resourcev3.SecretType)
	if !ok {
		return nil, nil //nolint:nilnil // nothing to send is no error
	}
	gone := s.withoutResource(snap, resourcev3.SecretType, sub)
	if len(gone) == 0 {
		return nil, nil //nolint:nilnil // nothing to send is no error
	}
	s.unusable = true
	none := &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: "none"}}
	return responseOf(r, r.GetVersionInfo(), sub.ReturnedResources(), &tlsv3.Secret{
		Name: gone[0], Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{TrustedCa: none}},
	})
}

// ofSecrets returns, in state-of-the-world, what is to be sent of secrets apart from the cache, or nil.
func (s *session) ofSecrets(r *cachev3.Request, sub cachev3.Subscription) (cachev3.Response, error) {
	s.unusable, s.retry.handed = false, false
	if response, err := s.refusable(r, sub); err != nil || response != nil {
		return response, err
	}
	return s.nextAlone(r, sub)
}

// placeholdersDelta is placeholders for delta, with what stands in alone. A secret has nothing that
// could stand in for it: the gateway is told that it is gone, and fails to connect without.
func (s *session) placeholdersDelta(url string, sub cachev3.Subscription) (deltaResponse, bool, error) {
	snap, ok := s.delivery.part(url)
	if !ok {
		return deltaResponse{}, false, nil
	}
	gone := s.withoutResource(snap, url, sub)
	if len(gone) == 0 {
		return deltaResponse{}, false, nil
	}
	if url == resourcev3.SecretType {
		return deltaResponse{message: newMessage(url, snap.GetVersion(url), nil, gone), returned: sub.ReturnedResources()}, true, nil
	}
	var list []resource
	for _, e := range snapshot.Placeholders(snap, gone) {
		b, err := cachev3.MarshalResource(e)
		if err != nil {
			return deltaResponse{}, false, err
		}
		list = append(list, resource{e.GetClusterName(), cachev3.HashResource(b), &anypb.Any{TypeUrl: url, Value: b}})
	}
	return deltaResponse{message: newMessage(url, snap.GetVersion(url), list, nil), returned: sub.ReturnedResources()}, true, nil
}
