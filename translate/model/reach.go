package model

import (
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/internal/diag"
)

// Reaches reports whether a finding of the given scope can touch the gateway's
// configuration. Where that cannot be told (the scope names a Gateway resource that is not
// in the model) it does: an error then refuses more, never less.
func (m *Model) Reaches(scope diag.Scope, g Gateway) bool {
	if scope.Everyone() {
		return true
	}
	for _, target := range scope.Targets() {
		if m.targetReaches(target, g) {
			return true
		}
	}
	return false
}

func (m *Model) targetReaches(t diag.Target, g Gateway) bool {
	if t.Gateway == "" {
		local := t.Namespace == "" || t.Namespace == m.settings.RootNamespace || t.Namespace == g.Namespace
		return local && g.Selected(t.Labels)
	}
	for _, gateway := range m.gateways {
		if gateway.Namespace+"/"+gateway.Name == t.Gateway {
			return g.Selected(gateway.Spec.(*networkingv1alpha3.Gateway).GetSelector())
		}
	}
	return true
}
