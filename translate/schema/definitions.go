package schema

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// definitions are the parts of a JSON Schema that others refer to.
type definitions struct {
	all object
	// names are those of the definitions, by what they say.
	names map[string]string
}

func newDefinitions() *definitions {
	d := &definitions{all: object{}, names: map[string]string{}}
	d.all["Metadata"] = metadata()
	return d
}

// define puts a definition in, under its name or, where something else has that, one with a number, and returns a
// reference to it.
func (d *definitions) define(name string, content object) object {
	said := fmt.Sprint(content) // fmt writes maps in the order of their keys
	if d.names[said] == "" {
		free := name
		for i := 2; d.all[free] != nil; i++ {
			free = name + strconv.Itoa(i)
		}
		d.names[said], d.all[free] = free, content
	}
	return object{"$ref": "#/definitions/" + d.names[said]}
}

// kind defines the objects of a kind.
func (d *definitions) kind(k *Kind) object {
	out := d.fields(k.Fields)
	properties := out["properties"].(object)
	properties["apiVersion"] = object{"enum": k.APIVersions}
	properties["kind"] = object{"const": k.Name}
	properties["metadata"] = object{"allOf": []any{object{"$ref": "#/definitions/Metadata"}}}
	if len(k.Fields) == 1 && k.Fields[0].descriptor == nil {
		properties["status"] = object{"description": "Ignored."}
	}
	out["type"], out["description"] = "object", k.About
	out["required"] = append([]string{"apiVersion", "kind", "metadata"}, required(k.Fields)...)
	return d.define(k.Name, out)
}

// fields says what an object with these fields is. Null stands for an object that is not there.
func (d *definitions) fields(fields []*Field) object {
	properties, other := object{}, object{}
	for _, f := range fields {
		content := d.field(f)
		properties[f.Name] = content
		for _, spelling := range f.spellings()[1:] {
			// A pattern is held to, and not proposed by editors beside the usual spelling.
			undescribed := maps.Clone(content)
			delete(undescribed, "description")
			delete(undescribed, "examples")
			other["^"+spelling+"$"] = undescribed
		}
	}
	out := object{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
	if len(other) > 0 {
		out["patternProperties"] = other
	}
	if r := required(fields); len(r) > 0 {
		out["required"] = r
	}
	if e := exclusions(fields); len(e) > 0 {
		out["dependencies"] = e
	}
	if all := requiredSpellings(fields); len(all) > 0 {
		out["allOf"] = all
	}
	return out
}

// required returns the names of required fields that have one spelling.
func required(fields []*Field) []string {
	var out []string
	for _, f := range fields {
		if f.Required && len(f.spellings()) == 1 {
			out = append(out, f.Name)
		}
	}
	return out
}

// requiredSpellings asks for one of the spellings of each other required field.
func requiredSpellings(fields []*Field) []any {
	var out []any
	for _, f := range fields {
		if s := f.spellings(); f.Required && len(s) > 1 {
			out = append(out, object{"anyOf": []any{object{"required": s[:1]}, object{"required": s[1:]}}})
		}
	}
	return out
}

// exclusions forbid a field under both of its names, and two fields of which one can be set. Where one is there the
// other is no property at all, so that an editor underlines that and not the object.
func exclusions(fields []*Field) object {
	out := object{}
	for i, f := range fields {
		var others []string
		for _, other := range fields[i+1:] {
			if slices.Contains(f.Excludes, other.Name) {
				others = append(others, other.spellings()...)
			}
		}
		for j, name := range f.spellings() {
			if forbidden := append(f.spellings()[j+1:], others...); len(forbidden) > 0 {
				none := object{}
				for _, o := range forbidden {
					none[o] = false
				}
				out[name] = object{"properties": none}
			}
		}
	}
	return out
}

// field says what the value of a field is.
func (d *definitions) field(f *Field) object {
	out := d.value(f)
	switch {
	case f.descriptor == nil:
	case f.descriptor.IsList():
		out = object{"type": "array", "items": out}
		if f.Required {
			out["minItems"] = 1
		}
	case f.descriptor.IsMap():
		out = object{"type": "object", "additionalProperties": out}
	case f.Required && out["type"] == "string":
		out["minLength"] = 1
	}
	if f.Refused != "" {
		out = unset(f, out)
	}
	if !f.Required {
		out = nullable(out)
	}
	if example, ok := exampleOf(f); ok {
		out["examples"] = []any{example}
	}
	return described(out, f.text())
}

// described puts a description to a schema.
func described(s object, about string) object {
	out := maps.Clone(s)
	if about != "" {
		out["description"] = about
	}
	return out
}

// nullable lets a value be null, which is the same as a field that is not there.
func nullable(s object) object {
	if names, ok := s["enum"].([]any); ok {
		s["enum"] = append(slices.Clone(names), nil)
	}
	switch t := s["type"].(type) {
	case string:
		s["type"] = []string{t, "null"}
	case []string:
		s["type"] = append(slices.Clone(t), "null")
	}
	return s
}

// exampleOf reads the example of a field, where that is the YAML of one value.
func exampleOf(f *Field) (any, bool) {
	var out any
	if f.Example == "" || yaml.Unmarshal([]byte(f.Example), &out) != nil {
		return nil, false
	}
	return out, true
}
