package resource

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/internal/diag"
)

// scope is what is known of a document whose metadata could be read.
type scope struct {
	root      *yaml.Node
	namespace string
}

func everyone(scope) diag.Scope { return diag.Scope{} }

// selectorReach is the workloads that a policy selects. Without a selector that is the
// whole namespace, which contains whatever a misspelt or wrongly placed selector meant; a
// selector that cannot be read reaches every gateway.
func selectorReach(s scope) diag.Scope {
	selector := at(s.root, "spec", "selector")
	if selector == nil || selector.Tag == "!!null" {
		return diag.Limited(diag.Target{Namespace: s.namespace})
	}
	labels, ok := stringsOf(child(selector, "matchLabels"))
	if !ok || len(selector.Content) > 2 {
		return diag.Scope{}
	}
	return diag.Limited(diag.Target{Namespace: s.namespace, Labels: labels})
}

// gatewayReach is the workloads, of every namespace, that a Gateway selects.
func gatewayReach(s scope) diag.Scope {
	labels, ok := stringsOf(at(s.root, "spec", "selector"))
	if !ok {
		return diag.Scope{}
	}
	return diag.Limited(diag.Target{Labels: labels})
}

// virtualServiceReach is the workloads of the Gateways that a VirtualService names.
func virtualServiceReach(s scope) diag.Scope {
	names := at(s.root, "spec", "gateways")
	if names == nil || names.Kind != yaml.SequenceNode {
		return diag.Scope{}
	}
	targets := []diag.Target{}
	for _, n := range names.Content {
		switch {
		case n.Kind != yaml.ScalarNode || strings.Contains(n.Value, ".svc."):
			return diag.Scope{}
		case n.Value == "mesh":
		default:
			targets = append(targets, diag.Target{Gateway: qualified(n.Value, s.namespace)})
		}
	}
	return diag.Limited(targets...)
}

func qualified(name, namespace string) string {
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
	if node == nil || node.Tag == "!!null" {
		return nil, true
	}
	if node.Kind != yaml.MappingNode {
		return nil, false
	}
	out := map[string]string{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i+1].Kind != yaml.ScalarNode {
			return nil, false
		}
		out[node.Content[i].Value] = node.Content[i+1].Value
	}
	return out, true
}
