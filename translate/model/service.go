package model

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

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
	// Locality is what the service itself says of localities, or nil. It needs no outlier detection.
	Locality *networkingv1alpha3.LocalityLoadBalancerSetting
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
	// Locality is region/zone/subzone, as far as it is known; the labels say it too.
	Locality string
}

// ClusterName returns the name of the Envoy cluster of one port, as Istio forms it.
func ClusterName(host Host, port uint32) string { return SubsetClusterName(host, port, "") }

// SubsetClusterName returns the name of the Envoy cluster of one port and subset.
func SubsetClusterName(host Host, port uint32, subset string) string {
	return fmt.Sprintf("outbound|%d|%s|%s", port, subset, host)
}

// Trusts reports whether a service may say where the keys for a gateway's tokens are: it stands
// in the gateway's namespace or the root namespace, and no other namespace defines its host.
func (v View) Trusts(s Service) bool {
	return !v.ambiguous[s.Host] && (s.Origin.Namespace == v.Gateway.Namespace || s.Origin.Namespace == v.rootNamespace)
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
