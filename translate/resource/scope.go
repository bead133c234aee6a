package resource

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/translate/diag"
)

// The reach of a document's findings is read from the YAML itself, because a document with
// a mistake has no message. Wherever it cannot be read it is every gateway: that refuses
// more, never less.

func everyGateway(*reporter) diag.Scope { return diag.Scope{} }

// noGateway is the reach of what no gateway is served anything of, and nobody's rights depend on.
func noGateway(*reporter) diag.Scope { return diag.Limited() }

// policyScope is the workloads that a policy selects. Without a selector (targetRefs, or a
// field beside it that may be a misspelt selector) it is the whole namespace, which
// contains them.
func policyScope(r *reporter) diag.Scope {
	spec := child(r.origin.Document.Root, "spec")
	whole := diag.Limited(diag.Target{Namespace: r.key.Namespace})
	switch {
	case spec == nil || isNull(spec):
		return whole
	case spec.Kind != yaml.MappingNode:
		return diag.Scope{}
	}
	selector := child(spec, "selector")
	if selector == nil || isNull(selector) || r.unknown["spec"] {
		return whole
	}
	labels, ok := stringsOf(child(selector, "matchLabels"))
	switch {
	case !ok || selector.Kind != yaml.MappingNode || r.unknown["spec.selector"]:
		return diag.Scope{}
	case misleading(labels) || child(spec, "targetRef") != nil || child(spec, "targetRefs") != nil:
		return whole
	}
	return diag.Limited(diag.Target{Namespace: r.key.Namespace, Labels: labels})
}

// misleading reports labels that cannot be what is meant: no workload has a wildcard or an
// empty name in its labels.
func misleading(labels map[string]string) bool {
	for k, v := range labels {
		if k == "" || strings.Contains(k, "*") || strings.Contains(v, "*") {
			return true
		}
	}
	return false
}

// gatewayScope is the workloads, of every namespace, that a Gateway selects.
func gatewayScope(r *reporter) diag.Scope {
	labels, ok := stringsOf(at(r.origin.Document.Root, "spec", "selector"))
	if !ok || r.unknown["spec"] || len(labels) == 0 || misleading(labels) {
		return diag.Scope{}
	}
	return diag.Limited(diag.Target{Labels: labels})
}

// policyTestScope is the gateways that a PolicyTest names, or the one that it asks where it names none.
func policyTestScope(r *reporter) diag.Scope {
	spec := child(r.origin.Document.Root, "spec")
	if spec == nil || spec.Kind != yaml.MappingNode || r.unknown["spec"] {
		return diag.Scope{}
	}
	gateways := child(spec, "gateways")
	switch {
	case gateways == nil || isNull(gateways) || gateways.Kind == yaml.SequenceNode && len(gateways.Content) == 0:
		return diag.Limited(diag.Target{Namespace: TestNamespace, Labels: TestLabels()})
	case gateways.Kind != yaml.SequenceNode:
		return diag.Scope{}
	}
	targets := []diag.Target{}
	for i, g := range gateways.Content {
		labels, ok := stringsOf(child(g, "labels"))
		namespace := child(g, "namespace")
		if !ok || g.Kind != yaml.MappingNode || r.unknown[Path{"spec", "gateways", i}.String()] || namespace != nil && !isText(namespace) {
			return diag.Scope{}
		}
		target := diag.Target{Namespace: TestNamespace, Labels: labels}
		if namespace != nil {
			target.Namespace = namespace.Value
		}
		targets = append(targets, target)
	}
	return diag.Limited(targets...)
}

// TestNamespace is the namespace of a gateway of a PolicyTest that does not say it.
const TestNamespace = "istio-system"

// TestLabels are the labels of the gateway that a PolicyTest asks which names none.
func TestLabels() map[string]string { return map[string]string{"istio": "ingressgateway"} }

// virtualServiceScope is the workloads of the Gateways that a VirtualService names. One
// that names none belongs to the sidecars of a mesh and reaches nobody; but without hosts it
// is a delegate, which can be part of any other.
func virtualServiceScope(r *reporter) diag.Scope {
	spec := child(r.origin.Document.Root, "spec")
	if spec == nil || spec.Kind != yaml.MappingNode || r.unknown["spec"] {
		return diag.Scope{}
	}
	hosts := child(spec, "hosts")
	if hosts == nil || hosts.Kind != yaml.SequenceNode || len(hosts.Content) == 0 {
		return diag.Scope{}
	}
	names := child(spec, "gateways")
	if names == nil || isNull(names) {
		return diag.Limited()
	}
	if names.Kind != yaml.SequenceNode {
		return diag.Scope{}
	}
	targets := []diag.Target{}
	for _, n := range names.Content {
		switch {
		case n.Kind != yaml.ScalarNode || n.Tag != "!!str" || legacyGatewayName(n.Value):
			return diag.Scope{}
		case n.Value != MeshGateway:
			targets = append(targets, diag.Target{Gateway: qualifiedGateway(n.Value, r.key.Namespace)})
		}
	}
	return diag.Limited(targets...)
}

// MeshGateway is the name for all sidecars of a mesh, of which there are none here. It is no
// Gateway's.
const MeshGateway = "mesh"

// legacyGatewayName reports the forms name.namespace and name.namespace.svc.domain. The
// finding then counts for every gateway: it refuses more, never less.
func legacyGatewayName(name string) bool {
	return !strings.Contains(name, "/") && strings.Contains(name, ".")
}

// qualifiedGateway resolves the forms name, ./name and namespace/name.
func qualifiedGateway(name, namespace string) string {
	ns, rest, ok := strings.Cut(name, "/")
	switch {
	case !ok:
		return namespace + "/" + name
	case ns == ".":
		return namespace + "/" + rest
	default:
		return name
	}
}

func at(node *yaml.Node, steps ...string) *yaml.Node {
	for _, s := range steps {
		if node == nil {
			return nil
		}
		node = child(node, s)
	}
	return node
}

// stringsOf reads a mapping of strings. An absent one is empty.
func stringsOf(node *yaml.Node) (map[string]string, bool) {
	if node == nil || isNull(node) {
		return nil, true
	}
	if node.Kind != yaml.MappingNode {
		return nil, false
	}
	out := make(map[string]string, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		value := node.Content[i+1]
		if value.Kind != yaml.ScalarNode || value.Tag != "!!str" {
			return nil, false
		}
		out[node.Content[i].Value] = value.Value
	}
	return out, true
}
