package model

import (
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// checkMesh warns of a VirtualService that is for the sidecars of a mesh alone: no gateway
// serves anything of it.
func (m *Model) checkMesh() diag.List {
	var out diag.List
	for _, vs := range m.meshOnly {
		path, says := resource.Path{"spec", "hosts"}, "names no Gateway"
		if names := vs.Spec.(*networkingv1alpha3.VirtualService).GetGateways(); len(names) > 0 {
			path, says = resource.Path{"spec", "gateways"}, "names mesh alone"
		}
		out = append(out, finding(diag.CodeMeshOnly, vs, path, "%s %s, so it is for the sidecars of a mesh and does nothing on a gateway", vs.Key, says).
			WithHint("gateways: [%s] to serve it there", m.gatewayFor(vs.Namespace)))
	}
	return out
}

// gatewayFor returns how a VirtualService of a namespace names a Gateway: one that there is,
// of its own namespace where there is one.
func (m *Model) gatewayFor(namespace string) string {
	name := "namespace/name"
	for _, g := range m.gateways {
		if g.Namespace == namespace {
			return g.Name
		}
		if name == "namespace/name" {
			name = g.Namespace + "/" + g.Name
		}
	}
	return name
}
