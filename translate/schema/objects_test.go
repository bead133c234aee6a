package schema_test

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/translate/schema"
)

// objectOf returns an object of a kind that has what is required and nothing else.
func objectOf(k *schema.Kind) map[string]any {
	out := map[string]any{"apiVersion": k.APIVersions[0], "kind": k.Name, "metadata": map[string]any{"name": "a"}}
	fill(out, k.Fields)
	return out
}

func fill(object map[string]any, fields []*schema.Field) {
	for _, f := range fields {
		if f.Required && object[f.Name] == nil {
			object[f.Name] = filled(f)
		}
	}
}

// objectWith returns an object that has the last of the fields, and the mapping in which that stands. Each field is
// in the one before it.
func objectWith(k *schema.Kind, way []*schema.Field) (object, holder map[string]any) {
	object = objectOf(k)
	holder = object
	for i, f := range way {
		if i == len(way)-1 {
			if holder[f.Name] == nil {
				holder[f.Name] = filled(f)
			}
			break
		}
		holder = inside(holder, f)
	}
	return object, holder
}

// inside returns the mapping that a field of a mapping is, or holds as its first item or value.
func inside(holder map[string]any, f *schema.Field) map[string]any {
	out := map[string]any{}
	fill(out, f.Fields)
	switch {
	case strings.HasPrefix(f.Type, "list"):
		holder[f.Name] = []any{out}
	case strings.HasPrefix(f.Type, "mapping"):
		holder[f.Name] = map[string]any{"x": out}
	default:
		holder[f.Name] = out
	}
	return out
}

// filled returns a value that the field takes, as far as its type says it.
func filled(f *schema.Field) any {
	var example any
	if f.Example != "" && yaml.Unmarshal([]byte(f.Example), &example) == nil {
		return example
	}
	one := any("x")
	switch {
	case len(f.Values) > 0:
		one = f.Values[0]
	case strings.Contains(f.Type, "object"):
		object := map[string]any{}
		fill(object, f.Fields)
		one = object
	case strings.Contains(f.Type, "number"):
		one = 1
	case strings.Contains(f.Type, "duration"):
		one = "5s"
	case strings.Contains(f.Type, "true or false"):
		one = true
	case f.Type == "base64":
		one = "aGVsbG8="
	}
	switch {
	case strings.HasPrefix(f.Type, "list"):
		return []any{one}
	case strings.HasPrefix(f.Type, "mapping"):
		return map[string]any{"x": one}
	}
	return one
}
