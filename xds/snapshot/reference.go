package snapshot

import (
	"fmt"
	"maps"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// authorities stands for the secrets that peers are verified with.
const authorities = "authorities"

// reference is a name that a resource asks for over ADS. Its type is a URL, or authorities.
type reference struct{ url, name string }

// references maps the type of a reference to the names that are asked for, each with who asks first.
type references map[string]map[string]string

// newReferences returns references without any.
func newReferences() references {
	return references{resourcev3.ExtensionConfigType: {}, resourcev3.SecretType: {}, authorities: {}}
}

// add notes what a resource asks for.
func (r references) add(d *delivered) {
	for _, ref := range d.refs {
		if r[ref.url][ref.name] == "" {
			r[ref.url][ref.name] = whoOf(d.resource)
		}
	}
}

// referencesOf finds the extension configs and secrets that Envoy will ask for because of a listener or a
// cluster. The references from clusters to endpoints and from listeners to routes are left to
// Snapshot.Consistent.
//
// It walks the resource, also through what is packed in its Anys. An Any of a type that
// is not linked in is passed by: Envoy judges it.
func referencesOf(m types.Resource) ([]reference, error) {
	switch m.(type) {
	case *listenerv3.Listener, *clusterv3.Cluster:
	default:
		return nil, nil
	}
	var out []reference
	add := func(url, name string, source *corev3.ConfigSource) {
		// Other sources are not ours to serve.
		if source.GetAds() != nil || source.GetSelf() != nil {
			out = append(out, reference{url, name})
		}
	}
	err := protorange.Range(m.ProtoReflect(), func(v protopath.Values) error {
		message, ok := v.Index(-1).Value.Interface().(protoreflect.Message)
		if !ok {
			return nil
		}
		switch m := message.Interface().(type) {
		case *hcmv3.HttpFilter:
			add(resourcev3.ExtensionConfigType, m.GetName(), m.GetConfigDiscovery().GetConfigSource())
		case *listenerv3.Filter:
			add(resourcev3.ExtensionConfigType, m.GetName(), m.GetConfigDiscovery().GetConfigSource())
		case *tlsv3.CommonTlsContext:
			for _, c := range []*tlsv3.SdsSecretConfig{m.GetValidationContextSdsSecretConfig(), m.GetCombinedValidationContext().GetValidationContextSdsSecretConfig()} {
				add(authorities, c.GetName(), c.GetSdsConfig())
			}
		case *tlsv3.SdsSecretConfig:
			add(resourcev3.SecretType, m.GetName(), m.GetSdsConfig())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("walk %s: %w", whoOf(m), err)
	}
	return out, nil
}

// whoOf names a resource that asks for others.
func whoOf(m types.Resource) string {
	kind := "cluster "
	if _, ok := m.(*listenerv3.Listener); ok {
		kind = "listener "
	}
	return kind + cachev3.GetResourceName(m)
}

// dangling returns an error per wanted name that is not in the list.
func dangling[M types.Resource](wanted map[string]string, list []M) []error {
	have := make(map[string]bool, len(list))
	for _, m := range list {
		have[cachev3.GetResourceName(m)] = true
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		if !have[name] {
			errs = append(errs, fmt.Errorf("%s refers to %q, which is not there", wanted[name], name))
		}
	}
	return errs
}

// unverifying returns an error per secret that peers are to be verified with and that has no
// authority. Envoy takes anything for it, and then verifies nobody.
func unverifying(wanted map[string]string, secrets []*tlsv3.Secret) []error {
	var errs []error
	for _, s := range secrets {
		if who, asked := wanted[s.GetName()]; asked && s.GetValidationContext().GetTrustedCa() == nil {
			errs = append(errs, fmt.Errorf("%s verifies peers with the secret %q, which has no authority", who, s.GetName()))
		}
	}
	return errs
}
