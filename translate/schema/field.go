package schema

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portreeve/portreeve/translate/resource"
)

// Field describes a field of a kind, at one place.
type Field struct {
	Name string `json:"name"`
	// Other is a second name under which it is read, with _ between the words; most often there is none.
	Other string `json:"otherName,omitempty"`
	// Path leads to it from the top of the object: names with dots between them. Lists and mappings have no step.
	Path string `json:"path"`
	// Type is that of the value in plain words, such as "list of strings".
	Type string `json:"type"`
	// About says what it means.
	About string `json:"about"`
	// Values are all that are taken; empty where there is no such list.
	Values []string `json:"values,omitempty"`
	// Meanings say of some of the values what they mean.
	Meanings map[string]string `json:"meanings,omitempty"`
	// Accepted says what else a value has to be.
	Accepted string `json:"accepted,omitempty"`
	Required bool   `json:"required,omitempty"`
	// Example is a value in YAML.
	Example string `json:"example,omitempty"`
	// Stricter says what Istio takes and is refused here.
	Stricter string `json:"stricter,omitempty"`
	// Ignored says that the field is read with a warning and has no effect, and why.
	Ignored string `json:"ignored,omitempty"`
	// Refused says that an object in which it is set is refused, why, and what to do instead.
	Refused string `json:"refused,omitempty"`
	// Excludes are the fields beside which it cannot be set.
	Excludes []string `json:"excludes,omitempty"`
	// Fields are those within.
	Fields []*Field `json:"fields,omitempty"`

	descriptor protoreflect.FieldDescriptor
	// message is that of an object, also one in a list or mapping.
	message protoreflect.MessageDescriptor
	// object is what is said of that message.
	object string
	bounds []uint64
	// names are those of an enum that are taken, more than are shown.
	names []string
}

// builder makes the fields of a kind.
type builder struct {
	words *words
	kind  resource.Described
	err   error
}

// maxDepth bounds how deep messages lie in each other. One that holds itself would have no end.
const maxDepth = 16

// fields makes those of a message. In is its path in the message of the kind, by which it is known what is refused.
func (b *builder) fields(m protoreflect.MessageDescriptor, in, refused string) []*Field {
	if strings.Count(in, ".") >= maxDepth {
		b.err = fmt.Errorf("%s at %s lies too deep", m.FullName(), in)
		return nil
	}
	out := make([]*Field, 0, m.Fields().Len())
	for i := range m.Fields().Len() {
		out = append(out, b.field(m.Fields().Get(i), in, refused))
	}
	return out
}

// field makes one field. What lies in a field that is refused is refused as well.
func (b *builder) field(d protoreflect.FieldDescriptor, in, refused string) *Field {
	said := b.words.field(d)
	out := &Field{
		Name: d.JSONName(), Path: joined(in, d.JSONName()), Type: typeOf(d), About: said.About, Values: said.Values,
		Accepted: said.Accepted, Required: said.Required, Example: said.Example, Stricter: said.Stricter, Ignored: said.Ignored,
		Excludes: excludes(d), Refused: refused, descriptor: d, bounds: said.Range,
	}
	if why, instead := b.kind.Refusal(out.Path); why != "" && refused == "" {
		out.Refused = strings.TrimPrefix(why, "is refused: ") + ". Instead: " + instead
	}
	if d.TextName() != d.JSONName() {
		out.Other = d.TextName()
	}
	value := valueOf(d)
	if value.Enum() != nil {
		out.names = slices.DeleteFunc(namesOf(value.Enum()), func(name string) bool { return slices.Contains(said.Without, name) })
		out.Meanings = b.words.meanings(value.Enum(), out.names)
		out.Values = slices.DeleteFunc(slices.Clone(out.names), func(name string) bool { return strings.HasSuffix(name, "_UNSPECIFIED") })
	}
	if m := value.Message(); m != nil && !wellKnown(m) {
		out.message, out.object = m, b.words.message(m).About
		out.Fields = b.fields(m, out.Path, out.Refused)
	}
	return out
}

// valueOf returns what describes one value: the value of a mapping, or the field itself.
func valueOf(d protoreflect.FieldDescriptor) protoreflect.FieldDescriptor {
	if d.IsMap() {
		return d.MapValue()
	}
	return d
}

// wellKnown reports the messages of google.protobuf, which are written as plain values.
func wellKnown(m protoreflect.MessageDescriptor) bool {
	return m.FullName().Parent() == "google.protobuf"
}

// meanings returns what is said of the values of an enum, or nil.
func (w *words) meanings(e protoreflect.EnumDescriptor, names []string) map[string]string {
	var out map[string]string
	for _, name := range names {
		if said := w.Choices[string(e.FullName())+"."+name]; said != "" {
			if out == nil {
				out = map[string]string{}
			}
			out[name] = said
		}
	}
	return out
}

// namesOf returns the names of an enum, also those that stand for "not set".
func namesOf(e protoreflect.EnumDescriptor) []string {
	out := make([]string, 0, e.Values().Len())
	for i := range e.Values().Len() {
		out = append(out, string(e.Values().Get(i).Name()))
	}
	return out
}

// excludes returns the other fields of a oneof.
func excludes(d protoreflect.FieldDescriptor) []string {
	var out []string
	if o := d.ContainingOneof(); o != nil && !o.IsSynthetic() {
		for i := range o.Fields().Len() {
			if other := o.Fields().Get(i); other != d {
				out = append(out, other.JSONName())
			}
		}
	}
	return out
}

// spellings returns the names under which a field can be written.
func (f *Field) spellings() []string {
	if f.Other == "" {
		return []string{f.Name}
	}
	return []string{f.Name, f.Other}
}

// joined puts a step behind a path.
func joined(path, step string) string {
	if path == "" || step == "" {
		return path + step
	}
	return path + "." + step
}

// all returns a field and all that are within.
func (f *Field) all() []*Field {
	out := []*Field{f}
	for _, c := range f.Fields {
		out = append(out, c.all()...)
	}
	return out
}

// typeOf says in words what a field takes.
func typeOf(d protoreflect.FieldDescriptor) string {
	one, many := typeWords(valueOf(d))
	switch {
	case d.IsMap():
		return "mapping of names to " + many
	case d.IsList():
		return "list of " + many
	}
	return one
}

// typeWords returns the words for one value and for several.
func typeWords(d protoreflect.FieldDescriptor) (one, many string) {
	if m := d.Message(); m != nil {
		switch {
		case m.FullName() == "google.protobuf.Duration":
			return "duration", "durations"
		case m.FullName() == "google.protobuf.Value":
			return "number or string", "numbers and strings"
		case wellKnown(m) && m.Fields().ByName("value") != nil:
			return typeWords(m.Fields().ByName("value"))
		default:
			return "object", "objects"
		}
	}
	switch d.Kind() {
	case protoreflect.StringKind:
		return "string", "strings"
	case protoreflect.BytesKind:
		return "base64", "base64 texts"
	case protoreflect.BoolKind:
		return "true or false", "true or false"
	case protoreflect.EnumKind:
		return "name", "names"
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		return "number", "numbers"
	default:
		return "whole number", "whole numbers"
	}
}
