package snapshot

import (
	"fmt"
	"slices"
	"sync"

	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/hashicorp/go-multierror"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/envoy"
)

// delivered is a resource as it is delivered, and what was worked out of it, once for all snapshots
// that have it. It is immutable.
type delivered struct {
	resource types.Resource
	name     string
	// version is a hash of the encoding.
	version string
	// encoded is the resource as it stands in a response.
	encoded *anypb.Any
	// refs are what a listener or a cluster asks for.
	refs []reference
	// holdsKey is found when it is asked first.
	holdsKey func() bool
}

// source is what a resource is made of: a message, which is immutable, and the name that it is delivered
// with where that is another one.
type source struct {
	message types.Resource
	name    string
}

// maker makes the resources of one snapshot. What one of like was made of it takes from there.
type maker struct {
	like []*Snapshot
	made map[source]*delivered
}

// known returns what was made of a source before, or nil.
func (m *maker) known(of source) *delivered {
	if d := m.made[of]; d != nil {
		return d
	}
	for _, s := range m.like {
		if d := s.made[of]; d != nil {
			m.made[of] = d
			return d
		}
	}
	return nil
}

// take returns what is made of a source, which is resource where it is not known.
func (m *maker) take(url string, of source, resource func() (types.Resource, error)) (*delivered, error) {
	if d := m.known(of); d != nil {
		return d, nil
	}
	r, err := resource()
	if err != nil {
		return nil, err
	}
	d, err := deliver(url, r)
	if err != nil {
		return nil, err
	}
	m.made[of] = d
	return d, nil
}

// deliver works out what is to be known of a resource.
func deliver(url string, r types.Resource) (*delivered, error) {
	d := &delivered{resource: r, name: cachev3.GetResourceName(r)}
	b, err := cachev3.MarshalResource(r)
	if err != nil {
		return nil, fmt.Errorf("marshal %q: %w", d.name, err)
	}
	if d.refs, err = referencesOf(r); err != nil {
		return nil, err
	}
	d.encoded, d.version = &anypb.Any{TypeUrl: url, Value: b}, cachev3.HashResource(b)
	d.holdsKey = sync.OnceValue(func() bool { return envoy.HoldsKey(r) })
	return d, nil
}

// all returns what is made of resources that are delivered as they are.
func all[M types.Resource](m *maker, url string, list []M) ([]*delivered, error) {
	out := make([]*delivered, 0, len(list))
	for _, r := range list {
		d, err := m.take(url, source{r, ""}, func() (types.Resource, error) { return r, nil })
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// wanted returns those of a list that are asked for.
func wanted[M types.Resource](names map[string]string, list []M) []M {
	out := make([]M, 0, len(list))
	for _, r := range list {
		if names[cachev3.GetResourceName(r)] != "" {
			out = append(out, r)
		}
	}
	return out
}

// lists returns the resources by type. What is not asked for is not even looked at.
func (m *maker) lists(r envoy.Resources) (map[string][]*delivered, error) {
	listeners, err := all(m, resourcev3.ListenerType, r.Listeners)
	if err != nil {
		return nil, err
	}
	clusters, names, err := m.clusters(r.Clusters)
	if err != nil {
		return nil, err
	}
	refs := newReferences()
	for _, d := range slices.Concat(listeners, clusters) {
		refs.add(d)
	}
	extensions, secrets := wanted(refs[resourcev3.ExtensionConfigType], r.ExtensionConfigs), wanted(refs[resourcev3.SecretType], r.Secrets)
	errs := multierror.Append(nil, dangling(refs[resourcev3.ExtensionConfigType], extensions)...)
	errs = multierror.Append(errs, dangling(refs[resourcev3.SecretType], secrets)...)
	errs = multierror.Append(errs, unverifying(refs[authorities], secrets)...)
	out := map[string][]*delivered{resourcev3.ListenerType: listeners, resourcev3.ClusterType: clusters}
	take := func(url string, list []*delivered, err error) { out[url], errs = list, multierror.Append(errs, err) }
	list, err := m.endpoints(r.Endpoints, names)
	take(resourcev3.EndpointType, list, err)
	list, err = all(m, resourcev3.RouteType, r.Routes)
	take(resourcev3.RouteType, list, err)
	list, err = all(m, resourcev3.ExtensionConfigType, extensions)
	take(resourcev3.ExtensionConfigType, list, err)
	list, err = all(m, resourcev3.SecretType, secrets)
	take(resourcev3.SecretType, list, err)
	return out, errs.ErrorOrNil()
}
