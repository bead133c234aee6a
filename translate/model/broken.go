package model

import (
	"maps"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// Broken is what is written and left out because of errors. A check that misses something asks
// whether that could be it, and then says nothing: the error says what to mend, and is all
// that there is to mend. An error whose object cannot be read may stand for anything. The zero
// value is that nothing is left out.
type Broken struct {
	// Mesh says that the mesh configuration cannot be read. Whoever names something of it is
	// not told that it is missing: every gateway is refused already.
	Mesh bool
	// anything says that there is an object of which not even the kind is known.
	anything bool
	// namespaces are those in which objects of a kind are left out.
	namespaces map[resource.Kind]map[string]bool
}

// BrokenBy returns what the errors among diagnostics leave out.
func BrokenBy(diags diag.List) Broken {
	out := Broken{namespaces: map[resource.Kind]map[string]bool{}}
	for _, d := range diags.Errors() {
		kind, name, named := strings.Cut(d.Object, " ")
		namespace, _, _ := strings.Cut(name, "/")
		if !named {
			out.anything = true
			continue
		}
		if out.namespaces[resource.Kind(kind)] == nil {
			out.namespaces[resource.Kind(kind)] = map[string]bool{}
		}
		out.namespaces[resource.Kind(kind)][namespace] = true
	}
	return out
}

func (b Broken) equal(o Broken) bool {
	return b.Mesh == o.Mesh && b.anything == o.anything && maps.EqualFunc(b.namespaces, o.namespaces, maps.Equal[map[string]bool, map[string]bool])
}

// any reports whether an object of one of the kinds is left out.
func (b Broken) any(kinds ...resource.Kind) bool {
	return b.anything || slices.ContainsFunc(kinds, func(k resource.Kind) bool { return len(b.namespaces[k]) > 0 })
}

// service reports whether something that defines services is left out.
func (b Broken) service() bool { return b.any(resource.ServiceEntry, resource.KubernetesService) }

// endpoint reports whether something that defines endpoints of services is left out.
func (b Broken) endpoint() bool {
	return b.any(resource.WorkloadEntry, resource.EndpointSlice, resource.Endpoints)
}

// authentication reports whether something that verifies tokens is left out which can apply
// where an object does.
func (b Broken) authentication(of *resource.Resource, root string) bool {
	return b.applying(of, root, resource.RequestAuthentication, resource.JWTPolicy)
}

// authorization reports whether something that decides about requests is left out which can
// apply where an object does.
func (b Broken) authorization(of *resource.Resource, root string) bool {
	return b.applying(of, root, resource.AuthorizationPolicy, resource.JWTPolicy)
}

// applying reports whether a policy of one of the kinds is left out which can apply where an
// object does. A policy is for gateways of its own namespace, or of all where it stands in the
// root namespace; a VirtualService is for gateways that may be anywhere.
func (b Broken) applying(of *resource.Resource, root string, kinds ...resource.Kind) bool {
	if of.Kind == resource.VirtualService || of.Namespace == root {
		return b.any(kinds...)
	}
	return b.anything || slices.ContainsFunc(kinds, func(k resource.Kind) bool { return b.namespaces[k][root] || b.namespaces[k][of.Namespace] })
}
