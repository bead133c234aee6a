package schema_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/schema"
	"github.com/portreeve/portreeve/translate/source"
)

// shape are the codes of what a schema can say: names, types, and which values there are.
func shape(d diag.Diagnostic) bool {
	switch d.Code {
	case diag.CodeUnknownField, diag.CodeWrongType, diag.CodeEnum, diag.CodeUnsupported, diag.CodeUnknownKind, diag.CodeNotAnObject:
		return true
	case diag.CodeOneOf:
		return strings.HasSuffix(d.Message, "cannot both be set")
	case diag.CodeDuplicateKey:
		return strings.HasSuffix(d.Message, "are the same field")
	}
	return false
}

// laxer are the shapes that a schema takes and validate refuses: what they refuse is the spelling of a text, which a
// JSON Schema would say in a pattern that nobody can read, or cannot see at all.
func laxer(found diag.Diagnostic, value any) string {
	text, isText := value.(string)
	switch {
	case strings.Contains(found.Message, "is not an API group of"):
		return "an API group that is nearly one of ours"
	case isText && strings.Contains(found.Message, "number of"):
		return "digits in quotes that are beyond the range of the number"
	case isText && strings.Contains(found.Message, "duration that Envoy can count"):
		return "a duration of more than 292 years"
	case isText && strings.Contains(text, "\x00"):
		return "a NUL character in a text"
	case isText && strings.HasSuffix(found.Message, "not a number"):
		return "a text of digits that is no number after all"
	case isText && strings.HasSuffix(found.Message, "is not a percentage"):
		return "digits in quotes that are no percentage"
	case isText && strings.HasSuffix(found.Message, "not base64"):
		return "base64 that is cut short"
	}
	return ""
}

func reference(t *testing.T) *schema.Reference {
	t.Helper()
	r, err := schema.New()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func compiled(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("portreeve.json", document); err != nil {
		t.Fatal(err)
	}
	out, err := c.Compile("portreeve.json")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// schemas returns that of all kinds, and that of each.
func schemas(t *testing.T, r *schema.Reference) (*jsonschema.Schema, map[string]*jsonschema.Schema) {
	t.Helper()
	text, err := r.JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	of := map[string]*jsonschema.Schema{}
	for _, k := range r.Kinds {
		one, err := k.JSONSchema()
		if err != nil {
			t.Fatal(err)
		}
		of[k.Name] = compiled(t, one)
	}
	return compiled(t, text), of
}

// judge holds an object against a schema and against the compiler.
type judge struct {
	t       *testing.T
	schema  *jsonschema.Schema
	decoder *resource.Decoder
	asked   int
	laxer   map[string]int
}

// agree reports where the two differ. Value is what was put in to see.
func (j *judge) agree(what string, object, value any) {
	j.asked++
	text, err := json.Marshal(object)
	if err != nil {
		j.t.Fatal(err)
	}
	j.agreeOn(what, text, value)
}

// agreeOn is agree for the text of an object.
func (j *judge) agreeOn(what string, text []byte, value any) {
	refused, found := j.refusals(text), j.errors(text)
	for _, r := range refused {
		if !slices.ContainsFunc(found, r.explainedBy) {
			j.t.Errorf("%s: the schema refuses %s (%s), which validate takes: %s\n%v", what, r.at, r.why, text, found)
		}
	}
	for _, f := range found {
		if !shape(f) || len(refused) > 0 {
			continue
		}
		if why := laxer(f, value); why != "" {
			j.laxer[why]++
			continue
		}
		j.t.Errorf("%s: the schema takes what validate refuses with %s: %s", what, f, text)
	}
}

func (j *judge) errors(text []byte) diag.List {
	documents, found := source.Parse([]source.File{{Path: "f.yaml", Content: text}})
	_, more := resource.Unique(j.decoder.Objects(documents))
	return append(found, more...).Errors()
}

// refusal is one thing that a schema refuses.
type refusal struct{ at, why string }

// explainedBy reports an error of the compiler about the same place: it, what is in it, or what it is in, where
// something is missing.
func (r refusal) explainedBy(d diag.Diagnostic) bool {
	// A finding names fields in the usual spelling, also where the other is written.
	d.Field, r.at = strings.ToLower(strings.ReplaceAll(d.Field, "_", "")), strings.ToLower(strings.ReplaceAll(r.at, "_", ""))
	inside := d.Field == r.at || strings.HasPrefix(d.Field, r.at+".") || strings.HasPrefix(d.Field, r.at+"[") || r.at == ""
	parent := ""
	if i := strings.LastIndexAny(r.at, ".["); i >= 0 {
		parent = r.at[:i]
	}
	// Of two that exclude each other validate names the second that is written.
	excluded := (d.Code == diag.CodeOneOf || d.Code == diag.CodeDuplicateKey) && strings.HasPrefix(d.Field, parent+".")
	return inside || excluded || d.Field == parent || strings.HasPrefix(r.at, d.Field+"[")
}

func (j *judge) refusals(text []byte) []refusal {
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		j.t.Fatal(err)
	}
	var broken *jsonschema.ValidationError
	if !errors.As(j.schema.Validate(instance), &broken) {
		return nil
	}
	var out []refusal
	var leaves func(e *jsonschema.ValidationError)
	leaves = func(e *jsonschema.ValidationError) {
		if len(e.Causes) == 0 {
			out = append(out, refusal{fieldAt(e.InstanceLocation), fmt.Sprint(e.ErrorKind)})
		}
		for _, c := range e.Causes {
			leaves(c)
		}
	}
	leaves(broken)
	return out
}

var index = regexp.MustCompile(`^\d+$`)

func fieldAt(steps []string) string {
	var path resource.Path
	for _, s := range steps {
		if index.MatchString(s) {
			n, _ := strconv.Atoi(s)
			path = append(path, n)
			continue
		}
		path = append(path, s)
	}
	return path.String()
}

// TestSchemaAndValidateAgree puts values of all kinds into every field of every kind, one at a time: what the schema
// refuses validate refuses at the same place, and what validate refuses for its shape the schema refuses.
func TestSchemaAndValidateAgree(t *testing.T) {
	r := reference(t)
	_, of := schemas(t, r)
	for _, k := range r.Kinds {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			j := newJudge(t, of[k.Name])
			for i, f := range everyField(k) {
				if i%oneOf == 0 {
					tryField(j, k, f)
				}
			}
			t.Logf("%d objects; laxer: %v", j.asked, j.laxer)
		})
	}
}

