package server

import (
	"maps"
	"slices"
	"strings"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// secretRetry is the secrets of a refused response that are sent again, each in a response of its own.
//
// Envoy hands the secrets of a response to those who use them one after the other, and stops at
// the first that it cannot use, such as one whose file is not there: the others have none then,
// or an old one. Which ones is chance, and not said. Sent alone, each is judged by itself, and a
// refusal says which one it is of.
type secretRetry struct {
	// version is that of the refused response, in state-of-the-world.
	version string
	// names are still to be sent. In state-of-the-world those that a newer version has replaced
	// stay here: where that is refused too, it is their turn first.
	names []string
	// slashes is how many are put before the paths of files, by turns one and two: what is sent
	// alone must be other than what was sent together, and than what was sent alone before.
	slashes int
	// handed says that a response with the first name was handed to the library, which may drop it.
	handed bool
}

// notTaken notes what a gateway refused. Of secrets, the one that was refused when it was alone
// is the bad one: it is not sent again before its content changes.
func (s *session) notTaken(d ack.Delivery) {
	if d.URL != resourcev3.SecretType {
		s.redelivery(d.URL).refused(d)
		return
	}
	for name := range d.Resources {
		delete(s.redelivery(d.URL).names, name)
	}
	s.redelivery(d.URL).refused(ack.Delivery{Removed: d.Removed})
	if len(d.Resources) > 1 {
		s.retry = secretRetry{version: d.Version, names: s.retry.before(d), slashes: 1 + s.retry.slashes%2}
	}
}

// before returns what is still to be sent, and after it the secrets of a response that was
// refused as well.
func (r *secretRetry) before(d ack.Delivery) []string {
	names := slices.Clone(r.names)
	for _, name := range slices.Sorted(maps.Keys(d.Resources)) {
		if !slices.Contains(r.names, name) {
			names = append(names, name)
		}
	}
	return names
}

// nextDelta returns a delta response with the next secret, or nil where there is none.
func (s *session) nextDelta(r *cachev3.DeltaRequest, sub cachev3.Subscription) (cachev3.DeltaResponse, error) {
	snap, ok := s.delivery.part(resourcev3.SecretType)
	for ok && len(s.retry.names) > 0 {
		name := s.retry.names[0]
		s.retry.names = s.retry.names[1:]
		secret, there := snap.GetResources(resourcev3.SecretType)[name]
		if _, asked := sub.SubscribedResources()[name]; !there || !asked {
			continue
		}
		b, err := cachev3.MarshalResource(s.retry.aliased(secret))
		if err != nil {
			return nil, err
		}
		version, versions := snap.GetVersionMap(resourcev3.SecretType)[name], maps.Clone(sub.ReturnedResources())
		versions[name] = version
		return &cachev3.DeltaPassthroughResponse{
			DeltaRequest: r, NextVersionMap: versions,
			DeltaDiscoveryResponse: &discoveryv3.DeltaDiscoveryResponse{
				SystemVersionInfo: snap.GetVersion(resourcev3.SecretType), TypeUrl: resourcev3.SecretType,
				Resources: []*discoveryv3.Resource{{Name: name, Version: version, Resource: &anypb.Any{TypeUrl: resourcev3.SecretType, Value: b}}},
			},
		}, nil
	}
	return nil, nil //nolint:nilnil // nothing to send is no error
}

// aliased returns a secret as it is sent alone.
func (r *secretRetry) aliased(m types.Resource) types.Resource {
	if s, ok := m.(*tlsv3.Secret); ok {
		return snapshot.Aliased(s, strings.Repeat("/", r.slashes))
	}
	return m
}

// sent reports whether what goes out is a secret alone, in state-of-the-world.
func (r *secretRetry) sent() bool {
	if !r.handed {
		return false
	}
	r.names, r.handed = r.names[1:], false
	return true
}

// nextAlone returns a response with the next secret, in state-of-the-world, or nil where there is
// none or where a newer version is to be sent anyway.
func (s *session) nextAlone(r *cachev3.Request, sub cachev3.Subscription) (cachev3.Response, error) {
	snap, ok := s.delivery.part(resourcev3.SecretType)
	if !ok || snap.GetVersion(resourcev3.SecretType) != s.retry.version {
		return nil, nil //nolint:nilnil // nothing to send is no error
	}
	for ; len(s.retry.names) > 0; s.retry.names = s.retry.names[1:] {
		name := s.retry.names[0]
		secret, there := snap.GetResources(resourcev3.SecretType)[name]
		if _, asked := sub.SubscribedResources()[name]; !there || !asked {
			continue
		}
		s.retry.handed = true
		return responseOf(r, s.retry.version, sub.ReturnedResources(), s.retry.aliased(secret))
	}
	return nil, nil //nolint:nilnil // nothing to send is no error
}

func responseOf(r *cachev3.Request, version string, returned map[string]string, list ...types.Resource) (cachev3.Response, error) {
	out := &discoveryv3.DiscoveryResponse{VersionInfo: version, TypeUrl: r.GetTypeUrl()}
	for _, m := range list {
		b, err := cachev3.MarshalResource(m)
		if err != nil {
			return nil, err
		}
		out.Resources = append(out.Resources, &anypb.Any{TypeUrl: r.GetTypeUrl(), Value: b})
	}
	return &cachev3.PassthroughResponse{Request: r, ReturnedResources: returned, DiscoveryResponse: out}, nil
}
