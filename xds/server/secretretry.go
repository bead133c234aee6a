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
	"github.com/portreeve/portreeve/xds/rollout"
)

// secretRetry is the secrets that are sent again, each in a response of its own.
//
// Envoy hands the secrets of a response to those who use them one after the other, and stops at
// the first that it cannot use, such as one whose file is not there: the others have none then,
// or an old one. Which ones is chance, and not said. Sent alone, each is judged by itself, and a
// refusal says which one it is of. One that was refused alone is sent again after a while: its file
// may be there now. Envoy reads a file once and passes by the same secret ever after, so each time
// the path is written in another way.
type secretRetry struct {
	// version is that of the secrets, in state-of-the-world.
	version string
	// names are still to be sent. In state-of-the-world those that a newer version has replaced
	// stay here: where that is refused too, it is their turn first.
	names []string
	// slashes is how many were put before the paths of a secret when it was sent alone last, one and
	// two by turns: it must be other than what was sent together, and than what was sent alone before.
	slashes map[string]int
	// refused are those that were refused alone. They stay where the gateway accepts them then: in
	// state-of-the-world they are sent with every secret that is asked for more, and accepted unread.
	refused map[string]struct{}
	// handed says that a response with the first name was handed to the library, which may drop it.
	handed bool
}

// notTaken notes what a gateway refused. Of secrets, the one that was refused when it was alone
// is the bad one.
func (s *session) notTaken(d ack.Delivery) {
	if d.URL != resourcev3.SecretType {
		s.redelivery.refuses(d)
		return
	}
	s.redelivery.keepsRemovals(d)
	if s.retry.refuses(d) {
		s.redelivery.retriesSecrets()
	}
}

// refuses notes a refused response, and reports whether a secret was alone in it.
func (r *secretRetry) refuses(d ack.Delivery) bool {
	if len(d.Resources) > 1 {
		r.version, r.names = d.Version, r.before(d)
		return false
	}
	for name := range d.Resources {
		r.refused[name] = struct{}{}
	}
	return len(d.Resources) == 1
}

// forget drops secrets that are asked for no longer.
func (r *secretRetry) forget(names []string) {
	for _, name := range names {
		delete(r.refused, name)
		delete(r.slashes, name)
	}
}

// due has the secrets sent that were refused alone and have files: of no other is anything read anew,
// and the same content would be accepted unread.
func (r *secretRetry) due(secrets *rollout.Part) {
	for _, name := range slices.Sorted(maps.Keys(r.refused)) {
		secret, ok := secrets.Resource(name).(*tlsv3.Secret)
		if ok && hasFiles(secret) && !slices.Contains(r.names, name) {
			r.names, r.version = append(r.names, name), secrets.GetVersion(resourcev3.SecretType)
		}
	}
	clear(r.refused)
	maps.DeleteFunc(r.slashes, func(name string, _ int) bool { return !secrets.Has(name) })
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

// nextDelta returns a delta response with the next secret, or false where there is none.
func (s *session) nextDelta(sub cachev3.Subscription) (deltaResponse, bool, error) {
	snap, ok := s.delivery.part(resourcev3.SecretType)
	for ok && len(s.retry.names) > 0 {
		name := s.retry.names[0]
		s.retry.names = s.retry.names[1:]
		if _, asked := sub.SubscribedResources()[name]; !snap.Has(name) || !asked {
			continue
		}
		b, err := cachev3.MarshalResource(s.retry.aliased(name, snap.Resource(name)))
		if err != nil {
			return deltaResponse{}, false, err
		}
		s.retry.slashes[name] = s.retry.next(name)
		version, versions := snap.GetVersionMap(resourcev3.SecretType)[name], copied(sub.ReturnedResources())
		versions[name] = version
		one := []resource{{name, version, &anypb.Any{TypeUrl: resourcev3.SecretType, Value: b}}}
		return deltaResponse{message: newMessage(resourcev3.SecretType, snap.GetVersion(resourcev3.SecretType), one, nil), returned: versions}, true, nil
	}
	return deltaResponse{}, false, nil
}

// aliased returns a secret as it is sent alone.
func (r *secretRetry) aliased(name string, m types.Resource) types.Resource {
	secret, ok := m.(*tlsv3.Secret)
	if !ok {
		return m
	}
	return aliasedSecret(secret, strings.Repeat("/", r.next(name)))
}

// next returns how many slashes are put before the paths of a secret when it is sent next.
func (r *secretRetry) next(name string) int { return 1 + r.slashes[name]%2 }

// sent reports whether what goes out is a secret alone, in state-of-the-world.
func (r *secretRetry) sent() bool {
	if !r.handed {
		return false
	}
	r.slashes[r.names[0]] = r.next(r.names[0])
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
		if _, asked := sub.SubscribedResources()[name]; !snap.Has(name) || !asked {
			continue
		}
		s.retry.handed = true
		return responseOf(r, s.retry.version, sub.ReturnedResources(), s.retry.aliased(name, snap.Resource(name)))
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
