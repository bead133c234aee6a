package envoy

import (
	"cmp"
	"maps"
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policy"
)

// Render renders everything that a gateway is served; see Known.Render.
func Render(v model.View, p policy.Policy) Resources { return (*Known)(nil).Render(v, p) }

// Render renders everything that a gateway is served; p is what policy.Of makes of the view, or
// filters that mean the same. Equal arguments give equal resources. The policy filters are always
// all there, empty where nothing applies, so that the first policy changes no listener either.
func (k *Known) Render(v model.View, p policy.Policy) Resources {
	out := behindListeners(v, p)
	out.Listeners = listeners(v, delivery{policy: []*hcmv3.HttpFilter{policySlot()}, network: networkSlots(p.Network)})
	routes, from := servedRoutes(v, p)
	out.Routes = routes
	maps.Copy(out.Trace, from)
	out.Trace.addListeners(v, out.Listeners)
	out.ExtensionConfigs = append([]*corev3.TypedExtensionConfig{k.policyChain(p.HTTP)}, k.extensionConfigs(p.Network)...)
	return out
}

// behindListeners renders what is behind listeners and routes, and where all of it and of policy
// comes from.
func behindListeners(v model.View, p policy.Policy) Resources {
	out := Resources{Trace: Trace{}}
	services, endpoints, origins := clusters(v)
	out.Clusters, out.Endpoints = services, endpoints
	maps.Copy(out.Trace, origins)
	keys, roots, from := keyClusters(v, p.JWTRules)
	out.Clusters = append(out.Clusters, keys...)
	maps.Copy(out.Trace, from)
	v.Secrets = withSecrets(v.Secrets, roots)
	out.Secrets = secrets(v)
	out.Trace.addSecrets(v.Secrets)
	unserved, without := providerClusters(v)
	out.Clusters, out.Endpoints = append(out.Clusters, unserved...), append(out.Endpoints, without...)
	countClusters(out.Clusters)
	out.Trace.addPolicy(p, v)
	slices.SortFunc(out.Clusters, func(a, b *clusterv3.Cluster) int { return cmp.Compare(a.GetName(), b.GetName()) })
	slices.SortFunc(out.Endpoints, func(a, b *endpointv3.ClusterLoadAssignment) int {
		return cmp.Compare(a.GetClusterName(), b.GetClusterName())
	})
	return out
}

// servedRoutes renders the routes as gateways are served them, and what they come from.
func servedRoutes(v model.View, p policy.Policy) ([]*routev3.RouteConfiguration, Trace) {
	out, from := routeConfigs(v, routedPorts(v), p.JWTRules.PayloadKeys())
	for _, r := range out {
		hoistRetryPolicy(r, retries(meshConfig(v).GetDefaultHttpRetryPolicy()))
	}
	return out, from
}

// routeConfigs renders the routes of every HTTP port and HTTPS server; keys are those of the
// payloads of the gateway's tokens. Where the names of Gateways, with dots in them, make one name
// of two servers, both answer 404: one would serve what is the other's, and to whom it may not.
func routeConfigs(v model.View, ports []model.Port, keys []string) ([]*routev3.RouteConfiguration, Trace) {
	var out []*routev3.RouteConfiguration
	from := Trace{}
	byName := map[string]*routev3.RouteConfiguration{}
	for _, p := range ports {
		c, parts := routeConfig(v, p, keys)
		if first, taken := byName[c.GetName()]; taken {
			first.VirtualHosts = blackhole(p)
			from[c.GetName()] = diag.PlacesOf(routeOrigins(v, p))
			continue
		}
		byName[c.GetName()] = c
		from[c.GetName()] = diag.PlacesOf(parts)
		out = append(out, c)
	}
	return out, from
}
