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
)

// delivery says what a listener holds itself, by name; everything else it asks for on the
// gateway's stream. The zero value leaves everything to the stream.
type delivery struct {
	// policy are the HTTP filters of policy; nil leaves them to the stream.
	policy []*hcmv3.HttpFilter
	// network are the network filters of policy; nil leaves them to the stream.
	network []*listenerv3.Filter
	routes  map[string]*routev3.RouteConfiguration
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
func RenderStatic(v model.View) Resources {
	v.Standalone = true
	dynamic := Render(v)
	d := delivery{standalone: true, routes: map[string]*routev3.RouteConfiguration{}, network: inlineNetwork(networkConfigs(networkPolicy(v)))}
	policy := policyChain(policyFilters(v))
	d.policy = []*hcmv3.HttpFilter{{Name: policy.GetName(), ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: policy.GetTypedConfig()}}}
	for _, r := range dynamic.Routes {
		d.routes[r.GetName()] = r
	}
	out := Resources{Secrets: dynamic.Secrets, Trace: dynamic.Trace, Listeners: listeners(v, d)}
	endpoints := map[string]*endpointv3.ClusterLoadAssignment{}
	for _, e := range dynamic.Endpoints {
		endpoints[e.GetClusterName()] = e
	}
	for _, c := range dynamic.Clusters {
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
