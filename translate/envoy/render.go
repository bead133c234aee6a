package envoy

import (
	"cmp"
	"maps"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/portreeve/portreeve/translate/model"
)

// Render renders everything that a gateway is served. Equal views give equal resources. The
// policy filters are always all there, empty where nothing applies, so that the first
// policy changes no listener either.
func Render(v model.View) Resources {
	out := Resources{Trace: Trace{}, Listeners: listeners(v, delivery{}), Routes: routeConfigs(v, routedPorts(v))}
	for _, r := range out.Routes {
		shareRetries(r, retries(meshConfig(v).GetDefaultHttpRetryPolicy()))
	}
	services, endpoints, origins := clusters(v)
	out.Clusters, out.Endpoints = services, endpoints
	maps.Copy(out.Trace, origins)
	keys, roots, from := keyClusters(v)
	out.Clusters = append(out.Clusters, keys...)
	maps.Copy(out.Trace, from)
	v.Secrets = withSecrets(v.Secrets, roots)
	out.Secrets = secrets(v)
	out.Trace.addSecrets(v.Secrets)
	unserved, without := providerClusters(v)
	out.Clusters, out.Endpoints = append(out.Clusters, unserved...), append(out.Endpoints, without...)
	filters := policyFilters(v)
	out.ExtensionConfigs = append(out.ExtensionConfigs, policyChain(filters))
	out.Trace.add(filters)
	network := networkPolicy(v)
	out.ExtensionConfigs = append(out.ExtensionConfigs, networkConfigs(network)...)
	out.Trace.addNetwork(network)
	slices.SortFunc(out.Clusters, func(a, b *clusterv3.Cluster) int { return cmp.Compare(a.GetName(), b.GetName()) })
	slices.SortFunc(out.Endpoints, func(a, b *endpointv3.ClusterLoadAssignment) int {
		return cmp.Compare(a.GetClusterName(), b.GetClusterName())
	})
	return out
}

// routeConfigs renders the routes of every HTTP port and HTTPS server. Where the names of
// Gateways, with dots in them, make one name of two servers, both answer 404: one would serve
// what is the other's, and to whom it may not.
func routeConfigs(v model.View, ports []model.Port) []*routev3.RouteConfiguration {
	var out []*routev3.RouteConfiguration
	byName := map[string]*routev3.RouteConfiguration{}
	for _, p := range ports {
		c := routeConfig(v, p)
		if first, taken := byName[c.GetName()]; taken {
			first.VirtualHosts = blackhole(p)
			continue
		}
		byName[c.GetName()] = c
		out = append(out, c)
	}
	return out
}
