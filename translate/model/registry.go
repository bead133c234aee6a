package model

import (
	"cmp"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/resource"
)

// definition is what one object says of one host.
type definition struct {
	Service
	exportTo []string
}

// registry holds what defines services, by host. A host may be defined several times.
type registry struct {
	entries, workloads, services []*resource.Resource
	slices                       sliceIndex
	// definitions are ordered by host; of one host those of Kubernetes come first, then the older ones.
	definitions []definition
	// ambiguous are the hosts that several namespaces define.
	ambiguous map[Host]bool
}

// add takes in whatever says where a service is.
func (r *registry) add(from *resource.Resource) {
	switch from.Kind {
	case resource.ServiceEntry:
		r.entries = append(r.entries, from)
	case resource.WorkloadEntry:
		r.workloads = append(r.workloads, from)
	case resource.KubernetesService:
		r.services = append(r.services, from)
	case resource.EndpointSlice, resource.Endpoints:
		r.slices.add(from)
	}
}

// complete makes the definitions out of what was added.
func (r *registry) complete(settings Settings) {
	workloads := workloadsOf(r.workloads)
	for _, s := range r.services {
		r.definitions = append(r.definitions, r.kubernetes(s, workloads, settings))
	}
	for _, e := range r.entries {
		r.definitions = append(r.definitions, entryDefinitions(e, workloads, settings)...)
	}
	slices.SortStableFunc(r.definitions, func(a, b definition) int { return cmp.Compare(a.Host, b.Host) })
	r.ambiguous = map[Host]bool{}
	namespaces := map[Host]string{}
	for _, d := range r.definitions {
		first, seen := namespaces[d.Host]
		if !seen {
			namespaces[d.Host] = d.Origin.Namespace
		} else if first != d.Origin.Namespace {
			r.ambiguous[d.Host] = true
		}
	}
}

// entryDefinitions returns the hosts of a ServiceEntry.
func entryDefinitions(origin *resource.Resource, workloads workloadIndex, settings Settings) []definition {
	entry := origin.Spec.(*networkingv1alpha3.ServiceEntry)
	endpoints := make([]workload, 0, len(entry.GetEndpoints()))
	for _, e := range entry.GetEndpoints() {
		endpoints = append(endpoints, workload{e, e.GetLabels()})
	}
	if selector := entry.GetWorkloadSelector(); selector != nil {
		endpoints = usableFor(entry.GetResolution(), workloads.selectedBy(selector, origin.Namespace))
	}
	out := make([]definition, 0, len(entry.GetHosts()))
	for _, written := range entry.GetHosts() {
		s := Service{
			Host: settings.resolve(written, origin.Namespace), Origin: origin,
			Resolution: entry.GetResolution(), SubjectAltNames: entry.GetSubjectAltNames(),
			Locality: localityPreference(resource.TrafficDistribution(origin.Annotations, "")),
		}
		own := endpoints
		if byName(entry.GetResolution()) && len(entry.GetEndpoints()) == 0 && entry.GetWorkloadSelector() == nil {
			// A service that is resolved by DNS and says no more is its own endpoint.
			own = []workload{{&networkingv1alpha3.WorkloadEntry{Address: string(s.Host)}, nil}}
		}
		if s.Dynamic() {
			// The name comes with each request; the endpoint has the port that it is asked on.
			own = []workload{{&networkingv1alpha3.WorkloadEntry{Address: string(s.Host)}, nil}}
		}
		for _, p := range entry.GetPorts() {
			if !strings.EqualFold(p.GetProtocol(), "UDP") {
				s.Ports = append(s.Ports, entryPort(p, own))
			}
		}
		out = append(out, definition{s, entry.GetExportTo()})
	}
	return out
}

// byName reports whether a resolution takes names of DNS for the addresses of endpoints.
func byName(r networkingv1alpha3.ServiceEntry_Resolution) bool {
	return r == networkingv1alpha3.ServiceEntry_DNS || r == networkingv1alpha3.ServiceEntry_DNS_ROUND_ROBIN
}

func entryPort(p *networkingv1alpha3.ServicePort, from []workload) ServicePort {
	out := ServicePort{Number: p.GetNumber(), Name: p.GetName(), Protocol: p.GetProtocol()}
	for _, w := range from {
		out.Endpoints = append(out.Endpoints, w.endpoint(p.GetName(), cmp.Or(p.GetTargetPort(), p.GetNumber())))
	}
	return out
}

func (r *registry) has(host Host) bool {
	_, ok := slices.BinarySearchFunc(r.definitions, host, compareDefinition)
	return ok
}

// of returns the definitions of a host.
func (r *registry) of(host Host) []definition {
	i, _ := slices.BinarySearchFunc(r.definitions, host, compareDefinition)
	j := i
	for j < len(r.definitions) && r.definitions[j].Host == host {
		j++
	}
	return r.definitions[i:j]
}

// hosts returns the definitions host by host.
func (r *registry) hosts(yield func([]definition) bool) {
	for i := 0; i < len(r.definitions); {
		same := r.of(r.definitions[i].Host)
		if !yield(same) {
			return
		}
		i += len(same)
	}
}

// visible returns one service per host, ordered by host, out of what is exported to the
// gateway's namespace. What its own namespace defines comes first, then what the first of
// the definitions' namespace does; the definitions of one namespace count together.
func (r *registry) visible(g Gateway) []Service {
	var out []Service
	for same := range r.hosts {
		var seen []definition
		for _, d := range same {
			if exported(d.exportTo, d.Origin.Namespace, g.Namespace) {
				seen = append(seen, d)
			}
		}
		if len(seen) == 0 {
			continue
		}
		first := 0
		if own := slices.IndexFunc(seen, func(d definition) bool { return d.Origin.Namespace == g.Namespace }); own >= 0 {
			first = own
		}
		out = append(out, together(seen[first:]))
	}
	return out
}

// together merges the definitions of the first one's namespace into one service: a port is
// what the first that has it says, with the endpoints of all that have it. One that resolves
// its endpoints in another way cannot take part.
func together(definitions []definition) Service {
	out := definitions[0].Service
	merged := false
	for _, d := range definitions[1:] {
		if d.Origin.Namespace != out.Origin.Namespace || d.Resolution != out.Resolution {
			continue
		}
		if !merged {
			// The definition itself is shared by all gateways.
			out.Ports, out.SubjectAltNames, merged = slices.Clone(out.Ports), slices.Clone(out.SubjectAltNames), true
		}
		for _, p := range d.Ports {
			if i := slices.IndexFunc(out.Ports, func(o ServicePort) bool { return o.Number == p.Number }); i >= 0 {
				out.Ports[i].Endpoints = slices.Concat(out.Ports[i].Endpoints, p.Endpoints)
			} else {
				out.Ports = append(out.Ports, p)
			}
		}
		out.SubjectAltNames = append(out.SubjectAltNames, d.SubjectAltNames...)
	}
	return out
}

func compareDefinition(d definition, h Host) int { return cmp.Compare(d.Host, h) }
