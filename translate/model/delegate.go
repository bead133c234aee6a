package model

import (
	"cmp"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// delegates holds the VirtualServices that others delegate to, and what becomes of those.
type delegates struct {
	byName map[string]*resource.Resource
	// merged holds the HTTP routes of the VirtualServices that delegate.
	merged map[*resource.Resource][]Route
	// users holds, by delegate, the VirtualServices of Gateways that lead to it.
	users map[*resource.Resource][]*resource.Resource
	// served holds, by delegate, the routes that are part of some VirtualService of a Gateway.
	served map[*resource.Resource]map[int]bool
	// found are the findings of merging.
	found diag.List
}

func newDelegates() delegates {
	return delegates{byName: map[string]*resource.Resource{}, merged: map[*resource.Resource][]Route{}, users: map[*resource.Resource][]*resource.Resource{}, served: map[*resource.Resource]map[int]bool{}}
}

func (d *delegates) add(r *resource.Resource) { d.byName[r.Namespace+"/"+r.Name] = r }

func (d *delegates) serve(delegate *resource.Resource, index int) {
	if d.served[delegate] == nil {
		d.served[delegate] = map[int]bool{}
	}
	d.served[delegate][index] = true
}

// merge merges every VirtualService that delegates with its delegates. They are given by the
// Gateways that they name.
func (d *delegates) merge(routes map[string][]*resource.Resource, settings Settings) {
	for _, name := range slices.Sorted(maps.Keys(routes)) {
		for _, vs := range routes[name] {
			_, done := d.merged[vs]
			if !done && slices.ContainsFunc(httpOf(vs), func(r *networkingv1alpha3.HTTPRoute) bool { return r.GetDelegate() != nil }) {
				d.merged[vs] = d.mergedRoutes(vs, settings)
			}
		}
	}
}

func httpOf(vs *resource.Resource) []*networkingv1alpha3.HTTPRoute {
	return vs.Spec.(*networkingv1alpha3.VirtualService).GetHttp()
}

// httpRoutes returns the HTTP routes of a VirtualService, merged with those of its delegates.
func (d *delegates) httpRoutes(vs *resource.Resource) []Route {
	if merged, ok := d.merged[vs]; ok {
		return merged
	}
	out := make([]Route, 0, len(httpOf(vs)))
	for i, r := range httpOf(vs) {
		out = append(out, Route{VirtualService: vs, Index: i, HTTP: r})
	}
	return out
}

// mergedRoutes puts the routes of delegates in the places of the routes that delegate. As in
// Istio a route whose delegate is not there, or cannot be seen, is left out: its requests go
// to the next route that takes them.
func (d *delegates) mergedRoutes(vs *resource.Resource, settings Settings) []Route {
	var out []Route
	for i, r := range httpOf(vs) {
		if r.GetDelegate() == nil {
			out = append(out, Route{VirtualService: vs, Index: i, HTTP: r})
			continue
		}
		to, ok := d.delegateOf(vs, i, settings)
		if !ok {
			continue
		}
		d.users[to] = append(d.users[to], vs)
		root := settings.resolvedNames(r, vs.Namespace)
		for j, sub := range httpOf(to) {
			merged, ok := mergeRoutes(root, settings.resolvedNames(sub, to.Namespace))
			if !ok {
				d.found = append(d.found, diagnosticAt(diag.CodeDelegateConflict, to, resource.Path{"spec", "http", j}, "no match of this route is within the match of %s, so it is left out of that", vs.Key).
					WithHint("write a match that is within spec.http[%d].match of %s, with the same ignoreUriCase", i, vs.Key))
				continue
			}
			d.serve(to, j)
			out = append(out, Route{VirtualService: vs, Index: i, Delegate: to, DelegateIndex: j, HTTP: merged})
		}
	}
	return out
}

// delegateOf returns what a route delegates to, or reports why there is nothing.
func (d *delegates) delegateOf(vs *resource.Resource, index int, settings Settings) (*resource.Resource, bool) {
	name := delegateName(httpOf(vs)[index].GetDelegate(), vs.Namespace)
	to, ok := d.byName[name]
	reason := "there is no VirtualService " + name + " without hosts"
	if ok {
		if exported(to.Spec.(*networkingv1alpha3.VirtualService).GetExportTo(), to.Namespace, vs.Namespace) {
			return to, true
		}
		reason = "the VirtualService " + name + " is not exported to the namespace " + vs.Namespace
	}
	if settings.Broken.any(resource.VirtualService) {
		return nil, false
	}
	d.found = append(d.found, diagnosticAt(diag.CodeUnknownDelegate, vs, resource.Path{"spec", "http", index, "delegate", "name"}, "%s, so this route is left out", reason).
		WithHint("name a VirtualService without hosts and gateways, in delegate.namespace or else in the same namespace"))
	return nil, false
}

// delegateName is "namespace/name" of what a route of a namespace delegates to.
func delegateName(d *networkingv1alpha3.Delegate, namespace string) string {
	return cmp.Or(d.GetNamespace(), namespace) + "/" + d.GetName()
}

// resolvedNames returns a copy of a route in which the short names of hosts and Gateways
// are whole, since they are resolved in the namespace of their own VirtualService.
func (s Settings) resolvedNames(r *networkingv1alpha3.HTTPRoute, namespace string) *networkingv1alpha3.HTTPRoute {
	out := proto.Clone(r).(*networkingv1alpha3.HTTPRoute)
	whole := func(d *networkingv1alpha3.Destination) {
		if d != nil {
			d.Host = string(s.resolve(d.GetHost(), namespace))
		}
	}
	whole(out.GetMirror())
	for _, d := range out.GetMirrors() {
		whole(d.GetDestination())
	}
	for _, d := range out.GetRoute() {
		whole(d.GetDestination())
	}
	for _, match := range out.GetMatch() {
		for i, g := range match.GetGateways() {
			match.Gateways[i] = gatewayName(g, namespace)
		}
	}
	return out
}
