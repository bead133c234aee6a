package envoy

import (
	"slices"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policy"
)

// RenderIstio renders what Istio would generate, for comparison and not to be served: only
// the filters that have something to do, under Istio's names, each by itself, and again
// inline in every listener.
func RenderIstio(v model.View, p policy.Policy) Resources {
	out := behindListeners(v, p)
	out.Clusters = slices.DeleteFunc(out.Clusters, isKeyCluster)
	out.Routes, _ = routeConfigs(v, inIstiosRoutes(routedPorts(v)), p.JWTRules.InIstio().PayloadKeys())
	http, network := istioConfigs(p.HTTP), istioConfigs(p.Network)
	out.ExtensionConfigs = slices.Concat(http, network)
	out.Listeners = listeners(v, delivery{policy: inlineHTTP(http), network: inlineNetwork(network)})
	return out
}
