package snapshot_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// content is all that is told of a snapshot: versions, what a response has of each resource, places, and whether
// there are keys.
func content(s *snapshot.Snapshot) map[string]any {
	out := map[string]any{"versions": versions(s), "keys": s.HoldsKeys()}
	for _, t := range snapshot.Types() {
		encoded := map[string]string{}
		for name, r := range s.GetResources(t.URL) {
			b, err := cachev3.MarshalResource(r)
			if err != nil {
				panic(err)
			}
			encoded[name] = string(b)
			if a := s.Encoded(t.URL, name); a.GetTypeUrl() != t.URL || string(a.GetValue()) != string(b) {
				encoded[name] = "is not what is encoded"
			}
		}
		out[t.Short], out[t.Short+" trace"] = encoded, s.Trace(t.URL)
	}
	return out
}

// edit returns resources of which one is another, or more, or less.
func edit(rng *rand.Rand, r envoy.Resources, step int) envoy.Resources {
	r.Clusters, r.Endpoints, r.ExtensionConfigs, r.Listeners = slices.Clone(r.Clusters), slices.Clone(r.Endpoints), slices.Clone(r.ExtensionConfigs), slices.Clone(r.Listeners)
	r.Trace = envoy.Trace{"a": diag.PlacesOf(map[string]diag.Position{"": {File: "a.yaml", Line: step}})}
	switch rng.IntN(6) {
	case 0:
		other := proto.CloneOf(r.Clusters[0])
		other.AltStatName = fmt.Sprint(rng.IntN(3))
		r.Clusters[0] = other
	case 1:
		r.Endpoints[1] = &endpointv3.ClusterLoadAssignment{ClusterName: "b", Policy: &endpointv3.ClusterLoadAssignment_Policy{WeightedPriorityHealth: rng.IntN(2) == 0}}
	case 2:
		r.ExtensionConfigs[rng.IntN(3)] = proto.CloneOf(r.ExtensionConfigs[rng.IntN(3)]) // twice, or equal
	case 3:
		i := rng.IntN(3)
		r.ExtensionConfigs[i] = &corev3.TypedExtensionConfig{Name: r.ExtensionConfigs[i].GetName(), TypedConfig: extension(fmt.Sprint(rng.IntN(3))).GetTypedConfig()}
	case 4:
		r.Clusters = append(r.Clusters, &clusterv3.Cluster{Name: fmt.Sprint("more-", rng.IntN(5))}) // perhaps twice
	default:
		r.Listeners[0] = listener("http", []string{"jwt", "deny", "missing"}[:1+rng.IntN(3)]...)
	}
	return r
}

// TestWhatIsTakenFromOthersChangesNothing holds that a snapshot is the same, errors too, whatever it takes from those
// before it and beside it.
func TestWhatIsTakenFromOthersChangesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 15))
	r := resources()
	var before, beside *snapshot.Snapshot
	for step := range 500 {
		next := edit(rng, r, step)
		want, refused := snapshot.New(next)
		got, err := snapshot.New(next, before, beside)
		if (err == nil) != (refused == nil) || err != nil && err.Error() != refused.Error() {
			t.Fatalf("step %d: error = %v, want %v", step, err, refused)
		}
		if err != nil {
			continue // and from what was good before
		}
		if d := cmp.Diff(content(want), content(got)); d != "" {
			t.Fatalf("step %d (-want +got):\n%s", step, d)
		}
		r = next
		if before, beside = got, before; rng.IntN(20) == 0 {
			r, before = resources(), nil
		}
	}
}

// TestWhatIsTheSameMessageIsMadeOnce holds that nothing is encoded twice.
func TestWhatIsTheSameMessageIsMadeOnce(t *testing.T) {
	r := resources()
	first := mustNew(t, r)
	r.ExtensionConfigs = slices.Clone(r.ExtensionConfigs)
	r.ExtensionConfigs[1] = extension("deny")
	second, err := snapshot.New(r, nil, first)
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range snapshot.Types() {
		for name := range second.GetResources(typ.URL) {
			edited := typ.URL == resourcev3.ExtensionConfigType && name == "deny"
			if same := first.Encoded(typ.URL, name) == second.Encoded(typ.URL, name); same == edited {
				t.Errorf("%s %s is encoded once: %v, want %v", typ.Short, name, same, !edited)
			}
			if same := first.GetResources(typ.URL)[name] == second.GetResources(typ.URL)[name]; same == edited {
				t.Errorf("%s %s is the same message: %v, want %v", typ.Short, name, same, !edited)
			}
		}
	}
	if second.Encoded(resourcev3.ClusterType, "unheard of") != nil {
		t.Error("what is not there is encoded")
	}
}
