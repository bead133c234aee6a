package model

import (
	"cmp"
	"fmt"
	"slices"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/resource"
)

// Service is one host of a ServiceEntry: something that a route can lead to.
type Service struct {
	Host  Host
	Entry *networkingv1alpha3.ServiceEntry
	// Origin is the ServiceEntry.
	Origin *resource.Resource
}

// ClusterName returns the name of the Envoy cluster of one port, as Istio forms it.
func ClusterName(host Host, port uint32) string {
	return fmt.Sprintf("outbound|%d||%s", port, host)
}

// registry holds the services by host. A host may be defined in several namespaces.
type registry struct {
	services []Service
	// ambiguous are the hosts that several namespaces define.
	ambiguous map[Host]bool
}

func (r *registry) add(origin *resource.Resource, entry *networkingv1alpha3.ServiceEntry, settings Settings) {
	for _, host := range entry.GetHosts() {
		r.services = append(r.services, Service{Host: settings.resolve(host, origin.Namespace), Entry: entry, Origin: origin})
	}
}

// sort orders the services by host, once all are there.
func (r *registry) sort() {
	slices.SortStableFunc(r.services, func(a, b Service) int { return cmp.Compare(a.Host, b.Host) })
	r.ambiguous = map[Host]bool{}
	namespaces := map[Host]string{}
	for _, s := range r.services {
		first, seen := namespaces[s.Host]
		if !seen {
			namespaces[s.Host] = s.Origin.Namespace
		} else if first != s.Origin.Namespace {
			r.ambiguous[s.Host] = true
		}
	}
}

func (r *registry) has(host Host) bool {
	_, ok := slices.BinarySearchFunc(r.services, host, compareHost)
	return ok
}

// visible returns one service per host: those exported to the gateway's namespace, of
// which the gateway's own namespace comes first and then the oldest.
func (r *registry) visible(g Gateway) []Service {
	var out []Service
	for _, s := range r.services {
		if !exported(s.Entry.GetExportTo(), s.Origin.Namespace, g.Namespace) {
			continue
		}
		if n := len(out); n > 0 && out[n-1].Host == s.Host {
			if s.Origin.Namespace == g.Namespace && out[n-1].Origin.Namespace != g.Namespace {
				out[n-1] = s
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// exported mirrors exportTo: absent and "*" mean every namespace, "." the resource's own.
func exported(to []string, from, namespace string) bool {
	if len(to) == 0 {
		return true
	}
	return slices.ContainsFunc(to, func(t string) bool {
		return t == "*" || t == namespace || (t == "." && from == namespace)
	})
}

// Cluster returns the name of the cluster that a destination leads to. A destination
// without a port takes the only port of its service, or else the listener's port. The
// cluster need not exist: Envoy then answers 503, as it does under Istio.
func (v View) Cluster(d *networkingv1alpha3.Destination, host Host, listenerPort uint32) string {
	port := d.GetPort().GetNumber()
	if port == 0 {
		port = listenerPort
		if s, ok := v.service(host); ok && len(s.Entry.GetPorts()) == 1 {
			port = s.Entry.GetPorts()[0].GetNumber()
		}
	}
	return ClusterName(host, port)
}

func (v View) service(host Host) (Service, bool) {
	i, ok := slices.BinarySearchFunc(v.Services, host, compareHost)
	if !ok {
		return Service{}, false
	}
	return v.Services[i], true
}

func compareHost(s Service, h Host) int { return cmp.Compare(s.Host, h) }
