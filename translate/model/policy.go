package model

import (
	"iter"
	"maps"
	"slices"
	"strings"

	securityv1beta1 "istio.io/api/security/v1beta1"
	telemetryv1alpha1 "istio.io/api/telemetry/v1alpha1"
	typev1beta1 "istio.io/api/type/v1beta1"

	"github.com/portreeve/portreeve/translate/resource"
)

// gatewayNameLabel marks a workload that serves a Gateway of the Kubernetes Gateway API.
const gatewayNameLabel = "gateway.networking.k8s.io/gateway-name"

// applying returns the policies of a kind that apply to a gateway, namespace by namespace
// in the order given; a namespace named twice counts once. Policies of any other namespace
// never apply.
func (m *Model) applying(kind resource.Kind, g Gateway, namespaces ...string) []*resource.Resource {
	var out []*resource.Resource
	for policy := range selecting(m.policies[kind], g, namespaces...) {
		out = append(out, policy.applied)
	}
	return out
}

// selecting goes over those of the policies that select a gateway, in the order of applying.
func selecting(policies map[string][]*attached, g Gateway, namespaces ...string) iter.Seq[*attached] {
	return func(yield func(*attached) bool) {
		for i, namespace := range namespaces {
			if slices.Contains(namespaces[:i], namespace) {
				continue
			}
			for _, policy := range policies[namespace] {
				if policy.attachment.selects(g, policy.Namespace) && !yield(policy) {
					return
				}
			}
		}
	}
}

// attachment is how a policy says which workloads it is for.
type attachment struct {
	labels  map[string]string
	targets []*typev1beta1.PolicyTargetReference
}

// labelled returns the labels as a text, which is empty where there are none.
func (a attachment) labelled() string {
	if len(a.labels) == 0 {
		return ""
	}
	var out strings.Builder
	for _, k := range slices.Sorted(maps.Keys(a.labels)) {
		out.WriteString(k + "\x00" + a.labels[k] + "\x00")
	}
	return out.String()
}

func attachmentOf(policy *resource.Resource) attachment {
	switch spec := policy.Spec.(type) {
	case *securityv1beta1.RequestAuthentication:
		return newAttachment(spec.GetSelector(), spec.GetTargetRef(), spec.GetTargetRefs())
	case *securityv1beta1.AuthorizationPolicy:
		return newAttachment(spec.GetSelector(), spec.GetTargetRef(), spec.GetTargetRefs())
	case *telemetryv1alpha1.Telemetry:
		return newAttachment(spec.GetSelector(), spec.GetTargetRef(), spec.GetTargetRefs())
	default:
		return attachment{}
	}
}

// newAttachment counts the older targetRef as a list of one where the list is empty.
func newAttachment(selector *typev1beta1.WorkloadSelector, ref *typev1beta1.PolicyTargetReference, refs []*typev1beta1.PolicyTargetReference) attachment {
	if len(refs) == 0 && ref != nil {
		refs = []*typev1beta1.PolicyTargetReference{ref}
	}
	return attachment{labels: selector.GetMatchLabels(), targets: refs}
}

// selects mirrors Istio's policy attachment for gateways: targetRefs count only on a
// workload of the Gateway API, and only for the Gateway that it serves, from its own
// namespace; a policy with targetRefs is ignored on every other workload.
func (a attachment) selects(g Gateway, policyNamespace string) bool {
	if len(a.targets) == 0 {
		return g.Selected(a.labels)
	}
	name, served := g.Labels[gatewayNameLabel]
	if !served || policyNamespace != g.Namespace {
		return false
	}
	for _, t := range a.targets {
		inNamespace := t.GetNamespace() == "" || t.GetNamespace() == policyNamespace
		if isGatewayTarget(t) && t.GetName() == name && inNamespace {
			return true
		}
	}
	return false
}
