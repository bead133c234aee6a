package reload

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/diag"
)

func warning(line int, message string) diag.Diagnostic {
	return diag.Diagnostic{Severity: diag.Warning, Code: diag.CodeTokenOptional, Pos: diag.Position{File: "a.yaml", Line: line, Column: 3}, Object: "RequestAuthentication x/y", Message: message}
}

// TestOnlyWhatIsNewIsSaidAgainButErrorsAlways holds what somebody reads at night: all that refuses, and of the rest what an edit
// brought.
func TestOnlyWhatIsNewIsSaidAgainButErrorsAlways(t *testing.T) {
	refused := diag.Diagnostic{Severity: diag.Error, Code: diag.CodeEnum, Pos: diag.Position{File: "b.yaml", Line: 1, Column: 1}, Message: "no"}
	before := seenOf(diag.List{warning(3, "old"), refused})
	for name, c := range map[string]struct {
		now  diag.List
		want int
	}{
		"the same":                    {diag.List{warning(3, "old"), refused}, 1},
		"moved by lines above it":     {diag.List{warning(9, "old")}, 0},
		"another one":                 {diag.List{warning(3, "old"), warning(4, "new")}, 1},
		"once more":                   {diag.List{warning(3, "old"), warning(4, "old")}, 1},
		"an error in place of a note": {diag.List{{Severity: diag.Error, Code: diag.CodeTokenOptional, Pos: warning(3, "").Pos, Object: warning(3, "").Object, Message: "old"}}, 1},
	} {
		if got := before.news(c.now); len(got) != c.want {
			t.Errorf("%s: %v", name, got.Lines())
		}
	}
	if got := (seen)(nil).news(diag.List{warning(3, "old"), refused}); len(got) != 2 {
		t.Errorf("after a start: %v", got.Lines())
	}
}

func TestAFindingIsALineWithItsParts(t *testing.T) {
	var out bytes.Buffer
	var found diag.List
	for i := range 5 {
		found = append(found, warning(i+1, fmt.Sprint("note ", i)))
	}
	found = append(found, diag.New(diag.CodeEnum, diag.Position{File: "b.yaml", Line: 7, Column: 2}, "no").WithHint("yes"))
	tell(slog.New(slog.NewTextHandler(&out, nil)), found, 3)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 4 || !strings.Contains(lines[0], `level=ERROR msg=finding finding="b.yaml:7:2: error PR0217: no (yes)" code=PR0217 file=b.yaml line=7 column=2`) ||
		!strings.Contains(lines[1], `level=WARN msg=finding finding="a.yaml:1:3: warning PR0921: note 0" code=PR0921 file=a.yaml line=1 column=3 object="RequestAuthentication x/y"`) ||
		!strings.Contains(lines[3], "count=3") {
		t.Errorf("told:\n%s", out.String())
	}
}
