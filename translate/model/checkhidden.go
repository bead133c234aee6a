package model

import (
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// namedGateways is what the Gateways that a VirtualService names come to.
type namedGateways struct {
	gateways []*resource.Resource
	// whole says that every Gateway that is named is there.
	whole bool
	// hosts are those that the Gateways have for VirtualServices of every namespace, and own
	// those for the VirtualService's namespace.
	hosts, own []hostIndex
}

// gatewaysByName is the Gateways by "namespace/name", and their hosts by that and by the
// namespace that they are for.
type gatewaysByName struct {
	resources map[string]*resource.Resource
	hosts     map[string]map[string]hostIndex
}

func (c *checks) gatewaysByName() gatewaysByName {
	out := gatewaysByName{map[string]*resource.Resource{}, map[string]map[string]hostIndex{}}
	for _, g := range c.gateways {
		key, hosts := g.Namespace+"/"+g.Name, map[string]hostIndex{}
		for i, spec := range g.Spec.(*networkingv1alpha3.Gateway).GetServers() {
			for _, h := range (server{g, i, spec}).hosts(c.settings) {
				of, ok := hosts[h.namespace]
				if !ok {
					of = hostIndex{exact: map[string]bool{}, suffixes: map[string]bool{}}
				}
				of.add(string(h.host))
				hosts[h.namespace] = of
			}
		}
		for namespace, of := range hosts {
			of.everything = of.suffixes[""]
			slices.Sort(of.forward)
			slices.Sort(of.backward)
			hosts[namespace] = of
		}
		out.resources[key], out.hosts[key] = g, hosts
	}
	return out
}

// namedBy returns what the Gateways of a VirtualService come to.
func (x gatewaysByName) namedBy(vs *resource.Resource) namedGateways {
	out := namedGateways{whole: true}
	for _, name := range gatewayNames(vs.Spec.(*networkingv1alpha3.VirtualService), vs.Namespace) {
		g := x.resources[name]
		if g == nil {
			out.whole = false
			continue
		}
		out.gateways = append(out.gateways, g)
		out.hosts, out.own = append(out.hosts, x.hosts[name]["*"]), append(out.own, x.hosts[name][vs.Namespace])
	}
	return out
}

// serves reports whether one of the Gateways has a host that is one of the VirtualService's.
func (d namedGateways) serves(host Host) bool {
	return slices.ContainsFunc(slices.Concat(d.hosts, d.own), func(x hostIndex) bool { return x.serves(string(host)) })
}

// unserved warns of VirtualServices that a Gateway does not serve: their hosts are not among
// those of the Gateways, or gateways do not see them. Where a Gateway that is named is not there,
// that is said by itself.
func (c routeChecks) unserved() diag.List {
	var out diag.List
	for vs := range c.bound() {
		spec, at := vs.Spec.(*networkingv1alpha3.VirtualService), c.byName.namedBy(vs)
		if !at.whole {
			continue
		}
		if seen := c.seenFrom(at.gateways); !c.settings.Broken.service() && !slices.ContainsFunc(seen, func(ns string) bool { return exported(spec.GetExportTo(), vs.Namespace, ns) }) {
			out = append(out, diagnosticAt(diag.CodeHidden, vs, resource.Path{"spec", "exportTo"}, "%s is not exported to the gateways that it names, which run in %s, so they serve nothing of it", vs.Key, strings.Join(seen, " or ")).
				WithHint(`exportTo with the namespace in which the gateways run, or "*"`))
		}
		for i, h := range spec.GetHosts() {
			if !at.serves(c.settings.served(h, vs.Namespace)) {
				out = append(out, diagnosticAt(diag.CodeHostNotOfGateway, vs, resource.Path{"spec", "hosts", i}, "no server of %s has the host %s for the namespace %s, so the gateway serves nothing of it there", keysOfAll(at.gateways), h, vs.Namespace).
					WithHint("a host of the Gateway, or %s among the hosts of one of its servers", h))
			}
		}
	}
	return out
}

// seenFrom returns the namespaces in which gateways of these Gateways may run, as far as files
// tell: those of the Gateways, and the root namespace, where Istio puts them.
func (c *checks) seenFrom(gateways []*resource.Resource) []string {
	out := []string{c.settings.RootNamespace}
	for _, g := range gateways {
		if !slices.Contains(out, g.Namespace) {
			out = append(out, g.Namespace)
		}
	}
	slices.Sort(out)
	return out
}

func keysOfAll(resources []*resource.Resource) string {
	out := make([]string, 0, len(resources))
	for _, r := range resources {
		out = append(out, r.String())
	}
	return strings.Join(out, " or ")
}
