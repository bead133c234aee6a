package model

import (
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// check returns warnings about references that lead nowhere. They refuse nothing: Envoy
// answers 404 or 503 there, as it does under Istio.
func (m *Model) check() diag.List {
	var out diag.List
	known := map[string]bool{}
	for _, g := range m.gateways {
		known[g.Namespace+"/"+g.Name] = true
	}
	seen := map[*resource.Resource]bool{}
	for name, services := range m.routes {
		for _, vs := range services {
			if !known[name] {
				out = append(out, m.unknownGateway(vs, name))
			}
			if !seen[vs] {
				seen[vs] = true
				out = append(out, m.unknownServices(vs)...)
			}
		}
	}
	return out
}

func (m *Model) unknownGateway(vs *resource.Resource, name string) diag.Diagnostic {
	path := resource.Path{"spec", "gateways"}
	for i, written := range vs.Spec.(*networkingv1alpha3.VirtualService).GetGateways() {
		if gatewayName(written, vs.Namespace, m.settings) == name {
			path = path.Field(i)
			break
		}
	}
	return finding(diag.CodeUnknownGateway, vs, path, "no Gateway %s is defined, so these routes are not served there", name).
		WithHint("write the name of a Gateway as name or namespace/name")
}

func (m *Model) unknownServices(vs *resource.Resource) diag.List {
	var out diag.List
	for i, http := range vs.Spec.(*networkingv1alpha3.VirtualService).GetHttp() {
		for j, host := range m.destinations(vs, http) {
			if !m.services.has(host) {
				path := resource.Path{"spec", "http", i, "route", j, "destination", "host"}
				out = append(out, finding(diag.CodeUnknownService, vs, path, "no service defines the host %s, so the route answers 503", host).
					WithHint("add a ServiceEntry with this host"))
			}
		}
	}
	return out
}

// finding returns a finding at a field of a resource; it reaches nobody, since it is a warning.
func finding(code diag.Code, r *resource.Resource, path resource.Path, format string, args ...any) diag.Diagnostic {
	d := diag.New(code, r.Origin.At(path), format, args...)
	d.Object, d.Field, d.Reach = r.Key.String(), path.String(), diag.Limited()
	return d
}
