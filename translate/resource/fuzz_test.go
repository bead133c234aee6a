package resource_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// FuzzDecode holds that no text makes Parse or Decode panic, that nothing vanishes without
// a finding, and that every finding has a place.
func FuzzDecode(f *testing.F) {
	inputs, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(inputs) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, input := range inputs {
		content, err := os.ReadFile(input)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		resources, found := compile(source.File{Path: "f", Content: content})
		if len(resources) == 0 && len(found) == 0 {
			t.Errorf("a file became nothing, without a word")
		}
		for _, d := range found {
			if d.Pos.Line < 1 || d.Pos.Column < 1 || d.Message == "" {
				t.Errorf("no place or message: %s", d)
			}
			if d.Severity == diag.Error && d.Hint == "" {
				t.Errorf("no way out: %s", d)
			}
		}
		for _, r := range resources {
			if r.Name == "" || r.Namespace == "" || r.Spec == nil {
				t.Errorf("an incomplete resource: %+v", r)
			}
		}
	})
}
