package resource_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

var update = flag.Bool("update", false, "Rewrite the golden files and delete stale ones.")

// TestGolden holds everything that Parse and Decode say of a file, and the resources that
// are left, against the file beside it.
func TestGolden(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no inputs: %v", err)
	}
	want := map[string]bool{}
	for _, input := range inputs {
		golden := strings.TrimSuffix(input, ".yaml") + ".diag"
		want[golden] = true
		t.Run(filepath.Base(input), func(t *testing.T) {
			got := render(t, input)
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			expected, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(expected), got); d != "" {
				t.Errorf("findings differ (-want +got); after a look, run with -update:\n%s", d)
			}
		})
	}
	stale(t, want)
}

// stale reports, or with -update deletes, golden files without an input.
func stale(t *testing.T, want map[string]bool) {
	t.Helper()
	goldens, err := filepath.Glob("testdata/*.diag")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range goldens {
		switch {
		case want[g]:
		case *update:
			if err := os.Remove(g); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("%s has no input", g)
		}
	}
}

func render(t *testing.T, input string) string {
	t.Helper()
	content, err := os.ReadFile(input)
	if err != nil {
		t.Fatal(err)
	}
	resources, found := compile(source.File{Path: filepath.Base(input), Content: content})
	var b strings.Builder
	for _, d := range found.Sorted() {
		if err := (diag.List{d}).WriteText(&b, func(string) []byte { return content }); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "  reaches %s\n\n", scopeText(d.Scope))
	}
	for _, r := range resources {
		fmt.Fprintf(&b, "resource: %s\n", r.Key)
	}
	return b.String()
}

// compile reads files; one whose name begins with "mesh-" is a mesh configuration.
func compile(files ...source.File) ([]*resource.Resource, diag.List) {
	if len(files) == 1 && strings.HasPrefix(filepath.Base(files[0].Path), "mesh-") {
		_, found := resource.DecodeMesh(files[0])
		return nil, found
	}
	documents, diags := source.Parse(files)
	resources, found := resource.Decode(documents)
	return resources, append(diags, found...)
}

func scopeText(s diag.Scope) string {
	if s.Everyone() {
		return "every gateway"
	}
	var parts []string
	for _, target := range s.Targets() {
		if target.Gateway != "" {
			parts = append(parts, "Gateway "+target.Gateway)
			continue
		}
		part := "namespace " + target.Namespace
		if target.Namespace == "" {
			part = "every namespace"
		}
		for _, k := range slices.Sorted(maps.Keys(target.Labels)) {
			part += " " + k + "=" + target.Labels[k]
		}
		parts = append(parts, part)
	}
	if parts == nil {
		return "nobody"
	}
	return strings.Join(parts, "; ")
}

// TestEveryFindingHasAWayOut holds every finding of the golden files to having a hint, an
// object where one could be read, and a position.
func TestEveryFindingHasAWayOut(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, input := range inputs {
		content, err := os.ReadFile(input)
		if err != nil {
			t.Fatal(err)
		}
		_, found := compile(source.File{Path: input, Content: content})
		for _, d := range found {
			if d.Pos.File == "" || d.Pos.Line == 0 || d.Pos.Column == 0 {
				t.Errorf("no position: %s", d)
			}
			if d.Hint == "" && d.Code != diag.CodeForeignKind {
				t.Errorf("no hint: %s", d)
			}
		}
	}
}
