package envoy

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/model"
)

// delivery says what a listener holds itself, by name; everything else it asks for on the
// gateway's stream. The zero value leaves everything to the stream.
type delivery struct {
	extensions map[string]*anypb.Any
	routes     map[string]*routev3.RouteConfiguration
}

// RenderStatic renders the same configuration with everything inlined: listeners hold
// their filters and routes, clusters their endpoints. It needs no control plane.
func RenderStatic(v model.View) Resources {
	dynamic := Render(v)
	d := delivery{extensions: map[string]*anypb.Any{}, routes: map[string]*routev3.RouteConfiguration{}}
	for _, e := range dynamic.ExtensionConfigs {
		d.extensions[e.GetName()] = e.GetTypedConfig()
	}
	for _, r := range dynamic.Routes {
		d.routes[r.GetName()] = r
	}
	out := Resources{Secrets: dynamic.Secrets, Trace: dynamic.Trace}
	for _, p := range v.Ports {
		out.Listeners = append(out.Listeners, listener(p, d))
	}
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
