package resource

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// spots are where the values of a document stand, in the order of the text: all that is kept of its YAML once it is
// decoded, since the tree itself takes several times as much.
type spots []spot

// spot is a value, and the name that it has in a mapping. What is in the value follows it.
type spot struct {
	name         string
	line, column int32
	// end is the index behind all that is in the value.
	end  int32
	kind kindOfNode
}

// kindOfNode is as much of a yaml.Kind as a spot needs.
type kindOfNode uint8

const (
	scalar kindOfNode = iota
	mapping
	sequence
)

// spotted makes spots. Names that many documents have are kept once.
type spotted struct{ names map[string]string }

// of returns where the values of a tree stand.
func (m spotted) of(root *yaml.Node) spots { return m.with(make(spots, 0, count(root)), root, "") }

// count returns the number of values in a tree.
func count(n *yaml.Node) int {
	out := 1
	for i, c := range n.Content {
		if n.Kind != yaml.MappingNode || i%2 == 1 {
			out += count(c)
		}
	}
	return out
}

func (m spotted) with(s spots, n *yaml.Node, name string) spots {
	own := len(s)
	s = append(s, spot{name: m.name(name), line: int32(n.Line), column: int32(n.Column)}) //nolint:gosec // a file is some MiB at most
	switch n.Kind {
	case yaml.MappingNode:
		s[own].kind = mapping
		for k := 0; k+1 < len(n.Content); k += 2 {
			s = m.with(s, n.Content[k+1], n.Content[k].Value)
		}
	case yaml.SequenceNode:
		s[own].kind = sequence
		for _, c := range n.Content {
			s = m.with(s, c, "")
		}
	}
	s[own].end = int32(len(s)) //nolint:gosec // a file has some million values at most
	return s
}

func (m spotted) name(name string) string {
	known, ok := m.names[name]
	if !ok {
		known = name
		m.names[name] = name
	}
	return known
}

// child returns the index of the value below that of an index at a field name or index, or -1.
func (s spots) child(of int, step any) int {
	switch want := step.(type) {
	case int:
		if s[of].kind != sequence || want < 0 {
			return -1
		}
		for i := of + 1; i < int(s[of].end); i = int(s[i].end) {
			if want--; want < 0 {
				return i
			}
		}
	case string:
		if s[of].kind != mapping {
			return -1
		}
		if i := s.named(of, func(name string) bool { return name == want }); i >= 0 || strings.ToLower(want) == want {
			return i
		}
		return s.named(of, func(name string) bool { return snakeCase(name, want) })
	}
	return -1
}

func (s spots) named(of int, meant func(string) bool) int {
	for i := of + 1; i < int(s[of].end); i = int(s[i].end) {
		if meant(s[i].name) {
			return i
		}
	}
	return -1
}

// at returns the value at a path, or its nearest ancestor that the document has.
func (s spots) at(path Path) spot {
	index := 0
	for _, step := range path {
		next := s.child(index, step)
		if next < 0 {
			break
		}
		index = next
	}
	return s[index]
}