func newJudge(t *testing.T, s *jsonschema.Schema) *judge {
	return &judge{t: t, schema: s, decoder: resource.NewDecoder(resource.Options{}), laxer: map[string]int{}}
}

// TestSchemaChoosesTheKind holds what the schema of all kinds says of apiVersion, kind and metadata, alone and
// together.
func TestSchemaChoosesTheKind(t *testing.T) {
	r := reference(t)
	all, of := schemas(t, r)
	var kinds, versions []any
	for _, k := range r.Kinds {
		kinds, versions = append(kinds, k.Name), append(versions, k.APIVersions[0])
	}
	for _, u := range r.Unhonoured {
		kinds, versions = append(kinds, string(u.Kind)), append(versions, u.Group+"/v1")
	}
	kinds = append(kinds, "Deployment", "HTTPRoute", "Authorizationpolicy", "NoSuchKind", "", nil, 5, []any{}, map[string]any{})
	versions = append(versions, "v1", "v2", "apps/v1", "security.istio.io/v7", "networking.istio.io/v1beta1", "networking.istio.io/a/v1", "portreeve.dev/v1", "gateway.networking.k8s.io/v1", "", nil, 5, []any{}, map[string]any{})
	j := newJudge(t, all)
	for _, kind := range kinds {
		for _, version := range versions {
			object := map[string]any{"apiVersion": version, "kind": kind, "metadata": map[string]any{"name": "a"}}
			j.agree(fmt.Sprintf("%v of %v", kind, version), object, nil)
		}
	}
	for _, k := range r.Kinds {
		for _, s := range []*jsonschema.Schema{all, of[k.Name]} {
			j := newJudge(t, s)
			for name, object := range topLevels(k) {
				j.agree(k.Name+" with "+name, object, nil)
			}
		}
	}
}

