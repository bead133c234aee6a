package model

import (
	"maps"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	typev1beta1 "istio.io/api/type/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// gatewaySide is what the Gateway resources say about workloads. Gateways themselves are
// not declared: one exists when it connects.
type gatewaySide struct {
	// namespaces are those of the Gateway resources.
	namespaces map[string]bool
	// labels holds the values that Gateways select, by the name of the label.
	labels map[string]map[string]bool
	// everyWorkload says that a Gateway has no selector, so that nothing is known of labels.
	everyWorkload bool
	// servedFrom are the namespaces of Gateways by which the gateway that is asked about serves, without its own and the root.
	servedFrom map[string]bool
	// names are the names of the Gateway resources.
	names map[string]bool
	// anonymous finds the Gateways of which no server asks for client certificates.
	anonymous *index
	// foldingCase finds the Gateways that have a route which ignores upper and lower case.
	foldingCase *index
}

func (c *checks) newGatewaySide() gatewaySide {
	out := gatewaySide{namespaces: map[string]bool{}, servedFrom: map[string]bool{}, labels: map[string]map[string]bool{}, names: map[string]bool{}, anonymous: newIndex(), foldingCase: newIndex()}
	for key := range c.settings.Refused {
		if key.Kind == resource.Gateway {
			out.namespaces[key.Namespace], out.names[key.Name] = true, true
		}
	}
	if g := c.settings.Gateway; g != nil {
		out.namespaces[g.Namespace] = true
		for k, v := range g.Labels {
			out.label(k, v)
		}
	}
	folding := c.routesFoldingCase()
	for _, g := range c.gateways {
		spec := g.Spec.(*networkingv1alpha3.Gateway)
		out.namespaces[g.Namespace], out.names[g.Name] = true, true
		out.everyWorkload = out.everyWorkload || len(spec.GetSelector()) == 0
		for k, v := range spec.GetSelector() {
			out.label(k, v)
		}
		if one := c.settings.Gateway; one != nil && g.Namespace != one.Namespace && g.Namespace != c.settings.RootNamespace && one.Selected(spec.GetSelector()) {
			out.servedFrom[g.Namespace] = true
		}
		if !slices.ContainsFunc(spec.GetServers(), asksForCertificate) {
			out.anonymous.add(g, workloadScope{labels: spec.GetSelector()})
		}
		if vs := folding[g.Namespace+"/"+g.Name]; vs != nil {
			out.foldingCase.add(vs, workloadScope{labels: spec.GetSelector()})
		}
	}
	return out
}

func (s gatewaySide) label(name, value string) {
	if s.labels[name] == nil {
		s.labels[name] = map[string]bool{}
	}
	s.labels[name][value] = true
}

// knowsGateways reports whether anything says which gateways there are.
func (c *checks) knowsGateways() bool { return len(c.gateways) > 0 || c.settings.Gateway != nil }

func asksForCertificate(s *networkingv1alpha3.Server) bool {
	switch s.GetTls().GetMode() {
	case networkingv1alpha3.ServerTLSSettings_MUTUAL, networkingv1alpha3.ServerTLSSettings_OPTIONAL_MUTUAL, networkingv1alpha3.ServerTLSSettings_ISTIO_MUTUAL:
		return true
	default:
		return false
	}
}

// scope warns of a policy that probably applies to no gateway.
func (c *checks) scope(policy *attached) diag.List {
	out := c.selector(policy)
	path := resource.Path{"spec", "targetRefs"}
	targets := policy.attachment.targets
	for i, t := range targets {
		at := path.Field(i)
		if legacyTarget(policy.Resource) {
			at = resource.Path{"spec", "targetRef"}
		}
		out = append(out, c.target(policy.Resource, at, t)...)
	}
	if c.knowsGateways() && !c.settings.Broken.any(resource.Gateway) && policy.Namespace != c.settings.RootNamespace && !c.namespaces[policy.Namespace] {
		known := "no Gateway is in the namespace " + policy.Namespace
		if len(c.gateways) == 0 {
			known = "the gateway runs in the namespace " + c.settings.Gateway.Namespace + " and not in " + policy.Namespace
		}
		out = append(out, diagnosticAt(diag.CodeNamespaceUnserved, policy.Resource, resource.Path{"metadata", "namespace"},
			"%s, and it is not the root namespace: the policy applies only to gateways that run in %s", known, policy.Namespace).
			WithHint("%s", c.meant(slip{"namespace", policy.Namespace}, c.namespaces, "put the policy into the gateways' namespace, or into "+c.settings.RootNamespace+" for the gateways of every namespace")))
	}
	if g := c.settings.Gateway; g != nil && c.servedFrom[policy.Namespace] && c.selects(policy) {
		out = append(out, diagnosticAt(diag.CodeNamespaceUnserved, policy.Resource, resource.Path{"metadata", "namespace"},
			"the gateway serves what Gateways of %s say, but runs in %s, where policies of %s do not count: this one does not hold there", policy.Namespace, g.Namespace, policy.Namespace).
			WithHint("put the policy into %s, or run the gateway in %s: bootstrap --namespace %s", g.Namespace, policy.Namespace, policy.Namespace))
	}
	return out
}

// selects reports whether the gateway that is asked about has the labels of a policy's selector.
func (c *checks) selects(policy *attached) bool {
	return len(policy.attachment.targets) == 0 && c.settings.Gateway.Selected(policy.attachment.labels)
}

// selector names each label of a policy's selector that no Gateway selects.
func (c *checks) selector(policy *attached) diag.List {
	if !c.knowsGateways() || c.everyWorkload || c.settings.Broken.any(resource.Gateway) {
		return nil
	}
	var out diag.List
	labels := policy.attachment.labels
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		known, ok := c.labels[k]
		if known[labels[k]] {
			continue
		}
		d := diagnosticAt(diag.CodeSelectorUnknown, policy.Resource, resource.Path{"spec", "selector", "matchLabels", k}, "%s the label %s: %s", c.whoLacks(), k, labels[k])
		if ok {
			d.Hint = c.meant(slip{"label " + k, labels[k]}, known, c.labelsThatCount())
		} else {
			d.Hint = c.meant(slip{"label", k}, keysOf(c.labels), c.labelsThatCount())
		}
		out = append(out, d)
	}
	return out
}

