package snapshot

import (
	"cmp"
	"fmt"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// edition stands between the name of endpoints and what tells the editions of their cluster apart.
const edition = "#"

// EndpointsOf returns the name that endpoints have in the resources, of the one that they are
// delivered with.
func EndpointsOf(delivered string) string {
	name, _, _ := strings.Cut(delivered, edition)
	return name
}

// clusters returns clusters whose endpoints have a name of their own for each content of the
// cluster, and these names by those that the endpoints have. What is handed in is not changed.
//
// When a cluster changes, Envoy makes a new one beside the old, and uses the new one when it
// has its endpoints. It does not ask for a name that it is subscribed to already, in either
// protocol, so under the old name the new cluster would wait for ever and the old one go on to
// serve: perhaps in plain text, where the edit has turned TLS on.
func (m *maker) clusters(list []*clusterv3.Cluster) ([]*delivered, map[string][]string, error) {
	out, names := make([]*delivered, 0, len(list)), make(map[string][]string, len(list))
	for _, c := range list {
		d, err := m.take(resourcev3.ClusterType, source{c, ""}, func() (types.Resource, error) { return editionOf(c) })
		if err != nil {
			return nil, nil, err
		}
		out = append(out, d)
		if eds := c.GetEdsClusterConfig(); eds != nil {
			name := cmp.Or(eds.GetServiceName(), c.GetName())
			names[name] = append(names[name], d.resource.(*clusterv3.Cluster).GetEdsClusterConfig().GetServiceName())
		}
	}
	return out, names, nil
}

func editionOf(c *clusterv3.Cluster) (types.Resource, error) {
	eds := c.GetEdsClusterConfig()
	if eds == nil {
		return c, nil
	}
	b, err := cachev3.MarshalResource(c)
	if err != nil {
		return nil, fmt.Errorf("marshal %q: %w", c.GetName(), err)
	}
	out := shallow(c)
	out.EdsClusterConfig = &clusterv3.Cluster_EdsClusterConfig{EdsConfig: eds.GetEdsConfig(), ServiceName: cmp.Or(eds.GetServiceName(), c.GetName()) + edition + cachev3.HashResource(b)[:16]}
	return out, nil
}

// endpoints returns endpoints under all the names that clusters have for them.
func (m *maker) endpoints(list []*endpointv3.ClusterLoadAssignment, named map[string][]string) ([]*delivered, error) {
	out := make([]*delivered, 0, len(list))
	for _, e := range list {
		names := named[e.GetClusterName()]
		if len(names) == 0 {
			names = []string{e.GetClusterName()}
		}
		for _, name := range names {
			d, err := m.take(resourcev3.EndpointType, source{e, name}, func() (types.Resource, error) {
				a := shallow(e)
				a.ClusterName = name
				return a, nil
			})
			if err != nil {
				return nil, err
			}
			out = append(out, d)
		}
	}
	return out, nil
}

// shallow returns a copy that shares what the message holds.
func shallow[M proto.Message](m M) M {
	out := m.ProtoReflect().New()
	m.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		out.Set(field, value)
		return true
	})
	return out.Interface().(M)
}

// Placeholders returns endpoints for names that a snapshot has no more: those of another edition of the
// same cluster, or none where the cluster is gone. Of several editions it is always the same one.
// It looks through the snapshot once, as both can be many.
func Placeholders(snap cachev3.ResourceSnapshot, names []string) []*endpointv3.ClusterLoadAssignment {
	wanted := make(map[string]*endpointv3.ClusterLoadAssignment, len(names))
	for _, name := range names {
		wanted[EndpointsOf(name)] = nil
	}
	for other, r := range snap.GetResources(resourcev3.EndpointType) {
		e, ok := r.(*endpointv3.ClusterLoadAssignment)
		if before, asked := wanted[EndpointsOf(other)]; ok && asked && (before == nil || other < before.GetClusterName()) {
			wanted[EndpointsOf(other)] = e
		}
	}
	out := make([]*endpointv3.ClusterLoadAssignment, 0, len(names))
	for _, name := range names {
		e := &endpointv3.ClusterLoadAssignment{}
		if other := wanted[EndpointsOf(name)]; other != nil {
			e = shallow(other)
		}
		e.ClusterName = name
		out = append(out, e)
	}
	return out
}
