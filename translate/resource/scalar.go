package resource

import (
	"encoding/base64"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"buf.build/go/protoyaml"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portreeve/portreeve/translate/diag"
)

// value checks one value that is there and returns what is to be converted.
func (d strictDecoder) value(node *yaml.Node, field protoreflect.FieldDescriptor, at *place) *yaml.Node {
	switch field.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		return d.messageValue(node, field.Message(), at)
	case protoreflect.StringKind:
		if !isPlainText(node) {
			d.text(node, at.path())
		}
	case protoreflect.BytesKind:
		d.bytes(node, at)
	case protoreflect.BoolKind:
		if node.Kind != yaml.ScalarNode || node.Tag != "!!bool" || (node.Value != "true" && node.Value != "false") {
			d.wrongType(node, at.path(), "true or false", "write true or false, without quotes")
		}
	case protoreflect.EnumKind:
		d.enum(node, field.Enum(), at)
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		if f, err := strconv.ParseFloat(node.Value, 64); node.Kind != yaml.ScalarNode || err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			d.wrongType(node, at.path(), "a number", "write a decimal number")
		}
	default:
		d.integer(node, field.Kind(), at)
	}
	return node
}

// maxSeconds is how long a duration is at most for Envoy, which counts nanoseconds in 64 bits and
// refuses whatever holds a longer one.
const maxSeconds = (math.MaxInt64 - 999_999_999) / 1_000_000_000

// messageValue checks a message, of which those of google.protobuf are written as scalars.
func (d strictDecoder) messageValue(node *yaml.Node, message protoreflect.MessageDescriptor, at *place) *yaml.Node {
	switch message.FullName() {
	case "google.protobuf.Duration":
		switch duration, err := protoyaml.ParseDuration(node.Value); {
		case node.Kind != yaml.ScalarNode || node.Tag != "!!str" || err != nil:
			d.wrongType(node, at.path(), "a duration", "write a number with a unit, such as 5s or 250ms")
		case max(duration.GetSeconds(), -duration.GetSeconds()) > maxSeconds:
			d.wrongType(node, at.path(), "a duration that Envoy can count", fmt.Sprintf("at most %ds, which is 292 years", maxSeconds))
		}
		return node
	case "google.protobuf.BoolValue", "google.protobuf.UInt32Value", "google.protobuf.Int32Value", "google.protobuf.UInt64Value",
		"google.protobuf.Int64Value", "google.protobuf.StringValue", "google.protobuf.DoubleValue", "google.protobuf.FloatValue":
		return d.value(node, message.Fields().ByName("value"), at)
	case "google.protobuf.Struct":
		// protoyaml takes true and false for one without fields.
		if node.Kind != yaml.MappingNode {
			d.wrongType(node, at.path(), "an object", "write its fields as name: value lines")
		}
		return node
	}
	if message.FullName().Parent() == "google.protobuf" {
		return node
	}
	return d.message(node, message, at)
}

// isPlainText reports whether a node is a string in YAML as Kubernetes reads it.
func isPlainText(node *yaml.Node) bool {
	if node.Kind != yaml.ScalarNode || (node.Tag != "!!str" && node.Tag != "!!timestamp") {
		return false
	}
	return (node.Style != 0 || !oldBool(node.Value)) && strings.IndexByte(node.Value, 0) < 0
}

// text checks a value that must be a string. An unquoted 123 or true is more often a
// mistake than meant, and Kubernetes refuses it too.
func (d strictDecoder) text(node *yaml.Node, path Path) {
	switch {
	case isPlainText(node):
	case node.Kind == yaml.MappingNode || node.Kind == yaml.SequenceNode:
		d.wrongType(node, path, "a string", "if it is JSON, write | and the text on the next lines, or put it in single quotes")
	case strings.IndexByte(node.Value, 0) >= 0:
		d.broken = true
		d.addAt(diag.CodeWrongType, d.origin.Document.Position(node), path.String(), "%s holds a NUL character", path).WithHint("remove it")
	case isNull(node):
		d.wrongType(node, path, "a string", `write the text, or "" where it is meant to be empty`)
	case node.Tag == "!!bool" && d.aboutClaim(path):
		d.wrongType(node, path, "a string", "quoted it matches the text %q alone: no way of writing it matches a claim that is true or false, so let the issuer write text, or a list of text, into the token", node.Value)
	default:
		d.wrongType(node, path, "a string", "quote it: %q", node.Value)
	}
}

