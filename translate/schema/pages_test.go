package schema_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

var update = flag.Bool("update", false, "Write the pages of docs/reference.")

// TestPagesOfTheReference holds docs/reference against what the program knows, to the letter.
func TestPagesOfTheReference(t *testing.T) {
	const directory = "../../docs/reference"
	pages := reference(t).Pages()
	for name, want := range pages {
		path := filepath.Join(directory, name)
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if d := cmp.Diff(want, string(got)); d != "" {
			t.Errorf("%s is out of date; run go test ./translate/schema -update (-want +got):\n%s", name, d)
		}
	}
	files, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := pages[f.Name()]; !ok {
			t.Errorf("docs/reference/%s is the page of nothing", f.Name())
		}
	}
}

// TestExamplesOfKindsAreClean holds that nothing is found in the example of a kind, not even a warning.
func TestExamplesOfKindsAreClean(t *testing.T) {
	for _, k := range reference(t).Kinds {
		t.Run(k.Name, func(t *testing.T) {
			program := translate.Compile([]source.File{{Path: "example.yaml", Content: []byte(k.Example)}}, model.Settings{})
			if len(program.Diags) > 0 {
				t.Errorf("%v", program.Diags)
			}
			if found := program.Unservable(); len(found) > 0 {
				t.Errorf("%v", found)
			}
		})
	}
}
