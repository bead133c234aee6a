package model

import (
	"cmp"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/resource"
)

// workload is an endpoint of whatever service selects it, with all its labels.
type workload struct {
	*networkingv1alpha3.WorkloadEntry
	labels map[string]string
}

// endpoint returns the workload as an endpoint of a port: its own number for the port's
// name counts before the number that the service says.
func (w workload) endpoint(port string, number uint32) Endpoint {
	if own, ok := w.GetPorts()[port]; ok {
		number = own
	}
	if strings.HasPrefix(w.GetAddress(), unixPrefix) {
		number = 0
	}
	return Endpoint{Address: w.GetAddress(), Port: number, Labels: WithTopology(w.labels, w.GetLocality()), Weight: cmp.Or(w.GetWeight(), 1), Locality: w.GetLocality()}
}

const unixPrefix = "unix://"

// workloadIndex holds the WorkloadEntries by namespace, the older ones first.
type workloadIndex map[string][]workload

func workloadsOf(resources []*resource.Resource) workloadIndex {
	out := workloadIndex{}
	for _, r := range resources {
		spec := r.Spec.(*networkingv1alpha3.WorkloadEntry)
		// The labels of the object win over those that its spec repeats.
		out[r.Namespace] = append(out[r.Namespace], workload{spec, withLabels(spec.GetLabels(), r.Labels)})
	}
	return out
}

// selectedBy returns the workloads that a ServiceEntry selects; one that names no labels
// selects all of its namespace.
func (x workloadIndex) selectedBy(selector *networkingv1alpha3.WorkloadSelector, namespace string) []workload {
	if len(selector.GetLabels()) == 0 {
		return x[namespace]
	}
	return x.selected(namespace, selector.GetLabels())
}

// selected returns the workloads of a namespace that have every label of a selector. A
// Service without one selects none.
func (x workloadIndex) selected(namespace string, selector map[string]string) []workload {
	var out []workload
	for _, w := range x[namespace] {
		if len(selector) > 0 && matches(w.labels, selector) {
			out = append(out, w)
		}
	}
	return out
}
