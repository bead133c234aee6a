package schema

import (
	"math"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// How plain values are written. The patterns let more pass than is accepted, and never less.
const (
	// integerText is a number in quotes, which is taken for the number.
	integerText = `^-?(0|[1-9][0-9]*)$`
	// naturalText is one that is not negative.
	naturalText = `^(0|[1-9][0-9]*)$`
	// numberText is what Go reads as a number.
	numberText = `^[+-]?(0[xX][0-9a-fA-F_.]+[pP][+-]?[0-9]+|[0-9]*\.?[0-9]*([eE][+-]?[0-9]+)?)$`
	// durationText is numbers with units, added up.
	durationText = `^[+-]?(0|([0-9]*(\.[0-9]*)?(ns|us|µs|μs|ms|s|m|h))+)$`
	base64Text   = `^[A-Za-z0-9+/\r\n]*=?[\r\n]*=?[\r\n]*$`
)

// value says what one value of a field is: an item of a list, the value of a name, or the field itself.
func (d *definitions) value(f *Field) object {
	if f.message != nil {
		return object{"type": "object", "allOf": []any{d.define(string(f.message.Name()), d.fields(f.Fields))}}
	}
	if f.descriptor == nil {
		return object{"type": "object", "allOf": []any{d.define(f.Name, d.fields(f.Fields))}}
	}
	out := plain(valueOf(f.descriptor))
	switch {
	case f.names != nil:
		return object{"enum": anyOf(f.names)}
	case len(f.Values) > 0 && out["type"] == "string":
		out["enum"] = anyOf(f.Values)
	case len(f.bounds) == 2:
		out["minimum"], out["maximum"] = f.bounds[0], f.bounds[1]
	}
	return out
}

// plain says what a plain value is.
func plain(d protoreflect.FieldDescriptor) object {
	if m := d.Message(); m != nil {
		switch m.FullName() {
		case "google.protobuf.Duration":
			return object{"type": "string", "pattern": durationText}
		case "google.protobuf.Struct":
			return object{"type": "object"}
		case "google.protobuf.Value":
			// It is the type of one field, a port by number or name. A test names every other that comes.
			return object{"type": []string{"number", "string"}}
		}
		return plain(m.Fields().ByName("value"))
	}
	switch d.Kind() {
	case protoreflect.StringKind:
		return object{"type": "string"}
	case protoreflect.BytesKind:
		return object{"type": "string", "pattern": base64Text}
	case protoreflect.BoolKind:
		return object{"type": "boolean"}
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return object{"type": []string{"number", "string"}, "pattern": numberText}
	}
	return integer(d.Kind())
}

// integer takes a number, and its digits in quotes.
func integer(kind protoreflect.Kind) object {
	types := []string{"integer", "string"}
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return object{"type": types, "pattern": integerText, "minimum": math.MinInt32, "maximum": math.MaxInt32}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return object{"type": types, "pattern": naturalText, "minimum": 0, "maximum": uint32(math.MaxUint32)}
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return object{"type": types, "pattern": naturalText, "minimum": 0, "maximum": uint64(math.MaxUint64)}
	}
	return object{"type": types, "pattern": integerText, "minimum": int64(math.MinInt64), "maximum": int64(math.MaxInt64)}
}

// unset says which values of a field count as not set: for a field that is refused wherever it is set. Editors do
// not propose it.
func unset(f *Field, content object) object {
	out := object{"type": []string{}, "doNotSuggest": true}
	switch {
	case f.descriptor.IsList():
		return object{"type": "array", "maxItems": 0, "doNotSuggest": true}
	case f.descriptor.IsMap():
		return object{"type": "object", "maxProperties": 0, "doNotSuggest": true}
	case f.descriptor.HasPresence():
		return out
	}
	switch content["type"] {
	case "string":
		out["enum"] = []any{""}
	case "boolean":
		out["enum"] = []any{false}
	default:
		return content
	}
	delete(out, "type")
	return out
}

func anyOf(names []string) []any {
	out := make([]any, 0, len(names))
	for _, n := range names {
		out = append(out, n)
	}
	return out
}
