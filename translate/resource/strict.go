package resource

import (
	"slices"
	"strconv"
	"strings"

	"buf.build/go/protoyaml"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portreeve/portreeve/translate/diag"
)

// strictDecoder converts an object's YAML to the message of its kind, and reports what does not
// fit.
type strictDecoder struct{ *reporter }

// decode fills spec from its node, which may be nil, and reports whether the spec's values
// can be checked. It first holds the node against the message's definition, which gives
// every finding its own place, and then has protoyaml convert it.
func (d strictDecoder) decode(node *yaml.Node, spec proto.Message) bool {
	return d.decodeAt(node, spec, &place{name: "spec"})
}

// decodeAt is decode for a message that stands at another place; nil is the document's root.
func (d strictDecoder) decodeAt(node *yaml.Node, spec proto.Message, at *place) bool {
	if node == nil || isNull(node) {
		return true
	}
	node = d.message(node, spec.ProtoReflect().Descriptor(), at)
	if d.broken {
		return false
	}
	options := protoyaml.UnmarshalOptions{CustomUnmarshaler: redirect{from: spec, to: node}}
	// protoyaml wants text, of which it takes only the number of lines: the node is parsed already.
	text := "{}" + strings.Repeat("\n", d.origin.Document.Lines)
	if err := options.Unmarshal([]byte(text), spec); err != nil {
		d.conversion(err)
		return false
	}
	return true
}

// redirect makes protoyaml read the root message from a node that is parsed already.
type redirect struct {
	from proto.Message
	to   *yaml.Node
}

// Unmarshal implements protoyaml.CustomUnmarshaler. It never converts anything itself.
func (r redirect) Unmarshal(node *yaml.Node, message proto.Message) (bool, error) {
	if message == r.from {
		*node = *r.to
	}
	return false, nil
}

// conversion reports protoyaml's errors, each a text ":line:column message" with the line
// counted from the document's start. The strict walk leaves few of them.
func (d strictDecoder) conversion(err error) {
	causes := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		causes = joined.Unwrap()
	}
	for _, cause := range causes {
		pos := d.origin.At(Path{"spec"})
		text, _, _ := strings.Cut(cause.Error(), "\n")
		if parts := strings.SplitN(text, ":", 3); len(parts) == 3 && parts[0] == "" {
			line, e1 := strconv.Atoi(parts[1])
			column, rest, _ := strings.Cut(parts[2], " ")
			if n, e2 := strconv.Atoi(column); e1 == nil && e2 == nil {
				pos.Line, pos.Column, text = d.origin.Document.Offset+line, n, rest
			}
		}
		d.addAt(diag.CodeWrongType, pos, "spec", "%s", text)
	}
}

// place is a path that costs nothing until somebody asks for it.
type place struct {
	up    *place
	name  string // of a field or key; empty for an item of a list
	index int
}

func (p *place) path() Path {
	var out Path
	for ; p != nil; p = p.up {
		if p.name != "" {
			out = append(out, p.name)
		} else {
			out = append(out, p.index)
		}
	}
	slices.Reverse(out)
	return out
}

// message holds a node against the definition of a message and returns what is to be
// converted: the node itself or, without changing it, a copy that lacks the fields that
// are null, which in Kubernetes are not there, and those that are reported as unknown.
func (d strictDecoder) message(node *yaml.Node, message protoreflect.MessageDescriptor, at *place) *yaml.Node {
	if node.Kind != yaml.MappingNode {
		d.wrongType(node, at.path(), "an object", "write its fields as name: value lines")
		return node
	}
	var kept []*yaml.Node // nil as long as nothing differs
	change := func(i int) {
		if kept == nil {
			kept = append(make([]*yaml.Node, 0, len(node.Content)), node.Content[:i]...)
		}
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field := fieldOf(message, key.Value)
		if field == nil {
			d.unknownField(key, at.path(), fieldNames(message))
			change(i)
			continue
		}
		d.sameField(node, i, field, at)
		if isNull(value) {
			change(i)
			continue
		}
		converted := d.field(value, field, &place{up: at, name: key.Value})
		if converted != value {
			change(i)
		}
		if kept != nil {
			kept = append(kept, key, converted)
		}
	}
	if kept == nil {
		return node
	}
	return withContent(node, kept)
}

