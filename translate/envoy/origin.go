package envoy

import (
	"fmt"
	"strings"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// At returns where a person looks for the cause of something in a part of a resource: the place
// of the deepest part of which the origin is known, by itself, by the rule whose key it has, or as
// one of its list, and otherwise that of the resource. It is false where nothing is known of it.
//
// A path is as in Envoy's own messages: VirtualHosts[0], Routes[3], Route, HashPolicy[0].
func (t Trace) At(name string, path []string) (diag.Position, bool) {
	parts := t[name].All()
	for n := len(path); n > 0; n-- {
		part := strings.Join(path[:n], ".")
		list, key, _ := strings.Cut(strings.TrimSuffix(path[n-1], "]"), "[")
		for _, of := range []string{part, key, strings.Join(append(path[:n-1:n-1], list), ".")} {
			if pos, ok := parts[of]; ok && of != "" {
				return pos, true
			}
		}
	}
	pos, ok := parts[""]
	return pos, ok
}

// addListeners notes which server each listener and each of its chains comes from, and which
// VirtualService and DestinationRule a chain for connections.
func (t Trace) addListeners(v model.View, listeners []*listenerv3.Listener) {
	byName := map[string]model.Port{}
	for _, p := range v.Ports {
		byName[listenerName(p)] = p
	}
	for _, l := range listeners {
		p := byName[l.GetName()]
		parts := map[string]diag.Position{"": serverOrigin(p, p)}
		for i, c := range p.Chains {
			chain, filters := fmt.Sprintf("FilterChains[%d]", i), l.GetFilterChains()[i].GetFilters()
			if c.HTTP != nil {
				parts[chain] = serverOrigin(p, *c.HTTP)
				continue
			}
			parts[chain+".TransportSocket"] = parts[""]
			if c.VirtualService != nil {
				parts[chain] = c.VirtualService.Origin.At(resource.Path{"spec"})
			}
			if len(c.Route) == 0 || len(filters) == 0 {
				continue
			}
			if pos, ok := ruleOrigin(v, c.Route[0].GetDestination(), c.Hosts[0]); ok {
				proxy := fmt.Sprintf("%s.Filters[%d].TypedConfig", chain, len(filters)-1)
				parts[proxy+".IdleTimeout"], parts[proxy+".HashPolicy[0]"] = pos, pos
			}
		}
		t[l.GetName()] = diag.PlacesOf(parts)
	}
}

// serverOrigin is the server of a port, or of an HTTPS server on it, or else the first Gateway.
func serverOrigin(p, of model.Port) diag.Position {
	for _, g := range p.Gateways {
		for i, s := range g.Spec.(*networkingv1alpha3.Gateway).GetServers() {
			named := of.Server == nil || of.Server.Gateway == g.Name && of.Server.Namespace == g.Namespace && of.Server.Port == s.GetPort().GetName()
			if s.GetPort().GetNumber() == p.Number && named {
				return g.Origin.At(resource.Path{"spec", "servers", i})
			}
		}
	}
	if len(p.Gateways) > 0 {
		return p.Gateways[0].Origin.At(resource.Path{"spec"})
	}
	return diag.Position{}
}

// ruleOrigin is the DestinationRule that says how a destination is reached.
func ruleOrigin(v model.View, d *networkingv1alpha3.Destination, host model.Host) (diag.Position, bool) {
	from, path := v.RuleOf(d, host)
	if from == nil {
		return diag.Position{}, false
	}
	return from.Origin.At(path), true
}

// routeOrigins returns which server the routes of a port come from.
func routeOrigins(v model.View, p model.Port) map[string]diag.Position {
	on := p
	if p.Server != nil {
		for _, port := range v.Ports {
			if port.Number == p.Number && port.Bind == p.Bind {
				on = port
			}
		}
	}
	return map[string]diag.Position{"": serverOrigin(on, p)}
}

// addRoutes notes which VirtualService a virtual host and each of its routes comes from, and
// which DestinationRules say by what requests are told apart. A route of our own has none.
func addRoutes(parts map[string]diag.Position, v model.View, p model.Port, i int, host *routev3.VirtualHost, from []model.Route) {
	for k, r := range from {
		if r.VirtualService == nil {
			continue
		}
		name := fmt.Sprintf("VirtualHosts[%d]", i)
		if _, known := parts[name]; !known {
			parts[name] = r.VirtualService.Origin.At(resource.Path{"spec"})
		}
		route := fmt.Sprintf("%s.Routes[%d]", name, k)
		parts[route] = routeOrigin(r)
		if len(host.GetRoutes()[k].GetRoute().GetHashPolicy()) == 0 {
			continue
		}
		for d, destination := range r.HTTP.GetRoute() {
			if pos, ok := ruleOrigin(v, destination.GetDestination(), r.Hosts[d]); ok {
				parts[route+".Route."+hashPolicyPart(v, p, r, d)] = pos
			}
		}
	}
}

// routeOrigin is where a route is written. Of what a route and that of its delegate make together it
// is the delegate's, which says what is done.
func routeOrigin(r model.Route) diag.Position {
	if r.Delegate != nil {
		return r.Delegate.Origin.At(resource.Path{"spec", "http", r.DelegateIndex})
	}
	return r.VirtualService.Origin.At(resource.Path{"spec", "http", r.Index})
}

// hashPolicyPart names the hash policy that a destination of a route has made.
func hashPolicyPart(v model.View, p model.Port, r model.Route, d int) string {
	before := hashPolicies(v, p, r.HTTP.GetRoute()[:d], r.Hosts)
	return fmt.Sprintf("HashPolicy[%d]", len(before))
}
