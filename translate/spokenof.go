package translate

import (
	"maps"
	"slices"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"
	telemetryv1alpha1 "istio.io/api/telemetry/v1alpha1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// maxSpokenOf bounds the gateways that are rendered to find what only that shows.
const maxSpokenOf = 32

// Unservable returns the errors that only the rendered configuration of a gateway shows: of every
// gateway that the files speak of, a Gateway's selector in each namespace of the files, and with what
// a policy selects beside it, and those that a GatewayIdentity says there are. They are the first 32, those of
// the Gateways alone before the others.
func (p *Program) Unservable() diag.List {
	var out diag.List
	for _, g := range p.spokenOf() {
		_, refused := p.For(g)
		out = append(out, slices.DeleteFunc(refused, func(d diag.Diagnostic) bool { return d.Code != diag.CodeConstraint })...)
	}
	return out.Sorted()
}

// spokenOf returns the gateways that the files speak of.
func (p *Program) spokenOf() []model.Gateway {
	var gateways, others []map[string]string
	namespaces := []string{p.model.RootNamespace()}
	for _, r := range p.Resources {
		selector, isGateway, selects := selectorOf(r)
		switch {
		case !selects:
			continue
		case isGateway:
			gateways = appendLabels(gateways, selector)
		default:
			others = appendLabels(others, selector)
		}
		if !slices.Contains(namespaces, r.Namespace) {
			namespaces = append(namespaces, r.Namespace)
		}
	}
	labels := slices.Clone(gateways)
	if len(gateways) == 0 {
		gateways = []map[string]string{{}}
	}
	for _, other := range others {
		for _, g := range gateways {
			if both, possible := together(g, other); possible {
				labels = appendLabels(labels, both)
			}
		}
	}
	out := inEach(labels, namespaces)
	for _, identity := range p.identities {
		g := identity.Gateway
		if len(out) < maxSpokenOf && !slices.ContainsFunc(out, func(o model.Gateway) bool { return o.Namespace == g.Namespace && maps.Equal(o.Labels, g.Labels) }) {
			out = append(out, g)
		}
	}
	return out
}

func inEach(labels []map[string]string, namespaces []string) []model.Gateway {
	var out []model.Gateway
	for _, l := range labels {
		for _, ns := range namespaces {
			if len(out) < maxSpokenOf {
				out = append(out, model.Gateway{Namespace: ns, Labels: l})
			}
		}
	}
	return out
}

// selectorOf returns the labels that an object selects gateways by, if any, and whether it opens ports there.
func selectorOf(r *resource.Resource) (labels map[string]string, isGateway, selects bool) {
	switch spec := r.Spec.(type) {
	case *networkingv1alpha3.Gateway:
		return spec.GetSelector(), true, true
	case *networkingv1alpha3.DestinationRule:
		return spec.GetWorkloadSelector().GetMatchLabels(), false, true
	case *securityv1beta1.AuthorizationPolicy:
		return spec.GetSelector().GetMatchLabels(), false, true
	case *securityv1beta1.RequestAuthentication:
		return spec.GetSelector().GetMatchLabels(), false, true
	case *telemetryv1alpha1.Telemetry:
		return spec.GetSelector().GetMatchLabels(), false, true
	}
	return nil, false, false
}

func appendLabels(list []map[string]string, labels map[string]string) []map[string]string {
	if slices.ContainsFunc(list, func(l map[string]string) bool { return maps.Equal(l, labels) }) {
		return list
	}
	return append(list, labels)
}

// together returns the labels of a workload that both select, or false where there can be none.
func together(a, b map[string]string) (map[string]string, bool) {
	out := map[string]string{}
	maps.Copy(out, a)
	for k, v := range b {
		if had, ok := out[k]; ok && had != v {
			return nil, false
		}
		out[k] = v
	}
	return out, true
}
