package source

import (
	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/translate/diag"
)

// expand makes the items of a List (apiVersion v1, as "kubectl get -o yaml" prints it)
// documents of their own. Any other document is returned as it is. A list without items is
// an error like an empty file, since a policy may have stood there a moment ago.
func expand(d Document) ([]Document, diag.List) {
	if text(d.Root, "apiVersion") != "v1" || text(d.Root, "kind") != "List" {
		return []Document{d}, nil
	}
	items := value(d.Root, "items")
	if items == nil || items.Kind != yaml.SequenceNode || len(items.Content) == 0 {
		at := d.Root
		if items != nil {
			at = items
		}
		return nil, diag.List{diag.New(diag.CodeEmptyFile, d.Position(at), "the List has no items").
			WithHint("to remove a policy, delete its item or the file")}
	}
	var documents []Document
	var diags diag.List
	for _, item := range items.Content {
		found, ds := expand(d.item(item))
		documents = append(documents, found...)
		diags = append(diags, ds...)
	}
	return documents, diags
}

// item returns the document of one item. Its lines are counted from its own first line, so
// that the cost of an item does not grow with the list.
func (d Document) item(root *yaml.Node) Document {
	shift := root.Line - 1
	if d.shared {
		// A node that stands for several aliases cannot be counted from two places.
		shift = 0
	}
	return Document{File: d.File, Offset: d.Offset + shift, Lines: rebase(root, shift), Root: root, shared: d.shared}
}

// value returns the value of a key, or nil.
func value(mapping *yaml.Node, key string) *yaml.Node {
	if mapping.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// rebase subtracts from the line of every node and returns the last line.
func rebase(n *yaml.Node, shift int) int {
	n.Line -= shift
	last := n.Line
	for _, c := range n.Content {
		last = max(last, rebase(c, shift))
	}
	return last
}

func text(mapping *yaml.Node, key string) string {
	if n := value(mapping, key); n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}
