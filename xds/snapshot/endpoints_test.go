package snapshot_test

import (
	"fmt"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// endpointName returns the name that the endpoints of the one cluster are delivered with.
func endpointName(t *testing.T, c *clusterv3.Cluster, e *endpointv3.ClusterLoadAssignment) string {
	t.Helper()
	before, endpoints := proto.CloneOf(c), proto.CloneOf(e)
	snap, err := snapshot.New(envoy.Resources{Clusters: []*clusterv3.Cluster{c}, Endpoints: []*endpointv3.ClusterLoadAssignment{e}})
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(c, before) || !proto.Equal(e, endpoints) {
		t.Error("what was handed in has changed")
	}
	name := snap.GetResources(resourcev3.ClusterType)[c.GetName()].(*clusterv3.Cluster).GetEdsClusterConfig().GetServiceName()
	got, ok := snap.GetResources(resourcev3.EndpointType)[name].(*endpointv3.ClusterLoadAssignment)
	if !ok || got.GetClusterName() != name || len(got.GetEndpoints()) != len(e.GetEndpoints()) || len(snap.GetResources(resourcev3.EndpointType)) != 1 {
		t.Fatalf("the cluster asks for %s, there is %v", name, snap.GetResources(resourcev3.EndpointType))
	}
	if snapshot.EndpointsOf(name) != e.GetClusterName() {
		t.Errorf("%s is said to be of %s", name, snapshot.EndpointsOf(name))
	}
	return name
}

// TestEndpointsOfAnotherCluster holds that the name of endpoints changes with their cluster,
// so that Envoy asks for them, and with nothing else, so that an endpoint travels alone.
func TestEndpointsOfAnotherCluster(t *testing.T) {
	cluster := func(timeout int64) *clusterv3.Cluster {
		return &clusterv3.Cluster{
			Name: "web", ConnectTimeout: &durationpb.Duration{Seconds: timeout},
			ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
			EdsClusterConfig:     &clusterv3.Cluster_EdsClusterConfig{EdsConfig: ads(), ServiceName: "web"},
		}
	}
	none := &endpointv3.ClusterLoadAssignment{ClusterName: "web"}
	one := &endpointv3.ClusterLoadAssignment{ClusterName: "web", Endpoints: []*endpointv3.LocalityLbEndpoints{{Priority: 1}}}
	first := endpointName(t, cluster(1), none)
	if again := endpointName(t, cluster(1), one); again != first {
		t.Errorf("an endpoint more is asked for as %s, not as %s", again, first)
	}
	if other := endpointName(t, cluster(2), none); other == first {
		t.Errorf("the endpoints of another cluster have the same name %s", other)
	}
	unnamed := cluster(1)
	unnamed.EdsClusterConfig.ServiceName = ""
	endpointName(t, unnamed, one)
}

// TestStandIns holds that another edition of a cluster lends its endpoints, and nothing else does.
func TestStandIns(t *testing.T) {
	s, err := snapshot.New(envoy.Resources{
		Clusters: []*clusterv3.Cluster{{
			Name: "a", ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS}, EdsClusterConfig: &clusterv3.Cluster_EdsClusterConfig{},
		}},
		Endpoints: []*endpointv3.ClusterLoadAssignment{{ClusterName: "a", Endpoints: []*endpointv3.LocalityLbEndpoints{{}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	names, want := []string{"a#1", "a", "b#1", "a#1#1", "aa#1"}, []int{1, 1, 0, 1, 0}
	for i, got := range snapshot.Placeholders(s, names) {
		if got.GetClusterName() != names[i] || len(got.GetEndpoints()) != want[i] {
			t.Errorf("%s: %v", names[i], got)
		}
	}
}

// TestStandInsOfSeveralEditions holds that which of them lends its endpoints is no chance.
func TestStandInsOfSeveralEditions(t *testing.T) {
	s := &cachev3.Snapshot{}
	all := map[string]types.ResourceWithTTL{}
	for i := range 9 {
		name := fmt.Sprintf("a#%d", i)
		all[name] = types.ResourceWithTTL{Resource: &endpointv3.ClusterLoadAssignment{ClusterName: name, Endpoints: []*endpointv3.LocalityLbEndpoints{{Priority: uint32(i)}}}}
	}
	s.Resources[types.Endpoint] = cachev3.Resources{Items: all}
	for range 20 {
		if got := snapshot.Placeholders(s, []string{"a#x"})[0].GetEndpoints()[0].GetPriority(); got != 0 {
			t.Fatalf("edition %d lends its endpoints", got)
		}
	}
}
