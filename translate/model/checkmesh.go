package model

import (
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// forMeshOnly warns of a VirtualService that is for the sidecars of a mesh alone: no gateway
// serves anything of it.
func (c routeChecks) forMeshOnly() diag.List {
	var out diag.List
	for _, vs := range c.meshOnly {
		path, says := resource.Path{"spec", "hosts"}, "names no Gateway"
		if names := vs.Spec.(*networkingv1alpha3.VirtualService).GetGateways(); len(names) > 0 {
			path, says = resource.Path{"spec", "gateways"}, "names mesh alone"
		}
		out = append(out, diagnosticAt(diag.CodeMeshOnly, vs, path, "%s %s, so it is for the sidecars of a mesh and does nothing on a gateway", vs.Key, says).
			WithHint("gateways: [%s] to serve it there", c.gatewayFor(vs.Namespace)))
	}
	return out
}

// gatewayFor returns how a VirtualService of a namespace names a Gateway: one that there is,
// of its own namespace where there is one.
func (c routeChecks) gatewayFor(namespace string) string {
	name := "namespace/name"
	for _, g := range c.gateways {
		if g.Namespace == namespace {
			return g.Name
		}
		if name == "namespace/name" {
			name = g.Namespace + "/" + g.Name
		}
	}
	return name
}
