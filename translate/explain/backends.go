package explain

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// backends says of each cluster that is there whether it has nobody who could answer.
type backends map[string]bool

func newBackends(r envoy.Resources) backends {
	out := backends{}
	endpoints := map[string]*endpointv3.ClusterLoadAssignment{}
	for _, e := range r.Endpoints {
		endpoints[e.GetClusterName()] = e
	}
	for _, c := range r.Clusters {
		assigned := c.GetLoadAssignment()
		if c.GetType() == clusterv3.Cluster_EDS {
			assigned = endpoints[c.GetName()]
		}
		out[c.GetName()] = assigned != nil && c.GetClusterType() == nil && !reachable(assigned)
	}
	return out
}

func reachable(a *endpointv3.ClusterLoadAssignment) bool {
	for _, l := range a.GetEndpoints() {
		if len(l.GetLbEndpoints()) > 0 {
			return true
		}
	}
	return false
}

// broken returns what Envoy answers for a cluster that is not there or has nobody in it.
func (b backends) broken(cluster string) (traffic.Reply, bool) {
	empty, there := b[cluster]
	switch {
	case !there:
		return traffic.Reply{Status: 503, Details: "cluster_not_found", Flags: "NC"}, true
	case empty:
		return traffic.Reply{Status: 503, Body: "no healthy upstream", Details: "no_healthy_upstream", Flags: "UH"}, true
	default:
		return traffic.Reply{}, false
	}
}
