package schema_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/schema"
	"github.com/portreeve/portreeve/translate/source"
)

// TestEveryFieldIsDescribed holds that every kind and every field that is read says what it means, as a sentence.
func TestEveryFieldIsDescribed(t *testing.T) {
	r := reference(t)
	for _, k := range r.Kinds {
		if k.About == "" || k.More == "" || k.Example == "" {
			t.Errorf("of the kind %s something is missing: %+v", k.Name, k)
		}
		for _, way := range everyField(k) {
			f := way[len(way)-1]
			switch {
			case f.About == "":
				t.Errorf("nothing is said of %s.%s: write it in words/, or as a comment of our own .proto file", k.Name, f.Path)
			case !strings.HasSuffix(f.About, "."):
				t.Errorf("%s.%s: %q is no sentence", k.Name, f.Path, f.About)
			case strings.HasSuffix(f.Accepted, "."):
				t.Errorf("%s.%s: %q is no phrase", k.Name, f.Path, f.Accepted)
			}
		}
	}
}

// TestExamplesOfFieldsAreTaken holds that the example of a field has the right shape, and that one of a field that is
// said to be ignored brings a warning at that field and no other fields' does.
func TestExamplesOfFieldsAreTaken(t *testing.T) {
	r := reference(t)
	_, of := schemas(t, r)
	for _, k := range r.Kinds {
		j := newJudge(t, of[k.Name])
		for _, way := range everyField(k) {
			f := way[len(way)-1]
			if f.Refused != "" {
				continue
			}
			object, _ := objectWith(k, way)
			text, err := json.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			if refused := j.refusals(text); len(refused) > 0 {
				t.Errorf("%s.%s: the schema refuses its example: %v\n%s", k.Name, f.Path, refused, text)
			}
			if ignored := warnedOf(k, way, text); ignored != (f.Ignored != "") {
				t.Errorf("%s.%s is said to be ignored: %v; validate says so: %v\n%s", k.Name, f.Path, f.Ignored != "", ignored, text)
			}
		}
	}
}

// warnedOf reports that the last of the fields is said to have no effect, and not one that it is in, nor one in it.
func warnedOf(k *schema.Kind, way []*schema.Field, text []byte) bool {
	documents, _ := source.Parse([]source.File{{Path: "f.yaml", Content: text}})
	_, found := resource.Unique(resource.NewDecoder(resource.Options{}).Objects(documents))
	last := "." + way[len(way)-1].Name
	return slices.ContainsFunc(found, func(d diag.Diagnostic) bool {
		unconditional := d.Code == diag.CodeIgnoredField && strings.Contains(d.Message, "is ignored") ||
			d.Code == diag.CodeTelemetryIdle && strings.Contains(d.Message, "of a Telemetry has no effect")
		return unconditional && strings.HasSuffix("."+d.Field, last) && strings.Count(d.Field, ".") == len(way)-1
	})
}