// aboutClaim reports a value that a claim of the token is compared with: in a condition of an
// AuthorizationPolicy, or in a match of a VirtualService.
func (d strictDecoder) aboutClaim(path Path) bool {
	for i, step := range path {
		if name, _ := step.(string); isClaimName(name) {
			return true
		}
		if step != "when" || i+2 > len(path) {
			continue
		}
		node := d.origin.Document.Root
		for _, s := range path[:i+2] {
			if node = child(node, s); node == nil {
				return false
			}
		}
		key := child(node, "key")
		return key != nil && claimOfKey(key.Value) != nil
	}
	return false
}

// oldBool reports the words that the YAML of Kubernetes reads as true or false.
func oldBool(s string) bool {
	if len(s) > 3 || len(s) < 2 {
		return false
	}
	switch strings.ToLower(s) {
	case "yes", "no", "on", "off":
		return s == strings.ToLower(s) || s == strings.ToUpper(s) || s[1:] == strings.ToLower(s[1:])
	}
	return false
}

func (d strictDecoder) bytes(node *yaml.Node, at *place) {
	if !isPlainText(node) {
		d.text(node, at.path())
		return
	}
	if _, err := base64.StdEncoding.DecodeString(node.Value); err != nil {
		d.wrongType(node, at.path(), "base64", "encode the bytes as base64, or use a field for text")
	}
}

func (d strictDecoder) enum(node *yaml.Node, enum protoreflect.EnumDescriptor, at *place) {
	if node.Kind == yaml.ScalarNode && enum.Values().ByName(protoreflect.Name(node.Value)) != nil {
		return
	}
	if node.Kind != yaml.ScalarNode {
		d.wrongType(node, at.path(), "a name", "write one of its names")
		return
	}
	names := make([]string, 0, enum.Values().Len())
	for i := range enum.Values().Len() {
		if name := string(enum.Values().Get(i).Name()); !strings.HasSuffix(name, "_UNSPECIFIED") {
			names = append(names, name)
		}
	}
	d.broken = true
	d.addAt(diag.CodeEnum, d.origin.Document.Position(node), at.path().String(), "%s cannot be %s", at.path(), describe(node)).
		WithHint("%s", choice(node.Value, names))
}

var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

func (d strictDecoder) integer(node *yaml.Node, kind protoreflect.Kind, at *place) {
	bits, signed := 64, true
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		bits = 32
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		bits, signed = 32, false
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		signed = false
	}
	if node.Kind != yaml.ScalarNode || !decimal.MatchString(node.Value) {
		d.wrongType(node, at.path(), "a whole number", "write it with digits only")
		return
	}
	var err error
	if signed {
		_, err = strconv.ParseInt(node.Value, 10, bits)
	} else {
		_, err = strconv.ParseUint(node.Value, 10, bits)
	}
	if err != nil {
		low := "0"
		if signed {
			low = "a negative number"
		}
		d.wrongType(node, at.path(), fmt.Sprintf("a number of %d bits from %s on", bits, low), "write a number in that range")
	}
}

// describe says what a node is, in the user's words.
func describe(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.MappingNode:
		return "a mapping"
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(node):
		return "empty"
	}
	value := node.Value
	if utf8.RuneCountInString(value) > 40 {
		value = string([]rune(value)[:40]) + "…"
	}
	switch node.Tag {
	case "!!int", "!!float":
		return "the number " + value
	case "!!bool":
		return "the truth value " + value
	case "!!str", "!!timestamp":
		if node.Style == 0 && oldBool(value) {
			return "the truth value " + value
		}
		return strconv.Quote(value)
	}
	return fmt.Sprintf("%q with the tag %s", value, node.Tag)
}
