package snapshot

import (
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/portreeve/portreeve/translate/envoy"
)

// TestASnapshotThatLiesIsFound holds that the test of what is taken from other snapshots can fail: it compares what
// would be another if what is remembered were.
func TestASnapshotThatLiesIsFound(t *testing.T) {
	r := envoy.Resources{Clusters: []*clusterv3.Cluster{{Name: "a"}, {Name: "b"}}}
	before, err := New(r)
	if err != nil {
		t.Fatal(err)
	}
	for of, d := range before.made {
		lie := *d
		lie.version, lie.encoded = "a lie", nil
		before.made[of] = &lie
	}
	after, err := New(r, before)
	if err != nil {
		t.Fatal(err)
	}
	if got := after.GetVersionMap(resourcev3.ClusterType)["a"]; got != "a lie" || after.Encoded(resourcev3.ClusterType, "a") != nil {
		t.Errorf("the version is %s: nothing is taken from the snapshot before", got)
	}
}
