package constraint

import (
	"fmt"
	"math"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/proto"
)

// weights holds endpoints against a rule that Envoy has beside those of its API: the weights of a
// locality's endpoints, and of a priority's localities, are counted in 32 bits.
func (w *walk) weights(m proto.Message) {
	var below []string
	endpoints, ok := m.(*endpointv3.ClusterLoadAssignment)
	if c, cluster := m.(*clusterv3.Cluster); cluster {
		endpoints, ok, below = c.GetLoadAssignment(), true, []string{"LoadAssignment"}
	}
	if !ok {
		return
	}
	localities := map[uint32]uint64{}
	for i, l := range endpoints.GetEndpoints() {
		at := append(below[:len(below):len(below)], fmt.Sprintf("Endpoints[%d]", i))
		var sum uint64
		for _, e := range l.GetLbEndpoints() {
			sum += uint64(max(1, e.GetLoadBalancingWeight().GetValue()))
		}
		if sum > math.MaxUint32 {
			w.violated(at, fmt.Sprintf("the weights of a locality's endpoints come to %d, and are at most %d together", sum, uint32(math.MaxUint32)))
		}
		before := localities[l.GetPriority()]
		localities[l.GetPriority()] += uint64(l.GetLoadBalancingWeight().GetValue())
		if before <= math.MaxUint32 && localities[l.GetPriority()] > math.MaxUint32 {
			w.violated(at, fmt.Sprintf("the weights of a priority's localities come to more than %d together", uint32(math.MaxUint32)))
		}
	}
}
