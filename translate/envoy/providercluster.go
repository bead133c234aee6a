package envoy

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"github.com/portreeve/portreeve/translate/model"
	"google.golang.org/protobuf/types/known/durationpb"
)

// providerClusters renders a cluster without endpoints for each provider whose service or
// port the gateway does not see: Envoy refuses a filter whose cluster it does not know.
func providerClusters(v model.View) ([]*clusterv3.Cluster, []*endpointv3.ClusterLoadAssignment) {
	var out []*clusterv3.Cluster
	var endpoints []*endpointv3.ClusterLoadAssignment
	seen := map[string]bool{}
	for _, name := range v.ProviderNames() {
		p, ok := v.Provider(name)
		if !ok || p.Served || seen[p.Cluster] {
			continue
		}
		seen[p.Cluster] = true
		c := &clusterv3.Cluster{
			Name:                 p.Cluster,
			ConnectTimeout:       durationpb.New(connectTimeout),
			LbPolicy:             clusterv3.Cluster_LEAST_REQUEST,
			ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
			EdsClusterConfig:     &clusterv3.Cluster_EdsClusterConfig{EdsConfig: adsSource(), ServiceName: p.Cluster},
		}
		if p.GRPC != nil {
			speakHTTP2(c)
		}
		out = append(out, c)
		endpoints = append(endpoints, &endpointv3.ClusterLoadAssignment{ClusterName: p.Cluster})
	}
	return out, endpoints
}
