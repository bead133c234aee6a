package constraint

import (
	"fmt"
	"math"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/proto"
)

// weights holds endpoints against a rule that Envoy has beside those of its API: weights are counted
// in 32 bits, those of a priority's localities, and of its endpoints. Of the latter Envoy says that
// it counts a locality's, but where a hash chooses endpoints it counts all.
func (w *walk) weights(m proto.Message) {
	var below []string
	assignment, _ := m.(*endpointv3.ClusterLoadAssignment)
	if c, ok := m.(*clusterv3.Cluster); ok {
		assignment, below = c.GetLoadAssignment(), []string{"LoadAssignment"}
	}
	var localities, endpoints total
	for i, l := range assignment.GetEndpoints() {
		at := append(below[:len(below):len(below)], fmt.Sprintf("Endpoints[%d]", i))
		sum := uint64(0)
		for _, e := range l.GetLbEndpoints() {
			sum += uint64(max(1, e.GetLoadBalancingWeight().GetValue()))
		}
		if endpoints.add(l.GetPriority(), sum) {
			w.violated(at, "the weights of endpoints must be at most 4294967295 together")
		}
		if localities.add(l.GetPriority(), uint64(l.GetLoadBalancingWeight().GetValue())) {
			w.violated(at, "the weights of localities must be at most 4294967295 together")
		}
	}
}

// total adds up weights by priority.
type total map[uint32]uint64

// add reports whether it is now that they come to more than 32 bits.
func (t *total) add(priority uint32, weight uint64) bool {
	if *t == nil {
		*t = total{}
	}
	before := (*t)[priority]
	(*t)[priority] += weight
	return before <= math.MaxUint32 && (*t)[priority] > math.MaxUint32
}
