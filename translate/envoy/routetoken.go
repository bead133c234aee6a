package envoy

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/portreeve/portreeve/translate/policy"
	"google.golang.org/protobuf/proto"
)

// routesPerToken returns a route once for each token whose claims can choose it, in the place
// of the one that is written for the one key. What claims must not be is held against all.
func routesPerToken(route *routev3.Route, keys []string) []*routev3.Route {
	if len(keys) < 2 || len(route.GetMatch().GetDynamicMetadata()) == 0 {
		return []*routev3.Route{route}
	}
	var out []*routev3.Route
	for i, key := range keys {
		one, asks := proto.Clone(route).(*routev3.Route), false
		one.Match.DynamicMetadata = nil
		for _, m := range route.GetMatch().GetDynamicMetadata() {
			if m.GetInvert() {
				for _, each := range keys {
					one.Match.DynamicMetadata = append(one.Match.DynamicMetadata, policy.ClaimOf(m, each))
				}
				continue
			}
			asks = true
			one.Match.DynamicMetadata = append(one.Match.DynamicMetadata, policy.ClaimOf(m, key))
		}
		if asks || i == 0 {
			out = append(out, one)
		}
	}
	return out
}
