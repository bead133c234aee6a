package source

import (
	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/translate/diag"
)

// maxAliased bounds the number of nodes that aliases add to a document.
const maxAliased = 10_000

// tree checks the nodes of one document and resolves its aliases.
type tree struct {
	document Document
	diags    diag.List
	// sizes holds the number of nodes below every anchored node that is complete.
	sizes   map[*yaml.Node]int
	aliased int
}

func (t *tree) add(code diag.Code, n *yaml.Node, format string, args ...any) *diag.Diagnostic {
	t.diags = append(t.diags, diag.New(code, t.document.Position(n), format, args...))
	return &t.diags[len(t.diags)-1]
}

// checked returns the node with every alias replaced by what it stands for, so that later
// stages never meet one. It refuses what YAML allows and a policy must not have: a key
// twice, of which a reader would see only one, merge keys, and aliases without bound.
func (t *tree) checked(n *yaml.Node) *yaml.Node {
	node, _ := t.walk(n)
	return node
}

// walk returns the resolved node and the number of nodes in it.
func (t *tree) walk(n *yaml.Node) (*yaml.Node, int) {
	if n.Kind == yaml.AliasNode {
		return t.alias(n)
	}
	if n.Kind == yaml.MappingNode {
		t.keys(n)
	}
	size := 1
	for i, c := range n.Content {
		child, below := t.walk(c)
		n.Content[i] = child
		size += below
	}
	if n.Anchor != "" {
		if t.sizes == nil {
			t.sizes = map[*yaml.Node]int{}
		}
		t.sizes[n] = size
	}
	return n, size
}

// alias returns the anchored node in place of the alias. Its findings then point to where
// the value is written. An anchor that is not complete yet contains the alias itself.
func (t *tree) alias(n *yaml.Node) (*yaml.Node, int) {
	size, complete := t.sizes[n.Alias]
	t.aliased += size
	switch {
	case !complete:
		t.add(diag.CodeAlias, n, "the alias *%s stands inside of what it stands for", n.Value).Hint = "write the value out"
	case t.aliased-size > maxAliased:
		// It is reported already.
	case t.aliased > maxAliased:
		t.add(diag.CodeAlias, n, "the aliases of this document add more than %d values", maxAliased).Hint = "write the values out"
	default:
		return n.Alias, size
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: n.Line, Column: n.Column}, 1
}

// few is the number of keys up to which comparing each with each is cheaper than a map.
const few = 12

// keys checks the keys of a mapping.
func (t *tree) keys(n *yaml.Node) {
	var first map[string]*yaml.Node
	if len(n.Content) > 2*few {
		first = make(map[string]*yaml.Node, len(n.Content)/2)
	}
	for i := 0; i < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			t.add(diag.CodeYAML, key, "a key must be plain text").Hint = "write key: value; a text that begins with *, [ or { needs quotes"
			continue
		}
		if key.Tag == "!!merge" {
			t.add(diag.CodeAlias, key, "merge keys (<<) are not supported").Hint = "write the fields out"
			continue
		}
		if before := earlier(n, i, first); before != nil {
			t.add(diag.CodeDuplicateKey, key, "the key %q stands here again; it is on line %d already", key.Value, t.document.Position(before).Line).Hint = "keep one of them"
		}
		if first != nil {
			first[key.Value] = key
		}
	}
}

// earlier returns the same key before index i, or nil.
func earlier(n *yaml.Node, i int, first map[string]*yaml.Node) *yaml.Node {
	if first != nil {
		return first[n.Content[i].Value]
	}
	for j := 0; j < i; j += 2 {
		if n.Content[j].Value == n.Content[i].Value && n.Content[j].Kind == yaml.ScalarNode {
			return n.Content[j]
		}
	}
	return nil
}
