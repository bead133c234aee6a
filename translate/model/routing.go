package model

import (
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// routing is everything but policies, indexed: what gateways open, where requests are led, and to what. No policy
// changes it, so that it is the same one in the next model where only policies change.
type routing struct {
	// gateways holds the Gateway resources, oldest first.
	gateways []*resource.Resource
	// routes holds the VirtualServices by the Gateway ("namespace/name") that they name, in Istio's order.
	routes map[string][]*resource.Resource
	// meshOnly are the VirtualServices that name no Gateway, in Istio's order.
	meshOnly []*resource.Resource
	// delegates holds what VirtualServices delegate to.
	delegates delegates
	services  registry
	// rules holds the DestinationRules.
	rules ruleIndex
	// credentials are the Secrets, and named the uses that servers and DestinationRules make of them.
	credentials  credentials
	named        []credential
	certificates []Certificate
	// exported holds the copies of resources that say where the mesh configuration exports them to, by those.
	exported map[*resource.Resource]*resource.Resource
	// around is what policies are held against, and found what the checks found that read nothing else.
	around *surroundings
	found  diag.List
}

// next indexes those of the resources that are no policies. What the mesh configuration makes of a resource is taken
// from the receiver, which may be nil and has the same settings.
func (x *routing) next(resources []*resource.Resource, settings Settings) *routing {
	out := &routing{routes: map[string][]*resource.Resource{}, delegates: newDelegates(), rules: ruleIndex{}, exported: map[*resource.Resource]*resource.Resource{}}
	var others []*resource.Resource
	for _, r := range resources {
		if isRouting(r) {
			others = append(others, out.export(r, x, settings))
		}
	}
	for _, r := range inIstioOrder(others) {
		out.add(r, settings)
	}
	out.services.complete(settings)
	out.delegates.merge(out.routes, settings)
	out.credentials = credentialsOf(settings.Secrets)
	out.named = out.namedCredentials()
	return out
}

// export returns a resource as it is exported: the same one again where it was known before.
func (x *routing) export(r *resource.Resource, before *routing, settings Settings) *resource.Resource {
	var out *resource.Resource
	if before != nil {
		out = before.exported[r]
	}
	if out == nil {
		out = withExportTo(r, settings.Mesh.Config)
	}
	if out != r {
		x.exported[r] = out
	}
	return out
}

func (x *routing) add(r *resource.Resource, settings Settings) {
	switch spec := r.Spec.(type) {
	case *networkingv1alpha3.Gateway:
		x.gateways = append(x.gateways, r)
	case *networkingv1alpha3.VirtualService:
		if len(spec.GetHosts()) == 0 {
			x.delegates.add(r)
			return
		}
		names := gatewayNames(spec, r.Namespace)
		if len(names) == 0 {
			x.meshOnly = append(x.meshOnly, r)
		}
		for _, name := range names {
			x.routes[name] = append(x.routes[name], r)
		}
	case *networkingv1alpha3.DestinationRule:
		x.rules.add(r, settings)
	default:
		x.services.add(r)
	}
}
