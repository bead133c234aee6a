package envoy

import (
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policy"
)

// delivery says what a listener holds itself; everything else it asks for on the gateway's stream.
type delivery struct {
	// policy are the HTTP filters of policy: themselves, or what waits for them on the stream.
	policy []*hcmv3.HttpFilter
	// network are the network filters of policy, likewise.
	network []*listenerv3.Filter
	// routes are by name; those that are not there are left to the stream.
	routes map[string]*routev3.RouteConfiguration
	// logs are the access logs. listeners sets them.
	logs []*accesslogv3.AccessLog
	// standalone says that there is no stream: secrets stand in the bootstrap.
	standalone bool
	// mesh is the mesh configuration, or nil. listeners sets it.
	mesh *meshv1alpha1.MeshConfig
	// services are those of the gateway. listeners sets them.
	services []model.Service
}

// RenderStatic renders the same configuration with everything inlined: listeners hold
// their filters and routes, clusters their endpoints. It needs no control plane.
func RenderStatic(v model.View, p policy.Policy) Resources {
	v.Standalone = true
	served := Render(v, p)
	d := delivery{
		standalone: true, routes: map[string]*routev3.RouteConfiguration{},
		policy: inlineHTTP(served.ExtensionConfigs[:1]), network: inlineNetwork(served.ExtensionConfigs[1:]),
	}
	for _, r := range served.Routes {
		d.routes[r.GetName()] = r
	}
	out := Resources{Secrets: served.Secrets, Trace: served.Trace, Listeners: listeners(v, d)}
	endpoints := map[string]*endpointv3.ClusterLoadAssignment{}
	for _, e := range served.Endpoints {
		endpoints[e.GetClusterName()] = e
	}
	for _, c := range served.Clusters {
		out.Clusters = append(out.Clusters, inlineEndpoints(c, endpoints[c.GetName()]))
	}
	return out
}

func inlineEndpoints(c *clusterv3.Cluster, endpoints *endpointv3.ClusterLoadAssignment) *clusterv3.Cluster {
	if endpoints == nil {
		return c
	}
	out := proto.Clone(c).(*clusterv3.Cluster)
	out.EdsClusterConfig = nil
	out.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
	out.LoadAssignment = endpoints
	return out
}
