package snapshot_test

import (
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
)

// TestDeliveredNamesAreTraced holds that what is delivered leads to where it was written under the
// name that a gateway knows: endpoints have another one with each edition of their cluster.
func TestDeliveredNamesAreTraced(t *testing.T) {
	place := diag.Position{File: "service.yaml", Line: 7, Column: 3}
	s := mustNew(t, envoy.Resources{
		Clusters:  []*clusterv3.Cluster{{Name: "c", ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS}}},
		Endpoints: []*endpointv3.ClusterLoadAssignment{{ClusterName: "c"}},
		Trace:     envoy.Trace{"c": diag.PlacesOf(map[string]diag.Position{"": place}), "not delivered": diag.PlacesOf(map[string]diag.Position{"": place})},
	})
	for _, url := range []string{resourcev3.ClusterType, resourcev3.EndpointType} {
		for name := range s.GetVersionMap(url) {
			if got, _ := s.Trace(url)[name].At(""); got != place {
				t.Errorf("%s comes from %v, want %v", name, got, place)
			}
		}
		if n := len(s.Trace(url)); n != 1 {
			t.Errorf("%d names are traced, want 1", n)
		}
	}
}
