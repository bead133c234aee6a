package alert_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/translate/resource"
)

// TestAnAlertMayNameEveryTypeAndOutcome holds that the compiler, which knows nothing of the record, has its types and
// outcomes.
func TestAnAlertMayNameEveryTypeAndOutcome(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		kind, typed := spec.Type.(*ast.Ident)
		value, text := spec.Values[0].(*ast.BasicLit)
		if typed && text {
			unquoted, err := strconv.Unquote(value.Value)
			if err != nil {
				t.Fatal(err)
			}
			got[kind.Name] = append(got[kind.Name], unquoted)
		}
		return true
	})
	var types []string
	for _, t := range audit.Types() {
		types = append(types, string(t))
	}
	slices.Sort(types)
	for kind, known := range map[string][]string{"Type": resource.EventTypes(), "Outcome": resource.EventOutcomes()} {
		slices.Sort(known)
		slices.Sort(got[kind])
		if d := cmp.Diff(got[kind], known); d != "" {
			t.Errorf("%s: what translate/resource/auditalert.go has is not what the record has (-record +compiler):\n%s", kind, d)
		}
	}
	if d := cmp.Diff(got["Type"], types); d != "" {
		t.Errorf("what audit.Types returns is not what the record has (-record +Types):\n%s", d)
	}
}
