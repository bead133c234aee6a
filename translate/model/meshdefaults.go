package model

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/resource"
)

// withExportTo gives a resource that does not say to whom it is exported what the mesh
// configuration says of its kind. Any other resource is left as it is. It comes before
// everything that asks, so that nothing can be seen from where the mesh hides it.
func withExportTo(r *resource.Resource, mesh *meshv1alpha1.MeshConfig) *resource.Resource {
	if to := exportDefault(r.Kind, mesh); len(to) > 0 {
		return exportedTo(r, to)
	}
	return r
}

// exportDefault returns what the mesh says of a kind; none is the same as every namespace.
func exportDefault(kind resource.Kind, mesh *meshv1alpha1.MeshConfig) []string {
	switch kind {
	case resource.ServiceEntry, resource.KubernetesService:
		return mesh.GetDefaultServiceExportTo()
	case resource.VirtualService:
		return mesh.GetDefaultVirtualServiceExportTo()
	case resource.DestinationRule:
		return mesh.GetDefaultDestinationRuleExportTo()
	default:
		return nil
	}
}

// exportedTo returns a copy of a resource that says where it is exported to, or the resource
// itself where it does.
func exportedTo(r *resource.Resource, to []string) *resource.Resource {
	out := *r
	out.Source = r
	switch spec := r.Spec.(type) {
	case *networkingv1alpha3.ServiceEntry:
		if len(spec.GetExportTo()) > 0 {
			return r
		}
		written := proto.Clone(spec).(*networkingv1alpha3.ServiceEntry)
		written.ExportTo, out.Spec = to, written
	case *networkingv1alpha3.VirtualService:
		if len(spec.GetExportTo()) > 0 {
			return r
		}
		written := proto.Clone(spec).(*networkingv1alpha3.VirtualService)
		written.ExportTo, out.Spec = to, written
	case *networkingv1alpha3.DestinationRule:
		if len(spec.GetExportTo()) > 0 {
			return r
		}
		written := proto.Clone(spec).(*networkingv1alpha3.DestinationRule)
		written.ExportTo, out.Spec = to, written
	default:
		if len(serviceExportTo(r)) > 0 {
			return r
		}
		out.Annotations = maps.Clone(r.Annotations)
		if out.Annotations == nil {
			out.Annotations = map[string]string{}
		}
		out.Annotations[exportToAnnotation] = strings.Join(to, ",")
	}
	return &out
}

// baseline is what counts for a service where no DestinationRule says anything of it: blocks
// of the mesh configuration. Of localities the service itself may say something first.
func baseline(mesh *meshv1alpha1.MeshConfig, s Service) *networkingv1alpha3.TrafficPolicy {
	out := &networkingv1alpha3.TrafficPolicy{
		ConnectionPool:   mesh.GetDefaultTrafficPolicy().GetConnectionPool(),
		OutlierDetection: mesh.GetDefaultTrafficPolicy().GetOutlierDetection(),
	}
	localities := s.Locality
	if localities == nil {
		localities = mesh.GetLocalityLbSetting()
	}
	if localities != nil {
		out.LoadBalancer = &networkingv1alpha3.LoadBalancerSettings{LocalityLbSetting: localities}
	}
	if out.ConnectionPool == nil && out.OutlierDetection == nil && out.LoadBalancer == nil {
		return nil
	}
	return out
}

// over returns a policy with a baseline in the blocks that it leaves out; either may be nil.
func over(base, policy *networkingv1alpha3.TrafficPolicy) *networkingv1alpha3.TrafficPolicy {
	if base == nil || policy == nil {
		return cmp.Or(policy, base)
	}
	out := overlaid(base, policy, 0)
	if own := policy.GetLoadBalancer(); own != nil && own.GetLocalityLbSetting() == nil && base.GetLoadBalancer() != nil {
		balancer := proto.Clone(own).(*networkingv1alpha3.LoadBalancerSettings)
		// Not a copy: by being the service's own it is told from others.
		balancer.LocalityLbSetting = base.GetLoadBalancer().GetLocalityLbSetting()
		out.LoadBalancer = balancer
	}
	return out
}

// localityPreference is what a service means that asks for endpoints near its clients: network, region
// and zone have to be theirs, one after the other. That needs no detection of outliers:
// endpoints that are not ready are not there.
func localityPreference(distribution string) *networkingv1alpha3.LocalityLoadBalancerSetting {
	labels := []string{networkLabel, regionLabel, zoneLabel}
	switch distribution {
	case resource.PreferClose, resource.PreferSameZone:
	case resource.PreferSameNode:
		labels = slices.Concat(labels, []string{subzoneLabel, hostLabel})
	default:
		return nil
	}
	return &networkingv1alpha3.LocalityLoadBalancerSetting{FailoverPriority: labels}
}
