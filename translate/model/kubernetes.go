package model

import (
	"cmp"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	kubernetesv1 "github.com/portreeve/portreeve/proto/kubernetes/v1"
	"github.com/portreeve/portreeve/translate/resource"
)

// exportToAnnotation is where a Kubernetes Service says what a ServiceEntry says in exportTo.
const exportToAnnotation = "networking.istio.io/exportTo"

// kubernetes returns what a Kubernetes Service defines: the host name.namespace.svc.domain.
func (r *registry) kubernetes(origin *resource.Resource, workloads workloadIndex, settings Settings) definition {
	spec := origin.Spec.(*kubernetesv1.ServiceSpec)
	s := Service{Host: Host(origin.Name + "." + origin.Namespace + ".svc." + settings.DomainSuffix), Origin: origin, Resolution: networkingv1alpha3.ServiceEntry_STATIC}
	s.Locality = localityPreference(resource.TrafficDistribution(origin.Annotations, spec.GetTrafficDistribution()))
	selected := usableFor(s.Resolution, workloads.selected(origin.Namespace, spec.GetSelector()))
	for _, p := range spec.GetPorts() {
		if p.GetProtocol() != "" && p.GetProtocol() != "TCP" {
			continue
		}
		port := ServicePort{Number: p.GetPort(), Name: p.GetName(), Protocol: resource.ProtocolOf(p)}
		if spec.GetType() == resource.ExternalName {
			s.Resolution = networkingv1alpha3.ServiceEntry_DNS
			port.Endpoints = []Endpoint{{Address: spec.GetExternalName(), Port: p.GetPort(), Weight: 1}}
		} else {
			port.Endpoints = slices.Concat(r.slices.endpoints(origin, p), kubernetesWorkloads(p, selected))
		}
		s.Ports = append(s.Ports, port)
	}
	return definition{s, serviceExportTo(origin)}
}

// serviceExportTo returns where a Service is exported to, as its annotation says.
func serviceExportTo(r *resource.Resource) []string {
	var out []string
	for part := range strings.SplitSeq(r.Annotations[exportToAnnotation], ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// kubernetesWorkloads returns the WorkloadEntries that a Service selects. Where its
// targetPort is a name, those count that have a port of it.
func kubernetesWorkloads(p *kubernetesv1.ServicePort, selected []workload) []Endpoint {
	var out []Endpoint
	for _, w := range selected {
		number := targetNumber(p)
		if own, ok := w.GetPorts()[p.GetTargetPort().GetStringValue()]; number == 0 && ok {
			number = own
		}
		if e := w.endpoint(p.GetName(), number); e.Port != 0 || strings.HasPrefix(e.Address, unixPrefix) {
			out = append(out, e)
		}
	}
	return out
}

// targetNumber is the number of the workloads' port, or 0 where it has only a name.
func targetNumber(p *kubernetesv1.ServicePort) uint32 {
	if p.GetTargetPort().GetStringValue() != "" {
		return 0
	}
	return cmp.Or(uint32(p.GetTargetPort().GetNumberValue()), p.GetPort())
}

// sliceKey names the Service of endpoints.
type sliceKey struct{ namespace, name string }

// sliceIndex holds what Kubernetes has found out about endpoints.
type sliceIndex struct {
	slices, older map[sliceKey][]*resource.Resource
}

func (x *sliceIndex) add(r *resource.Resource) {
	if x.slices == nil {
		x.slices, x.older = map[sliceKey][]*resource.Resource{}, map[sliceKey][]*resource.Resource{}
	}
	if r.Kind == resource.Endpoints {
		key := sliceKey{r.Namespace, r.Name}
		x.older[key] = append(x.older[key], r)
		return
	}
	key := sliceKey{r.Namespace, r.Labels[resource.ServiceNameLabel]}
	x.slices[key] = append(x.slices[key], r)
}

// endpoints returns the endpoints of a Service's port. Where there are EndpointSlices the
// Endpoints, which Kubernetes keeps beside them, say the same and do not count.
func (x *sliceIndex) endpoints(service *resource.Resource, p *kubernetesv1.ServicePort) []Endpoint {
	key := sliceKey{service.Namespace, service.Name}
	spec := service.Spec.(*kubernetesv1.ServiceSpec)
	var out []Endpoint
	for _, r := range x.slices[key] {
		out = append(out, sliceEndpoints(r, p, spec)...)
	}
	if len(x.slices[key]) == 0 {
		for _, r := range x.older[key] {
			out = append(out, olderEndpoints(r, p, spec)...)
		}
	}
	return out
}

// sliceEndpoints returns the endpoints of a slice that are ready, or of which that is not
// known. One that is going away is not ready, whether it still serves or not, and gets no
// new requests, as in Istio. Their labels are the slice's: nothing is known here of pods.
func sliceEndpoints(r *resource.Resource, p *kubernetesv1.ServicePort, service *kubernetesv1.ServiceSpec) []Endpoint {
	slice := r.Spec.(*kubernetesv1.EndpointSlice)
	number, ok := portOf(slice.GetPorts(), p)
	if !ok || slice.GetAddressType() == "FQDN" {
		return nil
	}
	var out []Endpoint
	for _, e := range slice.GetEndpoints() {
		if c := e.GetConditions(); c != nil && c.Ready != nil && !c.GetReady() && !service.GetPublishNotReadyAddresses() {
			continue
		}
		out = append(out, kubernetesEndpoint(r, e.GetAddresses()[0], number, e.GetZone(), e.GetNodeName()))
	}
	return out
}

func olderEndpoints(r *resource.Resource, p *kubernetesv1.ServicePort, service *kubernetesv1.ServiceSpec) []Endpoint {
	var out []Endpoint
	for _, s := range r.Spec.(*kubernetesv1.Endpoints).GetSubsets() {
		number, ok := portOf(s.GetPorts(), p)
		if !ok {
			continue
		}
		addresses := s.GetAddresses()
		if service.GetPublishNotReadyAddresses() {
			addresses = slices.Concat(addresses, s.GetNotReadyAddresses())
		}
		for _, a := range addresses {
			out = append(out, kubernetesEndpoint(r, a.GetIp(), number, "", a.GetNodeName()))
		}
	}
	return out
}

func kubernetesEndpoint(r *resource.Resource, address string, port uint32, zone, node string) Endpoint {
	place := slicePlace(r.Labels, zone)
	labels := WithTopology(r.Labels, place)
	if node != "" {
		labels = withLabels(labels, map[string]string{hostLabel: node})
	}
	return Endpoint{Address: address, Port: port, Labels: labels, Weight: 1, Locality: place}
}

// portOf returns the number that endpoints have for a Service's port: that of the same name.
// Endpoints without ports take what the Service says.
func portOf(ports []*kubernetesv1.EndpointPort, p *kubernetesv1.ServicePort) (uint32, bool) {
	if len(ports) == 0 {
		n := targetNumber(p)
		return n, n != 0
	}
	for _, port := range ports {
		if port.GetName() == p.GetName() && (port.GetProtocol() == "" || port.GetProtocol() == "TCP") {
			return port.GetPort(), true
		}
	}
	return 0, false
}
