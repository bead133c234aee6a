package model

import (
	"net/netip"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	kubernetesv1 "github.com/portreeve/portreeve/proto/kubernetes/v1"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// servicesAndEndpoints warns of services without endpoints, of endpoints without a service, and of
// definitions of one host that cannot count together.
func (c destinationChecks) servicesAndEndpoints() diag.List {
	var out diag.List
	workloads := workloadsOf(c.services.workloads)
	for _, r := range c.services.entries {
		out = append(out, c.unselected(r, workloads)...)
	}
	for _, r := range c.services.services {
		out = append(out, c.withoutEndpoints(r)...)
	}
	for same := range c.services.hosts {
		out = append(out, conflicts(same)...)
	}
	return append(out, c.unowned()...)
}

// unselected warns of a ServiceEntry whose selector finds nothing that it can use.
func (c destinationChecks) unselected(r *resource.Resource, workloads workloadIndex) diag.List {
	entry := r.Spec.(*networkingv1alpha3.ServiceEntry)
	selector := entry.GetWorkloadSelector()
	if selector == nil {
		return nil
	}
	at := resource.Path{"spec", "workloadSelector"}
	found := workloads.selectedBy(selector, r.Namespace)
	usable := usableFor(entry.GetResolution(), found)
	switch {
	case len(found) == 0 && c.settings.Broken.endpoint():
		return nil
	case len(found) == 0:
		return diag.List{diagnosticAt(diag.CodeNoWorkload, r, at, "no WorkloadEntry in the namespace %s has these labels, so routes to the ServiceEntry answer 503", r.Namespace).
			WithHint("the labels of a WorkloadEntry there")}
	case len(usable) < len(found):
		return diag.List{diagnosticAt(diag.CodeEndpointUnused, r, at, "%d of the %d WorkloadEntries that it selects have an address that the resolution %s cannot use", len(found)-len(usable), len(found), entry.GetResolution()).
			WithHint("IP addresses, or resolution: DNS for names")}
	case entry.GetResolution() == networkingv1alpha3.ServiceEntry_DNS_ROUND_ROBIN && len(found) > 1:
		return diag.List{diagnosticAt(diag.CodeEndpointUnused, r, at, "the resolution DNS_ROUND_ROBIN takes one endpoint, so the first of the %d WorkloadEntries counts", len(found)).
			WithHint("resolution: DNS")}
	}
	return nil
}

// usableFor returns the workloads whose addresses are of the kind that a resolution takes.
// Envoy refuses all endpoints of a cluster for a single one that is of the other.
func usableFor(r networkingv1alpha3.ServiceEntry_Resolution, from []workload) []workload {
	var out []workload
	for _, w := range from {
		_, err := netip.ParseAddr(w.GetAddress())
		socket := strings.HasPrefix(w.GetAddress(), unixPrefix)
		if byName(r) && !socket || !byName(r) && (socket || err == nil) {
			out = append(out, w)
		}
	}
	return out
}

// withoutEndpoints warns of ports of a Kubernetes Service that nothing listens on.
func (c destinationChecks) withoutEndpoints(r *resource.Resource) diag.List {
	if c.settings.Broken.endpoint() {
		return nil
	}
	spec := r.Spec.(*kubernetesv1.ServiceSpec)
	host := Host(r.Name + "." + r.Namespace + ".svc." + c.settings.DomainSuffix)
	whole := c.services.inNamespace(host, r.Namespace)
	var out diag.List
	for i, p := range spec.GetPorts() {
		port, ok := whole.Port(p.GetPort())
		if !ok || len(port.Endpoints) > 0 || p.GetProtocol() != "" && p.GetProtocol() != "TCP" {
			continue
		}
		out = append(out, diagnosticAt(diag.CodeServiceEndpoints, r, resource.Path{"spec", "ports", i}, "port %d of %s has no endpoints, so routes to it answer 503", p.GetPort(), host).
			WithHint("add an EndpointSlice with the label %s: %s and a port named %q, or WorkloadEntries that the Service selects", resource.ServiceNameLabel, r.Name, p.GetName()))
	}
	return out
}

// inNamespace returns what the definitions of a namespace say of a host together.
func (r *registry) inNamespace(host Host, namespace string) Service {
	var own []definition
	for _, d := range r.of(host) {
		if d.Origin.Namespace == namespace {
			own = append(own, d)
		}
	}
	if len(own) == 0 {
		return Service{}
	}
	return together(own)
}

// conflicts warns where a later definition of a host differs from the one that counts. The
// definitions of another namespace do not meet these.
func conflicts(same []definition) diag.List {
	var out diag.List
	first := map[string]definition{}
	for _, d := range same {
		namespace := d.Origin.Namespace
		counts, again := first[namespace]
		if !again {
			first[namespace] = d
			continue
		}
		if d.Resolution != counts.Resolution {
			out = append(out, diagnosticAt(diag.CodeServiceTwice, d.Origin, resource.Path{"spec"}, "%s defines %s too, with the resolution %s, so this one does not count", counts.Origin.Key, d.Host, counts.Resolution).
				WithHint("resolution: %s, or another host", counts.Resolution))
			continue
		}
		for _, p := range d.Ports {
			if o, has := counts.Port(p.Number); has && o.Protocol != "" && p.Protocol != "" && !strings.EqualFold(o.Protocol, p.Protocol) {
				out = append(out, diagnosticAt(diag.CodeServiceTwice, d.Origin, resource.Path{"spec", "ports"}, "%s says that port %d of %s speaks %s, which counts", counts.Origin.Key, p.Number, d.Host, o.Protocol).
					WithHint("the same protocol in both"))
			}
		}
	}
	return out
}

// unowned warns of endpoints whose Service is not there.
func (c destinationChecks) unowned() diag.List {
	if c.settings.Broken.any(resource.KubernetesService) {
		return nil
	}
	known := map[sliceKey]bool{}
	for _, r := range c.services.services {
		known[sliceKey{r.Namespace, r.Name}] = true
	}
	var out diag.List
	for _, index := range []map[sliceKey][]*resource.Resource{c.services.slices.slices, c.services.slices.older} {
		for key, resources := range index {
			for _, r := range resources {
				if !known[key] {
					out = append(out, diagnosticAt(diag.CodeEndpointsUnowned, r, resource.Path{"metadata"}, "the namespace %s has no Service %s, so nothing is sent to these endpoints", key.namespace, key.name).
						WithHint("add the Service"))
				}
			}
		}
	}
	return out
}
