package model

import (
	"slices"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// InScope reports whether a finding of the given scope can touch the gateway's
// configuration. Where that cannot be told (the scope names a Gateway resource that is not
// in the model) it does: an error then refuses more, never less.
func (m *Model) InScope(scope diag.Scope, g Gateway) bool {
	if scope.Everyone() {
		return true
	}
	for _, target := range scope.Targets() {
		if m.inTarget(target, g) {
			return true
		}
	}
	return false
}

// ReachesAll reports whether a finding of the given scope can touch every gateway that there may be.
func (m *Model) ReachesAll(scope diag.Scope) bool {
	return scope.Everyone() || slices.ContainsFunc(scope.Targets(), func(t diag.Target) bool {
		return t.Gateway == "" && len(t.Labels) == 0 && (t.Namespace == "" || t.Namespace == m.settings.RootNamespace)
	})
}

func (m *Model) inTarget(t diag.Target, g Gateway) bool {
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

// Touches reports whether a resource can make a difference to a gateway: a policy that applies
// to it, a Gateway that selects it, a VirtualService of such a Gateway, and whatever is not for
// certain gateways only.
func (m *Model) Touches(r *resource.Resource, g Gateway) bool {
	switch spec := r.Spec.(type) {
	case *networkingv1alpha3.Gateway:
		return g.Selected(spec.GetSelector())
	case *networkingv1alpha3.VirtualService:
		names := gatewayNames(spec, r.Namespace)
		return len(spec.GetHosts()) == 0 || slices.ContainsFunc(names, func(name string) bool {
			return m.inTarget(diag.Target{Gateway: name}, g)
		})
	}
	if _, scoped := m.policies[r.Kind]; scoped {
		local := r.Namespace == m.settings.RootNamespace || r.Namespace == g.Namespace
		return local && attachmentOf(r).selects(g, r.Namespace)
	}
	return true
}
