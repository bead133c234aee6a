package model

import (
	"slices"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/resource"
)

// Place returns the DestinationRule that speaks for a subset, or for the whole host where the
// subset is empty, and where in it; nil where none does. Where a subset has settings of its own
// beside the host's it is above both.
func (r Rule) Place(subset string) (*resource.Resource, resource.Path) {
	for _, from := range r.Origins {
		i := slices.IndexFunc(from.Spec.(*networkingv1alpha3.DestinationRule).GetSubsets(), func(s *networkingv1alpha3.Subset) bool {
			return s.GetName() == subset
		})
		switch {
		case subset == "" || i < 0:
			continue
		case r.from == from:
			return from, resource.Path{"spec"}
		default:
			return from, resource.Path{"spec", "subsets", i}
		}
	}
	if r.from == nil {
		return nil, nil
	}
	return r.from, resource.Path{"spec", "trafficPolicy"}
}

// RuleOf returns the DestinationRule that says how a destination is reached, and where in it;
// nil where none does.
func (v View) RuleOf(d *networkingv1alpha3.Destination, host Host) (*resource.Resource, resource.Path) {
	s, ok := v.service(host)
	if !ok {
		return nil, nil
	}
	return s.Rule.Place(d.GetSubset())
}
