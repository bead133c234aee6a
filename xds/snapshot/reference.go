package snapshot

import (
	"fmt"
	"maps"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portreeve/portreeve/translate/envoy"
)

// authorities stands for the secrets that peers are verified with.
const authorities = "authorities"

// references maps a type URL to the names that are asked for over ADS, each with who asks first.
type references map[string]map[string]string

// referencesOf finds the extension configs and secrets that Envoy will ask for. The references
// from clusters to endpoints and from listeners to routes are left to Snapshot.Consistent.
func referencesOf(r envoy.Resources) (references, error) {
	refs := references{resourcev3.ExtensionConfigType: {}, resourcev3.SecretType: {}, authorities: {}}
	for _, l := range r.Listeners {
		if err := refs.collect("listener "+l.GetName(), l); err != nil {
			return nil, err
		}
	}
	for _, c := range r.Clusters {
		if err := refs.collect("cluster "+c.GetName(), c); err != nil {
			return nil, err
		}
	}
	return refs, nil
}

// collect walks a resource, also through what is packed in its Anys. An Any of a type that
// is not linked in is passed by: Envoy judges it.
func (r references) collect(who string, m proto.Message) error {
	err := protorange.Range(m.ProtoReflect(), func(v protopath.Values) error {
		message, ok := v.Index(-1).Value.Interface().(protoreflect.Message)
		if !ok {
			return nil
		}
		switch m := message.Interface().(type) {
		case *hcmv3.HttpFilter:
			r.add(resourcev3.ExtensionConfigType, m.GetName(), who, m.GetConfigDiscovery().GetConfigSource())
		case *listenerv3.Filter:
			r.add(resourcev3.ExtensionConfigType, m.GetName(), who, m.GetConfigDiscovery().GetConfigSource())
		case *tlsv3.CommonTlsContext:
			for _, c := range []*tlsv3.SdsSecretConfig{m.GetValidationContextSdsSecretConfig(), m.GetCombinedValidationContext().GetValidationContextSdsSecretConfig()} {
				r.add(authorities, c.GetName(), who, c.GetSdsConfig())
			}
		case *tlsv3.SdsSecretConfig:
			r.add(resourcev3.SecretType, m.GetName(), who, m.GetSdsConfig())
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("walk %s: %w", who, err)
	}
	return nil
}

// add notes a reference whose source is this server. Other sources are not ours to serve.
func (r references) add(url, name, who string, source *corev3.ConfigSource) {
	if source.GetAds() == nil && source.GetSelf() == nil {
		return
	}
	if r[url][name] == "" {
		r[url][name] = who
	}
}

// dangling returns an error per wanted name that is not in the list.
func dangling(wanted map[string]string, list []types.Resource) []error {
	have := map[string]bool{}
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
func unverifying(wanted map[string]string, secrets []types.Resource) []error {
	var errs []error
	for _, m := range secrets {
		s, ok := m.(*tlsv3.Secret)
		if who, asked := wanted[cachev3.GetResourceName(m)]; ok && asked && s.GetValidationContext().GetTrustedCa() == nil {
			errs = append(errs, fmt.Errorf("%s verifies peers with the secret %q, which has no authority", who, s.GetName()))
		}
	}
	return errs
}