// topLevels are objects with more or less than apiVersion, kind, metadata and what is required.
func topLevels(k *schema.Kind) map[string]map[string]any {
	out := map[string]map[string]any{"nothing else": objectOf(k)}
	set := func(name, field string, value any) {
		out[name] = objectOf(k)
		out[name][field] = value
	}
	set("an unknown field", "specs", map[string]any{})
	set("a status", "status", map[string]any{"x": 1})
	set("a spec that is a list", "spec", []any{})
	for _, m := range []string{
		`null`, `[]`, `{}`, `{"name": null}`, `{"name": ""}`, `{"name": 5}`, `{"name": "A"}`, `{"name": "a.b"}`, `{"name": "a", "namespace": null}`, `{"name": "a", "namespace": "A"}`,
		`{"name": "a", "namespace": 5}`, `{"name": "a", "labels": null}`, `{"name": "a", "labels": []}`, `{"name": "a", "labels": {"a": 5}}`, `{"name": "a", "labels": {"a": null}}`,
		`{"name": "a", "annotations": {"a": "b"}}`, `{"name": "a", "creationTimestamp": null}`, `{"name": "a", "creationTimestamp": "2026-01-31T12:00:00Z"}`,
		`{"name": "a", "nmaespace": "b"}`, `{"name": "a", "uid": 5, "managedFields": [], "generation": 1}`, `{"generateName": "a-"}`,
	} {
		var metadata any
		if err := json.Unmarshal([]byte(m), &metadata); err != nil {
			panic(err)
		}
		set("the metadata "+m, "metadata", metadata)
	}
	return out
}

// everyField returns the way to each field. One that a kind has at many places, as all below a traffic policy, is tried
// at the first of them: the same message says the same everywhere.
func everyField(k *schema.Kind) [][]*schema.Field {
	var out [][]*schema.Field
	seen := map[string]bool{}
	var walk func(fields []*schema.Field, above []*schema.Field)
	walk = func(fields, above []*schema.Field) {
		for _, f := range fields {
			way := append(slices.Clone(above), f)
			key := f.Name
			if len(above) > 0 {
				key = above[len(above)-1].Name + "." + key
			}
			if !seen[key] {
				out = append(out, way)
			}
			seen[key] = true
			walk(f.Fields, way)
		}
	}
	walk(k.Fields, nil)
	return out
}

// tryField puts values into one field, in each of its spellings, beside what it excludes, and something unknown into it.
func tryField(j *judge, k *schema.Kind, way []*schema.Field) {
	f := way[len(way)-1]
	for _, value := range values(f) {
		object, holder := objectWith(k, way)
		holder[f.Name] = value
		j.agree(fmt.Sprintf("%s: %v", f.Path, value), object, value)
	}
	object, holder := objectWith(k, way)
	delete(holder, f.Name)
	j.agree(f.Path+" is absent", object, nil)
	if f.Other != "" {
		holder[f.Other] = filled(f)
		j.agree(f.Path+" in the other spelling", object, nil)
		holder[f.Name] = filled(f)
		j.agree(f.Path+" in both spellings", object, nil)
	}
	for _, other := range f.Excludes {
		object, holder := objectWith(k, way)
		holder[other] = nil
		j.agree(f.Path+" beside "+other, object, nil)
	}
	if len(f.Fields) > 0 {
		object, _ := objectWith(k, append(slices.Clone(way), &schema.Field{Name: "noSuchField", Type: "string"}))
		j.agree(f.Path+" has an unknown field", object, nil)
	}
}

// values are put into a field of any type.
func values(f *schema.Field) []any {
	out := []any{
		nil, true, false, 0, 5, -1, 1.5, 99999999999, 5000000000, "", "x", "5", "-5", "007", "5s", "1h30m", "-1s", "0", "1.5", "1e3", "99999999999", "true", "aGVsbG8=", "a\x00b",
		"99999999999999h", "_", "9999999999",
		[]any{}, []any{"x"}, []any{nil}, []any{5}, []any{"5"}, []any{true}, []any{map[string]any{}}, []any{[]any{}},
		map[string]any{}, map[string]any{"x": "y"}, map[string]any{"x": nil}, map[string]any{"x": 5}, map[string]any{"x": map[string]any{}}, map[string]any{"x": []any{}},
	}
	for _, v := range f.Values {
		out = append(out, v, strings.ToLower(v), []any{v})
	}
	return out
}
