package model

import (
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// checkRoutes warns of references that lead nowhere. Envoy answers 404 or 503 there, as it
// does under Istio.
func (m *Model) checkRoutes() diag.List {
	var out diag.List
	known := map[string]bool{}
	for _, g := range m.gateways {
		known[g.Namespace+"/"+g.Name] = true
	}
	for key := range m.settings.Refused {
		if key.Kind == resource.Gateway {
			// It is there, and its own error says why it is not served.
			known[key.Namespace+"/"+key.Name] = true
		}
	}
	for name, services := range m.routes {
		if known[name] {
			continue
		}
		for _, vs := range services {
			out = append(out, m.unknownGateway(vs, name))
		}
	}
	for vs, r := range m.servedConnections() {
		out = append(out, m.unknownHosts(vs, r.path, resolved(m.settings, vs.Namespace, r.route), "its connections are closed")...)
	}
	for vs, i := range m.servedHTTP() {
		out = append(out, m.unknownHTTP(vs, i)...)
	}
	return out
}

func (m *Model) unknownGateway(vs *resource.Resource, name string) diag.Diagnostic {
	path := resource.Path{"spec", "gateways"}
	for i, written := range vs.Spec.(*networkingv1alpha3.VirtualService).GetGateways() {
		if gatewayName(written, vs.Namespace) == name {
			path = path.Field(i)
			break
		}
	}
	return finding(diag.CodeUnknownGateway, vs, path, "no Gateway %s is defined, so these routes are not served there", name).
		WithHint("write the name of a Gateway as name or namespace/name")
}

func (m *Model) unknownHTTP(vs *resource.Resource, index int) diag.List {
	path, r := resource.Path{"spec", "http", index}, httpOf(vs)[index]
	out := m.unknownHosts(vs, path, resolved(m.settings, vs.Namespace, r.GetRoute()), "the route answers 503")
	return append(out, m.unknownMirrors(vs, path, r)...)
}

func (m *Model) unknownHosts(vs *resource.Resource, route resource.Path, hosts []Host, effect string) diag.List {
	var out diag.List
	for i, host := range hosts {
		if !m.services.has(host) { // asked before the path is made, which costs more
			out = append(out, m.unknownHost(vs, route.Field("route", i, "destination", "host"), host, effect)...)
		}
	}
	return out
}

func (m *Model) unknownMirrors(vs *resource.Resource, route resource.Path, r *networkingv1alpha3.HTTPRoute) diag.List {
	var out diag.List
	older := r.GetMirror() != nil
	for i, host := range resolved(m.settings, vs.Namespace, resource.Mirrors(r)) {
		path := route.Field("mirror", "host")
		if !older {
			path = route.Field("mirrors", i, "destination", "host")
		}
		out = append(out, m.unknownHost(vs, path, host, "no copies are sent")...)
	}
	return out
}

func (m *Model) unknownHost(vs *resource.Resource, path resource.Path, host Host, effect string) diag.List {
	if m.services.has(host) {
		return nil
	}
	return diag.List{finding(diag.CodeUnknownService, vs, path, "no service defines the host %s, so %s", host, effect).
		WithHint("%s", m.howToDefine(host))}
}

// howToDefine says what to write for a host to be there.
func (m *Model) howToDefine(host Host) string {
	entry := "add a ServiceEntry with hosts: [" + string(host) + "]"
	short, ok := strings.CutSuffix(string(host), ".svc."+m.settings.DomainSuffix)
	name, namespace, qualified := strings.Cut(short, ".")
	if !ok || !qualified {
		return entry
	}
	return entry + ", or a Service " + name + " in the namespace " + namespace + " with its EndpointSlice"
}
