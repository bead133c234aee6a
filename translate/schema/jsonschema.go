package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/resource"
)

// object is a JSON Schema, or a part of one. Its keys are written in order, so equal input gives equal bytes.
type object = map[string]any

// draft is what editors understand: yaml-language-server takes draft-07 and no later one as a whole.
const draft = "http://json-schema.org/draft-07/schema#"

// JSONSchema returns the JSON Schema of one document of any kind that is read. Of other kinds, which are ignored, it
// accepts everything. It accepts whatever `portreeve validate` accepts.
func (r *Reference) JSONSchema() ([]byte, error) {
	d := newDefinitions()
	root := object{
		"$schema": draft, "title": "An object that Portreeve reads", "type": "object", "required": []string{"apiVersion", "kind"},
		"properties": object{
			"apiVersion": known(r.apiVersions(), "The group and the version of the kind."),
			"kind":       known(r.kinds(), "The kind of the object."),
		},
		"allOf": append(r.choices(d), r.groups()...),
	}
	root["definitions"] = d.all
	return written(root)
}

// JSONSchema returns the JSON Schema of the objects of this kind alone.
func (k *Kind) JSONSchema() ([]byte, error) {
	d := newDefinitions()
	root := object{"$schema": draft, "title": k.Name, "allOf": []any{d.kind(k)}}
	root["definitions"] = d.all
	return written(root)
}

func written(root object) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("write the schema: %w", err)
	}
	return out.Bytes(), nil
}

// known proposes names and takes every other one, which is that of a kind that is ignored.
func known(names []string, about string) object {
	return object{"description": about, "anyOf": []any{object{"enum": names}, object{"type": []string{"string", "number", "boolean", "null"}, "minLength": 1}}}
}

func (r *Reference) apiVersions() []string {
	var out []string
	for _, k := range r.Kinds {
		out = append(out, k.APIVersions...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// kinds are the names of all that is known, a List and a Secret too.
func (r *Reference) kinds() []string {
	out := append(r.Names(), "List", "Secret")
	for _, u := range r.Unhonoured {
		out = append(out, string(u.Kind))
	}
	return out
}

// choices hold an object against its kind.
func (r *Reference) choices(d *definitions) []any {
	var out []any
	for _, k := range r.Kinds {
		when := object{"kind": object{"const": k.Name}}
		// Nobody else has these kinds, so that another apiVersion is a mistake. The others could be somebody's.
		if k.group != "portreeve.dev" {
			when["apiVersion"] = object{"pattern": "^" + groupPattern(k.group) + "[^/]*$"}
		}
		out = append(out, object{"if": object{"required": keys(when), "properties": when}, "then": d.kind(k)})
	}
	list := object{"apiVersion": object{"const": "v1"}, "kind": object{"const": "List"}}
	return append(out, object{
		"if":   object{"required": keys(list), "properties": list},
		"then": object{"required": []string{"items"}, "properties": object{"items": object{"type": "array", "minItems": 1, "items": object{"$ref": "#"}}}},
	})
}

// groupPattern matches what stands before the version: the group, or nothing, since an apiVersion without a group is
// a mistake where the kind is known.
func groupPattern(group string) string {
	if group == "" {
		return ""
	}
	return "(" + regexp.QuoteMeta(group) + "/)?"
}

// groups refuse the kinds that our groups do not have: a policy of a misspelt kind would not be enforced.
func (r *Reference) groups() []any {
	kinds := map[string][]string{}
	for _, k := range r.Kinds {
		if strings.Contains(k.group, ".istio.io") || k.group == "portreeve.dev" {
			kinds[k.group] = append(kinds[k.group], k.Name)
		}
	}
	for _, u := range r.Unhonoured {
		kinds[u.Group] = append(kinds[u.Group], string(u.Kind))
	}
	const istio = `\.istio\.io/[^/]*$`
	names := "^(" + strings.Join(quoted(keys(kinds)), "|") + ")/"
	out := []any{object{
		"if":   object{"properties": object{"apiVersion": object{"type": "string", "pattern": istio}}},
		"then": object{"properties": object{"apiVersion": object{"pattern": names}}},
	}}
	for _, group := range keys(kinds) {
		slices.Sort(kinds[group])
		out = append(out, object{
			"if":   object{"properties": object{"apiVersion": object{"type": "string", "pattern": "^" + regexp.QuoteMeta(group) + "/[^/]*$"}}},
			"then": object{"properties": object{"kind": object{"enum": kinds[group]}}},
		})
	}
	return out
}

func quoted(names []string) []string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		out = append(out, regexp.QuoteMeta(n))
	}
	return out
}

// metadata is what every object has of it.
func metadata() object {
	names := object{"type": []string{"object", "null"}, "additionalProperties": object{"type": "string"}}
	label := "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
	properties := object{}
	for _, name := range resource.MetadataFields() {
		properties[name] = object{"description": "Read, and without meaning here."}
	}
	properties["name"] = object{"type": "string", "maxLength": 253, "pattern": `^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`, "description": "The name, unlike those of other objects of the kind and namespace."}
	properties["namespace"] = object{"type": []string{"string", "null"}, "pattern": "^" + label + "$", "description": "The namespace; default where it is absent."}
	properties["labels"], properties["annotations"] = described(names, "Labels of the object."), described(names, "Annotations, such as istio.io/dry-run.")
	properties["creationTimestamp"] = object{"type": []string{"string", "null"}, "description": "When it was made (RFC 3339): of policies that collide the oldest counts."}
	return object{"type": "object", "required": []string{"name"}, "properties": properties, "additionalProperties": false}
}

// keys returns the keys of a map in order.
func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
