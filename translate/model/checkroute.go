package model

import (
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// references warns of references that lead nowhere. Envoy answers 404 or 503 there, as it
// does under Istio.
func (c routeChecks) references() diag.List {
	var out diag.List
	known := map[string]bool{}
	for _, g := range c.gateways {
		known[g.Namespace+"/"+g.Name] = true
	}
	for key := range c.settings.Refused {
		if key.Kind == resource.Gateway {
			// It is there, and its own error says why it is not served.
			known[key.Namespace+"/"+key.Name] = true
		}
	}
	for name, services := range c.routes {
		if known[name] || c.settings.Broken.any() {
			continue
		}
		for _, vs := range services {
			out = append(out, c.unknownGateway(vs, name))
		}
	}
	for vs, r := range c.boundConnections() {
		out = append(out, c.unknownHosts(vs, r.path, resolved(c.settings, vs.Namespace, r.route), "its connections are closed")...)
	}
	for vs, i := range c.boundHTTP() {
		out = append(out, c.unknownHTTP(vs, i)...)
	}
	return out
}

func (c routeChecks) unknownGateway(vs *resource.Resource, name string) diag.Diagnostic {
	path := resource.Path{"spec", "gateways"}
	for i, written := range vs.Spec.(*networkingv1alpha3.VirtualService).GetGateways() {
		if gatewayName(written, vs.Namespace) == name {
			path = path.Field(i)
			break
		}
	}
	return diagnosticAt(diag.CodeUnknownGateway, vs, path, "no Gateway %s is defined, so these routes are not served there", name).
		WithHint("write the name of a Gateway as name or namespace/name")
}

func (c routeChecks) unknownHTTP(vs *resource.Resource, index int) diag.List {
	path, r := resource.Path{"spec", "http", index}, httpOf(vs)[index]
	out := c.unknownHosts(vs, path, resolved(c.settings, vs.Namespace, r.GetRoute()), "the route answers 503")
	return append(out, c.unknownMirrors(vs, path, r)...)
}

func (c routeChecks) unknownHosts(vs *resource.Resource, route resource.Path, hosts []Host, effect string) diag.List {
	var out diag.List
	for i, host := range hosts {
		if !c.services.has(host) { // asked before the path is made, which costs more
			out = append(out, c.unknownHost(vs, route.Field("route", i, "destination", "host"), host, effect)...)
		}
	}
	return out
}

func (c routeChecks) unknownMirrors(vs *resource.Resource, route resource.Path, r *networkingv1alpha3.HTTPRoute) diag.List {
	var out diag.List
	older := r.GetMirror() != nil
	for i, host := range resolved(c.settings, vs.Namespace, resource.Mirrors(r)) {
		path := route.Field("mirror", "host")
		if !older {
			path = route.Field("mirrors", i, "destination", "host")
		}
		out = append(out, c.unknownHost(vs, path, host, "no copies are sent")...)
	}
	return out
}

func (c routeChecks) unknownHost(vs *resource.Resource, path resource.Path, host Host, effect string) diag.List {
	if c.services.has(host) || c.settings.Broken.service() {
		return nil
	}
	return diag.List{diagnosticAt(diag.CodeUnknownService, vs, path, "no service defines the host %s, so %s", host, effect).
		WithHint("%s", c.howToDefine(host))}
}

// howToDefine says what to write for a host to be there.
func (c routeChecks) howToDefine(host Host) string {
	entry := "add a ServiceEntry with hosts: [" + string(host) + "]"
	short, ok := strings.CutSuffix(string(host), ".svc."+c.settings.DomainSuffix)
	name, namespace, qualified := strings.Cut(short, ".")
	if !ok || !qualified {
		return entry
	}
	return entry + ", or a Service " + name + " in the namespace " + namespace + " with its EndpointSlice"
}
