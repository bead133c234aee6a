package resource

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// Path is a place inside an object: field names (string) and list indices (int), from the
// object's root, such as Path{"spec", "rules", 0, "to", 1}. Field names are those of the YAML.
type Path []any

// Field returns the path one or more field names (string) or indices (int) deeper. The receiver is not changed.
func (p Path) Field(steps ...any) Path { return append(slices.Clip(slices.Clone(p)), steps...) }

// String returns the path as diagnostics show it: spec.rules[0].to[1]. A key of a mapping is
// a person's own, and may be a private key in the wrong place: nothing of that is in it.
func (p Path) String() string {
	var b strings.Builder
	for _, step := range p {
		switch s := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", s)
		default:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(diag.BeforeKey(fmt.Sprint(s)))
		}
	}
	return b.String()
}

// Origin ties a resource to the document that it was written in.
type Origin struct {
	// Document has no root any more once it is decoded: only its places are kept.
	Document source.Document
	spots    spots
	aliases  []alias
}

// compact returns an origin that answers the same without the document's tree.
func (o Origin) compact(m spotted) Origin {
	o.spots, o.Document.Root = m.of(o.Document.Root), nil
	return o
}

type alias struct{ from, to Path }

// Aliased returns an origin in which places at or below from are looked up at or below
// to. A resource that is generated from another one (JWTPolicy) uses it to point into the
// file that the user wrote. Later aliases win over earlier ones.
func (o Origin) Aliased(from, to Path) Origin {
	o.aliases = append(slices.Clone(o.aliases), alias{from, to})
	return o
}

// At returns the position of the value at path, or of its nearest ancestor that the
// document has. For a mapping entry it is the position of the value, not of the key.
func (o Origin) At(path Path) diag.Position {
	if o.Document.Root == nil {
		if len(o.spots) == 0 {
			return diag.Position{File: o.Document.File}
		}
		at := o.spots.at(o.aliased(path))
		return diag.Position{File: o.Document.File, Line: o.Document.Offset + int(at.line), Column: int(at.column)}
	}
	node := o.Document.Root
	for _, step := range o.aliased(path) {
		next := child(node, step)
		if next == nil {
			break
		}
		node = next
	}
	return o.Document.Position(node)
}

// atKey returns the position of the key of the mapping entry at path, or what At returns. It is only asked while the
// document is being decoded.
func (o Origin) atKey(path Path) diag.Position {
	path = o.aliased(path)
	node := o.Document.Root
	for i, step := range path {
		name, isName := step.(string)
		if j := entry(node, name); isName && j >= 0 && i == len(path)-1 {
			return o.Document.Position(node.Content[j])
		}
		if node = child(node, step); node == nil {
			break
		}
	}
	return o.At(path)
}

func (o Origin) aliased(path Path) Path {
	for _, a := range slices.Backward(o.aliases) {
		if len(path) >= len(a.from) && slices.Equal(path[:len(a.from)], a.from) {
			return a.to.Field(path[len(a.from):]...)
		}
	}
	return path
}

// child returns the value below node at a field name or index, or nil.
func child(node *yaml.Node, step any) *yaml.Node {
	switch s := step.(type) {
	case int:
		if node.Kind == yaml.SequenceNode && s >= 0 && s < len(node.Content) {
			return node.Content[s]
		}
	case string:
		if i := entry(node, s); i >= 0 {
			return node.Content[i+1]
		}
	}
	return nil
}

// entry returns the index of a key in a mapping, or -1. A field may be written in
// snake_case too; a key that is spelt exactly so comes first.
func entry(node *yaml.Node, name string) int {
	if node.Kind != yaml.MappingNode {
		return -1
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == name {
			return i
		}
	}
	if strings.ToLower(name) == name {
		return -1
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if snakeCase(node.Content[i].Value, name) {
			return i
		}
	}
	return -1
}

// snakeCase reports whether a key is a field's name in snake_case.
func snakeCase(key, name string) bool {
	return strings.Contains(key, "_") && strings.EqualFold(strings.ReplaceAll(key, "_", ""), name)
}
