package resource

import (
	"fmt"
	"strconv"
	"strings"

	"buf.build/go/protoyaml"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portreeve/portreeve/internal/diag"
)

// decode fills spec from its node and reports whether that went without an error. It first
// holds the node against the message's definition, which gives every finding its own
// place, and then has protoyaml convert it.
func (c *checker) decode(node *yaml.Node, spec proto.Message) bool {
	before := len(c.diags)
	c.strict(node, spec.ProtoReflect().Descriptor(), Path{"spec"})
	if c.diags[before:].HasErrors() {
		return false
	}
	if node.Tag == "!!null" {
		return true
	}
	options := protoyaml.UnmarshalOptions{CustomUnmarshaler: redirect{from: spec, to: node}}
	// protoyaml wants text, of which it takes only the number of lines: the node is parsed already.
	text := "{}" + strings.Repeat("\n", c.origin.Document.Lines)
	if err := options.Unmarshal([]byte(text), spec); err != nil {
		c.conversion(err)
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
// counted from the document's start.
func (c *checker) conversion(err error) {
	causes := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		causes = joined.Unwrap()
	}
	for _, cause := range causes {
		pos := c.origin.At(Path{"spec"})
		text, _, _ := strings.Cut(cause.Error(), "\n")
		parts := strings.SplitN(strings.TrimPrefix(text, ":"), ":", 2)
		if line, e := strconv.Atoi(parts[0]); e == nil && len(parts) == 2 {
			column, rest, _ := strings.Cut(parts[1], " ")
			pos.Line = c.origin.Document.Offset + line
			pos.Column, _ = strconv.Atoi(column)
			text = rest
		}
		c.addAt(diag.CodeWrongType, pos, "spec", "%s", text)
	}
}

// strict compares a node with the definition of a message.
func (c *checker) strict(node *yaml.Node, message protoreflect.MessageDescriptor, path Path) {
	if wellKnown(message) || node.Tag == "!!null" {
		return
	}
	if node.Kind != yaml.MappingNode {
		c.wrongType(node, path, "an object")
		return
	}
	written := map[protoreflect.Name]string{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field := message.Fields().ByJSONName(key.Value)
		if field == nil {
			field = message.Fields().ByTextName(key.Value)
		}
		at := path.Field(key.Value)
		if field == nil {
			c.addAt(diag.CodeUnknownField, c.origin.Document.Position(key), at.String(), "%s has no field %q", path, key.Value).
				WithHint("%s", suggestion(key.Value, fieldNames(message)))
			continue
		}
		if other, twice := written[field.Name()]; twice {
			c.addAt(diag.CodeDuplicateKey, c.origin.Document.Position(key), at.String(), "%s and %s are the same field", other, key.Value).WithHint("keep one of them")
		}
		written[field.Name()] = key.Value
		c.strictField(value, field, at)
	}
}

func (c *checker) strictField(node *yaml.Node, field protoreflect.FieldDescriptor, path Path) {
	switch {
	case node.Tag == "!!null":
		// As in Kubernetes, null is a field that is not there.
	case field.IsMap():
		if node.Kind != yaml.MappingNode {
			c.wrongType(node, path, "a mapping")
			return
		}
		for i := 0; i+1 < len(node.Content); i += 2 {
			c.strictValue(node.Content[i+1], field.MapValue(), path.Field(node.Content[i].Value))
		}
	case field.IsList():
		if node.Kind != yaml.SequenceNode {
			c.wrongType(node, path, "a list")
			return
		}
		for i, item := range node.Content {
			c.strictValue(item, field, path.Field(i))
		}
	default:
		c.strictValue(node, field, path)
	}
}

// strictValue checks one value that must be there: an item, a map's value or a field.
func (c *checker) strictValue(node *yaml.Node, field protoreflect.FieldDescriptor, path Path) {
	if node.Tag == "!!null" {
		c.wrongType(node, path, "a value")
		return
	}
	if field.Kind() == protoreflect.MessageKind {
		c.strict(node, field.Message(), path)
		return
	}
	if want, ok := scalar(node, field.Kind()); !ok {
		c.wrongType(node, path, want)
	}
}

// scalar says whether a node can stand for a value of the kind, and what is expected. A
// string must be one in YAML too: an unquoted 123 or true is more often a mistake than meant.
func scalar(node *yaml.Node, kind protoreflect.Kind) (want string, ok bool) {
	text := node.Kind == yaml.ScalarNode
	switch kind {
	case protoreflect.StringKind, protoreflect.BytesKind:
		return "a string (quote it)", text && (node.Tag == "!!str" || node.Tag == "!!timestamp")
	case protoreflect.BoolKind:
		return "true or false", text && node.Tag == "!!bool"
	case protoreflect.EnumKind:
		return "one of the names that the field takes", text && node.Tag == "!!str"
	default:
		_, err := strconv.ParseFloat(node.Value, 64)
		return "a number", text && err == nil
	}
}

func (c *checker) wrongType(node *yaml.Node, path Path, want string) {
	c.addAt(diag.CodeWrongType, c.origin.Document.Position(node), path.String(), "%s is %s, not %s", path, describe(node), want).
		WithHint("write %s", want)
}

func describe(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	if node.Tag == "!!null" {
		return "empty"
	}
	return fmt.Sprintf("%q (%s)", node.Value, strings.TrimPrefix(node.Tag, "!!"))
}

func wellKnown(message protoreflect.MessageDescriptor) bool {
	return message.FullName().Parent() == "google.protobuf"
}

func fieldNames(message protoreflect.MessageDescriptor) []string {
	out := make([]string, 0, message.Fields().Len())
	for i := range message.Fields().Len() {
		out = append(out, message.Fields().Get(i).JSONName())
	}
	return out
}
