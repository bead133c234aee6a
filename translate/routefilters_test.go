package translate_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/envoy"
)

// TestNoRouteHasAWordWithPolicy holds, for every input of the corpus, that routes configure
// the filters of faults, CORS and the resolution of names only: with a word to a filter of
// policy, a route could switch it off.
func TestNoRouteHasAWordWithPolicy(t *testing.T) {
	allowed := map[string]bool{"envoy.filters.http.fault": true, "envoy.filters.http.cors": true, "portreeve.dynamic_port": true, dynamicHost: true}
	seen := map[string]bool{}
	for name, program := range corpus(t) {
		resources, _ := program.For(ingress())
		for _, filters := range perFilterConfigs(resources) {
			for filter := range filters {
				if strings.HasPrefix(filter, dynamicHost) {
					filter = dynamicHost
				}
				seen[filter] = true
				if !allowed[filter] {
					t.Errorf("%s: a route configures %s", name, filter)
				}
			}
		}
	}
	if len(seen) != len(allowed) {
		t.Errorf("the corpus shows only %v", slices.Sorted(maps.Keys(seen)))
	}
}

// dynamicHost begins the names of the filters that resolve names, each with a host behind it.
const dynamicHost = "envoy.filters.http.dynamic_forward_proxy."

func perFilterConfigs(r envoy.Resources) []map[string]*anypb.Any {
	var out []map[string]*anypb.Any
	for _, config := range r.Routes {
		out = append(out, config.GetTypedPerFilterConfig())
		for _, host := range config.GetVirtualHosts() {
			out = append(out, host.GetTypedPerFilterConfig())
			for _, route := range host.GetRoutes() {
				out = append(out, route.GetTypedPerFilterConfig())
				for _, cluster := range route.GetRoute().GetWeightedClusters().GetClusters() {
					out = append(out, cluster.GetTypedPerFilterConfig())
				}
			}
		}
	}
	return out
}
