package translate

import (
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// caused returns, by the code of a warning about something that is not there, the kinds whose
// objects could be what is missing. A JWTPolicy stands for the two kinds that it becomes.
func caused() map[diag.Code][]resource.Kind {
	services := []resource.Kind{resource.ServiceEntry, resource.KubernetesService}
	endpoints := []resource.Kind{resource.WorkloadEntry, resource.EndpointSlice, resource.Endpoints}
	gateways := []resource.Kind{resource.Gateway}
	tokens := []resource.Kind{resource.RequestAuthentication, resource.JWTPolicy}
	policies := []resource.Kind{resource.AuthorizationPolicy, resource.JWTPolicy}
	return map[diag.Code][]resource.Kind{
		diag.CodeUnknownGateway:    {""}, // of one with a name and errors it is not said in the first place
		diag.CodeSelectorUnknown:   gateways,
		diag.CodeTargetUnserved:    gateways,
		diag.CodeNamespaceUnserved: gateways,
		diag.CodeHostUnserved:      gateways,
		diag.CodeUnknownService:    services,
		diag.CodeUnknownPort:       services,
		diag.CodeRuleUnused:        services,
		diag.CodeEndpointsUnowned:  {resource.KubernetesService},
		diag.CodeProviderService:   services,
		diag.CodeProviderPort:      services,
		diag.CodeLogService:        services,
		diag.CodeNoWorkload:        endpoints,
		diag.CodeServiceEndpoints:  endpoints,
		diag.CodeSubsetEmpty:       slices.Concat(services, endpoints),
		diag.CodeUnknownSubset:     {resource.DestinationRule},
		diag.CodePlainToTLS:        {resource.DestinationRule},
		diag.CodeHidden:            services,
		diag.CodeUnknownDelegate:   {resource.VirtualService},
		diag.CodeDelegateUnused:    {resource.VirtualService},
		diag.CodeNoAuthentication:  tokens,
		diag.CodeUnknownIssuer:     tokens,
		diag.CodeClaimUnverified:   tokens,
		diag.CodeTokenOptional:     policies,
		diag.CodePreflight:         policies,
		diag.CodeConnectionsClosed: policies,
	}
}

// ofMesh are what is found about what only the mesh configuration could have said: nothing where
// it could be read.
func ofMesh(unread diag.List) []diag.Code {
	if !unread.HasErrors() {
		return nil
	}
	return []diag.Code{diag.CodeUnknownProvider, diag.CodeRemoteAddress, diag.CodeLogProvider, diag.CodeLogDefault}
}

// uncaused takes out of what was found of objects together what may only be there because of an
// object, among the errors, that is left out: it would have defined what is missing. The error
// says what to mend, and is all that there is to mend. An error whose object cannot be read may
// have defined anything. No error is taken out, except where the mesh configuration is broken:
// then every gateway is refused already.
func uncaused(found, broken, mesh diag.List, root string) diag.List {
	failures := failuresOf(broken)
	kinds, unsaid := caused(), ofMesh(mesh)
	return slices.DeleteFunc(found, func(d diag.Diagnostic) bool {
		if slices.Contains(unsaid, d.Code) {
			return true
		}
		return d.Severity == diag.Warning && slices.ContainsFunc(kinds[d.Code], func(k resource.Kind) bool { return failures.could(k, d, root) })
	})
}

// failures are the objects with errors: the namespaces of those of a kind.
type failures struct {
	// anything says that there is one of which not even the kind is known.
	anything   bool
	namespaces map[resource.Kind]map[string]bool
}

func failuresOf(broken diag.List) failures {
	out := failures{namespaces: map[resource.Kind]map[string]bool{}}
	for _, d := range broken.Errors() {
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

// could reports whether an object of the kind that is left out could be what a finding misses. A
// policy is for gateways of its own namespace, or of all where it stands in the root namespace.
func (f failures) could(kind resource.Kind, d diag.Diagnostic, root string) bool {
	in := f.namespaces[kind]
	if f.anything || len(in) == 0 {
		return f.anything
	}
	switch kind {
	case resource.RequestAuthentication, resource.AuthorizationPolicy, resource.JWTPolicy:
		object, name, _ := strings.Cut(d.Object, " ")
		namespace, _, _ := strings.Cut(name, "/")
		routes := object == string(resource.VirtualService) // whose gateways may be anywhere
		return routes || namespace == root || in[root] || in[namespace]
	default:
		return true
	}
}

// knowsServers reports whether there is a Gateway, so that which servers there are is known, or
// will be when its errors are mended.
func knowsServers(resources []resource.Resource, refused map[resource.Key]bool) bool {
	for key := range refused {
		if key.Kind == resource.Gateway {
			return true
		}
	}
	return slices.ContainsFunc(resources, func(r resource.Resource) bool { return r.Kind == resource.Gateway })
}