// maxLabelsNamed bounds the labels that a hint names.
const maxLabelsNamed = 5

// labelsThatCount is the hint that names the labels which a selector can have here.
func (c *checks) labelsThatCount() string {
	var known []string
	for _, k := range slices.Sorted(maps.Keys(c.labels)) {
		for _, v := range slices.Sorted(maps.Keys(c.labels[k])) {
			known = append(known, k+": "+v)
		}
	}
	hint := "write the labels as the gateway has them"
	if len(known) == 0 || len(known) > maxLabelsNamed {
		return hint
	}
	return hint + ", here " + strings.Join(known, ", ")
}

// whoLacks begins to say that a label is not known.
func (c *checks) whoLacks() string {
	if len(c.gateways) == 0 {
		return "the gateway does not have"
	}
	return "no Gateway selects workloads with"
}

func keysOf(labels map[string]map[string]bool) map[string]bool {
	out := make(map[string]bool, len(labels))
	for k := range labels {
		out[k] = true
	}
	return out
}

// target warns of a target that no gateway here stands for.
func (c *checks) target(policy *resource.Resource, path resource.Path, t *typev1beta1.PolicyTargetReference) diag.List {
	if !isGatewayTarget(t) {
		return diag.List{diagnosticAt(diag.CodeTargetIgnored, policy, path.Field("kind"), "a gateway is never a %s, so this target adds no gateway to the policy", t.GetKind()).
			WithHint("kind: Gateway of gateway.networking.k8s.io, or a selector instead of targetRefs")}
	}
	served := c.labels[gatewayNameLabel]
	if served[t.GetName()] || c.settings.Broken.any(resource.Gateway) {
		return nil
	}
	otherwise := "use a selector with the labels of the gateway"
	if c.names[t.GetName()] {
		otherwise = "use a selector with the labels that the Gateway " + t.GetName() + " selects"
	}
	return diag.List{diagnosticAt(diag.CodeTargetUnserved, policy, path.Field("name"),
		"no Gateway selects workloads with the label %s: %s, so the policy applies to no gateway that is known here", gatewayNameLabel, t.GetName()).
		WithHint("%s", c.targetHint(t.GetName(), otherwise))}
}

func (c *checks) targetHint(name, otherwise string) string {
	if c.names[name] {
		return otherwise
	}
	known := maps.Clone(c.names)
	maps.Copy(known, c.labels[gatewayNameLabel])
	return c.meant(slip{"target", name}, known, otherwise)
}

func isGatewayTarget(t *typev1beta1.PolicyTargetReference) bool {
	return t.GetGroup() == "gateway.networking.k8s.io" && t.GetKind() == "Gateway"
}

// legacyTarget reports a policy with the older targetRef, of which there is one.
func legacyTarget(policy *resource.Resource) bool {
	spec, ok := policy.Spec.(interface {
		GetTargetRef() *typev1beta1.PolicyTargetReference
	})
	return ok && spec.GetTargetRef() != nil
}
