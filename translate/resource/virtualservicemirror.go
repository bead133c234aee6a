package resource

import (
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// mirrors checks where copies of requests go.
func (c httpRouteChecker) mirrors(path Path, r *networkingv1alpha3.HTTPRoute) {
	if r.GetMirror() != nil && len(r.GetMirrors()) > 0 {
		c.addKey(diag.CodeMirror, path.Field("mirrors"), "%s has both mirror and mirrors", path).WithHint("keep mirrors")
	}
	c.percentage(diag.CodeMirror, path.Field("mirrorPercentage"), r.GetMirrorPercentage())
	if p := r.GetMirrorPercent(); p != nil { //nolint:staticcheck // the older field still counts
		c.deprecated(path.Field("mirrorPercent"), "mirrorPercentage: {value: …}")
		if p.GetValue() > 100 {
			c.add(diag.CodeMirror, path.Field("mirrorPercent"), "%d is not a percentage", p.GetValue()).WithHint("0 to 100")
		}
	}
	if r.GetMirror() != nil {
		destinationChecker(c).destinationAt(path.Field("mirror"), path.Field("mirror"), r.GetMirror())
	}
	for i, m := range r.GetMirrors() {
		at := path.Field("mirrors", i)
		c.percentage(diag.CodeMirror, at.Field("percentage"), m.GetPercentage())
		destinationChecker(c).destination(at, m.GetDestination())
	}
}

// Mirrors returns the places that copies of a route's requests go to, those of the field
// mirror too. Without a percentage every request is copied.
func Mirrors(r *networkingv1alpha3.HTTPRoute) []*networkingv1alpha3.HTTPMirrorPolicy {
	if r.GetMirror() == nil {
		return r.GetMirrors()
	}
	percentage := r.GetMirrorPercentage()
	if p := r.GetMirrorPercent(); percentage == nil && p != nil { //nolint:staticcheck // the older field still counts
		percentage = &networkingv1alpha3.Percent{Value: float64(p.GetValue())}
	}
	first := &networkingv1alpha3.HTTPMirrorPolicy{Destination: r.GetMirror(), Percentage: percentage}
	return append([]*networkingv1alpha3.HTTPMirrorPolicy{first}, r.GetMirrors()...)
}
