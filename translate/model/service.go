package model

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/resource"
)

// Service is a host that a route can lead to, as one gateway sees it.
type Service struct {
	Host Host
	// Origin is the ServiceEntry or Kubernetes Service that defines the host; of several the first.
	Origin     *resource.Resource
	Resolution networkingv1alpha3.ServiceEntry_Resolution
	// Ports are ordered as they are written.
	Ports []ServicePort
	// SubjectAltNames are the names that a backend's certificate may have where no
	// DestinationRule says so.
	SubjectAltNames []string
	// Rule is what DestinationRules say of the host to this gateway.
	Rule Rule
}

// ServicePort is a port of a service.
type ServicePort struct {
	Number         uint32
	Name, Protocol string
	// Endpoints are where the port's requests go. For the DNS resolutions their addresses may be names.
	Endpoints []Endpoint
}

// Endpoint is one place that requests can be sent to.
type Endpoint struct {
	// Address is an IP address, a name of DNS, or unix:// and a path.
	Address string
	Port    uint32
	Labels  map[string]string
	// Weight is 1 or more.
	Weight uint32
	// Locality is region/zone/subzone, as far as it is known.
	Locality string
}

// ClusterName returns the name of the Envoy cluster of one port, as Istio forms it.
func ClusterName(host Host, port uint32) string { return SubsetClusterName(host, port, "") }

// SubsetClusterName returns the name of the Envoy cluster of one port and subset.
func SubsetClusterName(host Host, port uint32, subset string) string {
	return fmt.Sprintf("outbound|%d|%s|%s", port, subset, host)
}

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
}

// entryDefinitions returns the hosts of a ServiceEntry.
func entryDefinitions(origin *resource.Resource, workloads workloadIndex, settings Settings) []definition {
	entry := origin.Spec.(*networkingv1alpha3.ServiceEntry)
	endpoints := make([]workload, 0, len(entry.GetEndpoints()))
	for _, e := range entry.GetEndpoints() {
		endpoints = append(endpoints, workload{e, e.GetLabels()})
	}
	if selector := entry.GetWorkloadSelector(); selector != nil {
		endpoints = usableFor(entry.GetResolution(), workloads.selected(origin.Namespace, selector.GetLabels()))
	}
	out := make([]definition, 0, len(entry.GetHosts()))
	for _, written := range entry.GetHosts() {
		s := Service{
			Host: settings.resolve(written, origin.Namespace), Origin: origin,
			Resolution: entry.GetResolution(), SubjectAltNames: entry.GetSubjectAltNames(),
		}
		own := endpoints
		if byName(entry.GetResolution()) && len(entry.GetEndpoints()) == 0 && entry.GetWorkloadSelector() == nil {
			// A service that is resolved by DNS and says no more is its own endpoint.
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

// Port returns the port of a number, or false where the service has none.
func (s Service) Port(number uint32) (ServicePort, bool) {
	i := slices.IndexFunc(s.Ports, func(p ServicePort) bool { return p.Number == number })
	if i < 0 {
		return ServicePort{}, false
	}
	return s.Ports[i], true
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
	return SubsetClusterName(host, v.port(d, host, listenerPort), d.GetSubset())
}

func (v View) port(d *networkingv1alpha3.Destination, host Host, listenerPort uint32) uint32 {
	if n := d.GetPort().GetNumber(); n != 0 {
		return n
	}
	if s, ok := v.service(host); ok && len(s.Ports) == 1 {
		return s.Ports[0].Number
	}
	return listenerPort
}

// Policy returns what DestinationRules say of the cluster that a destination leads to. It
// may be nil: every getter of it then returns the zero value.
func (v View) Policy(d *networkingv1alpha3.Destination, host Host, listenerPort uint32) *networkingv1alpha3.TrafficPolicy {
	s, ok := v.service(host)
	if !ok {
		return nil
	}
	return s.Rule.Policy(v.port(d, host, listenerPort), d.GetSubset())
}

func (v View) service(host Host) (Service, bool) {
	i, ok := slices.BinarySearchFunc(v.Services, host, func(s Service, h Host) int { return cmp.Compare(s.Host, h) })
	if !ok {
		return Service{}, false
	}
	return v.Services[i], true
}

func compareDefinition(d definition, h Host) int { return cmp.Compare(d.Host, h) }

// matches reports whether labels hold every label of a selector.
func matches(labels, selector map[string]string) bool {
	for k, v := range selector {
		if got, ok := labels[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// withLabels returns labels with others over them; either may be nil.
func withLabels(labels, over map[string]string) map[string]string {
	if len(over) == 0 {
		return labels
	}
	out := maps.Clone(labels)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, over)
	return out
}
