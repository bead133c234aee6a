package envoy

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// mirrors renders where copies of a route's requests go. Without a percentage every request
// is copied; with one of 0, none.
func mirrors(v model.View, p model.Port, r model.Route) []*routev3.RouteAction_RequestMirrorPolicy {
	var out []*routev3.RouteAction_RequestMirrorPolicy
	for i, m := range resource.Mirrors(r.HTTP) {
		share := 100.0
		if m.GetPercentage() != nil {
			share = m.GetPercentage().GetValue()
		}
		if _, _, resolved := v.Dynamic(m.GetDestination(), r.MirrorHosts[i], p.Number); share == 0 || resolved {
			// A copy has no name of its own that could be held within a wildcard.
			continue
		}
		out = append(out, &routev3.RouteAction_RequestMirrorPolicy{
			Cluster:         v.Cluster(m.GetDestination(), r.MirrorHosts[i], p.Number),
			RuntimeFraction: &corev3.RuntimeFractionalPercent{DefaultValue: millionths(share)},
			TraceSampled:    wrapperspb.Bool(false),
		})
	}
	return out
}
