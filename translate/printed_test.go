package translate_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/manifest"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// TestEveryCaseLoadsAgain holds that what is printed of any case's resources is read as the
// same objects again, so that no kind is printed under another's API group.
func TestEveryCaseLoadsAgain(t *testing.T) {
	for _, in := range goldenFiles(t, "testdata/*/in") {
		dir := filepath.Dir(in)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			settings := settingsOf(t, dir)
			resources := translate.Compile(settings.files(t, in), settings.Settings).Resources
			text, err := manifest.YAML(resources)
			if err != nil {
				t.Fatal(err)
			}
			if len(resources) == 0 {
				return // an empty text has a finding of its own
			}
			documents, found := source.Parse([]source.File{{Path: "printed.yaml", Content: text}})
			again, more := resource.Decode(documents)
			for _, d := range append(found, more...).Errors() {
				t.Error(d)
			}
			if d := cmp.Diff(keysOf(resources), keysOf(again)); d != "" {
				t.Errorf("(-printed +loaded)\n%s", d)
			}
		})
	}
}

func keysOf(resources []*resource.Resource) []string {
	var out []string
	for _, r := range resources {
		out = append(out, r.Key.String())
	}
	return out
}
