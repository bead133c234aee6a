package snapshot

import (
	"cmp"
	"fmt"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
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

// editions returns clusters whose endpoints have a name of their own for each content of the
// cluster, and the endpoints with these names. What is handed in is not changed.
//
// When a cluster changes, Envoy makes a new one beside the old, and uses the new one when it
// has its endpoints. It does not ask for a name that it is subscribed to already, in either
// protocol, so under the old name the new cluster would wait for ever and the old one go on to
// serve: perhaps in plain text, where the edit has turned TLS on.
func editions(clusters []*clusterv3.Cluster, endpoints []*endpointv3.ClusterLoadAssignment) ([]*clusterv3.Cluster, []*endpointv3.ClusterLoadAssignment, error) {
	delivered := make(map[string][]string, len(clusters))
	outClusters := make([]*clusterv3.Cluster, len(clusters))
	for i, c := range clusters {
		outClusters[i] = c
		eds := c.GetEdsClusterConfig()
		if eds == nil {
			continue
		}
		b, err := cachev3.MarshalResource(c)
		if err != nil {
			return nil, nil, fmt.Errorf("marshal %q: %w", c.GetName(), err)
		}
		name := cmp.Or(eds.GetServiceName(), c.GetName())
		again := name + edition + cachev3.HashResource(b)[:16]
		delivered[name] = append(delivered[name], again)
		outClusters[i] = shallow(c)
		outClusters[i].EdsClusterConfig = &clusterv3.Cluster_EdsClusterConfig{EdsConfig: eds.GetEdsConfig(), ServiceName: again}
	}
	outEndpoints := make([]*endpointv3.ClusterLoadAssignment, 0, len(endpoints))
	for _, e := range endpoints {
		names := delivered[e.GetClusterName()]
		if len(names) == 0 {
			outEndpoints = append(outEndpoints, e)
		}
		for _, name := range names {
			a := shallow(e)
			a.ClusterName = name
			outEndpoints = append(outEndpoints, a)
		}
	}
	return outClusters, outEndpoints, nil
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