func withContent(node *yaml.Node, content []*yaml.Node) *yaml.Node {
	out := *node
	out.Content = content
	return &out
}

// fieldOf finds a field by its name in JSON (camelCase) or in the definition (snake_case).
func fieldOf(message protoreflect.MessageDescriptor, key string) protoreflect.FieldDescriptor {
	if f := message.Fields().ByJSONName(key); f != nil {
		return f
	}
	return message.Fields().ByTextName(key)
}

// sameField reports a field that stands before under its other name, and a second field of
// which only one can be set.
func (d strictDecoder) sameField(node *yaml.Node, i int, field protoreflect.FieldDescriptor, at *place) {
	oneof := field.ContainingOneof()
	exclusive := oneof != nil && !oneof.IsSynthetic()
	if !exclusive && field.JSONName() == field.TextName() {
		return
	}
	key := node.Content[i]
	for j := 0; j < i; j += 2 {
		before := node.Content[j]
		other := fieldOf(field.ContainingMessage(), before.Value)
		switch {
		case other == nil:
		case other == field:
			d.addAt(diag.CodeDuplicateKey, d.origin.Document.Position(key), at.path().Field(key.Value).String(), "%s and %s are the same field", before.Value, key.Value).
				WithHint("keep one of them")
			d.broken = true
		case exclusive && other.ContainingOneof() == oneof:
			d.addAt(diag.CodeOneOf, d.origin.Document.Position(key), at.path().Field(key.Value).String(), "%s and %s cannot both be set", before.Value, key.Value).
				WithHint("keep one of them")
			d.broken = true
		}
	}
}

func (d strictDecoder) field(node *yaml.Node, field protoreflect.FieldDescriptor, at *place) *yaml.Node {
	switch {
	case field.IsMap():
		return d.mapping(node, field, at)
	case field.IsList():
		return d.list(node, field, at)
	default:
		return d.value(node, field, at)
	}
}

func (d strictDecoder) mapping(node *yaml.Node, field protoreflect.FieldDescriptor, at *place) *yaml.Node {
	if node.Kind != yaml.MappingNode {
		d.wrongType(node, at.path(), "a mapping", "write name: value lines")
		return node
	}
	var kept []*yaml.Node
	for i := 1; i < len(node.Content); i += 2 {
		below := &place{up: at, name: node.Content[i-1].Value}
		if converted := d.present(node.Content[i], field.MapValue(), below); converted != node.Content[i] {
			if kept == nil {
				kept = slices.Clone(node.Content)
			}
			kept[i] = converted
		}
	}
	if kept == nil {
		return node
	}
	return withContent(node, kept)
}

func (d strictDecoder) list(node *yaml.Node, field protoreflect.FieldDescriptor, at *place) *yaml.Node {
	if node.Kind != yaml.SequenceNode {
		d.wrongType(node, at.path(), "a list", "begin each item with \"- \", or write [a, b]")
		return node
	}
	var kept []*yaml.Node
	for i, item := range node.Content {
		if converted := d.present(item, field, &place{up: at, index: i}); converted != item {
			if kept == nil {
				kept = slices.Clone(node.Content)
			}
			kept[i] = converted
		}
	}
	if kept == nil {
		return node
	}
	return withContent(node, kept)
}

// present checks an item or a mapping's value, where null would not mean "absent".
func (d strictDecoder) present(node *yaml.Node, field protoreflect.FieldDescriptor, at *place) *yaml.Node {
	if isNull(node) {
		d.wrongType(node, at.path(), "a value", "write the value, or take the line out")
		return node
	}
	return d.value(node, field, at)
}

func fieldNames(message protoreflect.MessageDescriptor) []string {
	out := make([]string, 0, message.Fields().Len())
	for i := range message.Fields().Len() {
		out = append(out, message.Fields().Get(i).JSONName())
	}
	return out
}
