package model

import (
	"maps"
	"slices"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// maxUnapplied bounds what Unapplied returns.
const maxUnapplied = 100

// Unapplied warns of policies that enforce something and apply to none of the gateways, and of
// Gateways that select none of them, except of policies of which Build says so already. The first
// hundred are named, kind by kind. Where there is no gateway nothing is known, and nothing said.
func (m *Model) Unapplied(gateways []Gateway) diag.List {
	if len(gateways) == 0 {
		return nil
	}
	var out diag.List
	c := newConnected(gateways, m.settings.RootNamespace)
	for _, kind := range []resource.Kind{resource.RequestAuthentication, resource.AuthorizationPolicy} {
		for _, namespace := range slices.Sorted(maps.Keys(m.policies[kind])) {
			for _, policy := range m.policies[kind][namespace] {
				if len(out) < maxUnapplied && policy.enforces && !c.applies(policy) && !m.appliesToNone(policy) {
					out = append(out, c.unapplied(policy))
				}
			}
		}
	}
	for _, g := range m.gateways {
		selector := g.Spec.(*networkingv1alpha3.Gateway).GetSelector()
		if len(out) < maxUnapplied && !slices.ContainsFunc(gateways, func(w Gateway) bool { return w.Selected(selector) }) {
			out = append(out, diagnosticAt(diag.CodeNoneConnected, g, resource.Path{"spec", "selector"}, "no gateway that is connected has these labels, so nothing of %s is served", g.Key).
				WithHint("the labels of a gateway, as its node has them in metadata.LABELS, or start the gateway"))
		}
	}
	return out
}

// connected is the gateways that there are.
type connected struct {
	gateways []Gateway
	root     string
	// namespaces are those in which policies can apply to one of them.
	namespaces map[string]bool
	// asked holds what was found of policies that are attached alike.
	asked map[attachedAlike]bool
}

// attachedAlike says to which gateways policies are attached that have no targetRefs.
type attachedAlike struct{ namespace, labels string }

func newConnected(gateways []Gateway, root string) connected {
	out := connected{gateways, root, map[string]bool{root: true}, map[attachedAlike]bool{}}
	for _, g := range gateways {
		out.namespaces[g.Namespace] = true
	}
	return out
}

// applies reports whether a policy applies to any of the gateways. Policies that are attached
// alike are asked about once.
func (c connected) applies(policy *attached) bool {
	at := policy.attachment
	to := func(g Gateway) bool {
		return (policy.Namespace == c.root || policy.Namespace == g.Namespace) && at.selects(g, policy.Namespace)
	}
	if len(at.targets) > 0 {
		return slices.ContainsFunc(c.gateways, to)
	}
	key := attachedAlike{policy.Namespace, at.labelled()}
	known, ok := c.asked[key]
	if !ok {
		known = slices.ContainsFunc(c.gateways, to)
		c.asked[key] = known
	}
	return known
}

// unapplied says why a policy applies to nobody.
func (c connected) unapplied(policy *attached) diag.Diagnostic {
	if !c.namespaces[policy.Namespace] {
		hint := "the namespace of the gateways, or " + c.root + " for those of every namespace"
		if near := resource.DidYouMean(policy.Namespace, slices.Sorted(maps.Keys(c.namespaces))); near != "" {
			hint = "did you mean " + near + "?"
		}
		return diagnosticAt(diag.CodeNoneConnected, policy.Resource, resource.Path{"metadata", "namespace"}, "no gateway that is connected runs in the namespace %s, so %s is enforced nowhere", policy.Namespace, policy.Key).WithHint("%s", hint)
	}
	path := resource.Path{"spec", "selector"}
	if len(policy.attachment.targets) > 0 {
		path = resource.Path{"spec", "targetRefs"}
	}
	return diagnosticAt(diag.CodeNoneConnected, policy.Resource, path, "it selects none of the gateways that are connected, so %s is enforced nowhere", policy.Key).
		WithHint("the labels of a gateway, as its node has them in metadata.LABELS")
}
