package diag_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate/diag"
)

func TestWriteText(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, c := range map[string]struct {
		file string
		pos  diag.Position
		want string
	}{
		"a caret under the place": {
			"a: 1\n  b: two\n", diag.Position{File: "f", Line: 2, Column: 6},
			"f:2:6: error PR0204: wrong\n    2 |   b: two\n      |      ^\n",
		},
		"a line without a column": {
			"a: 1\n", diag.Position{File: "f", Line: 1},
			"f:1: error PR0204: wrong\n    1 | a: 1\n",
		},
		"the whole file": {"a: 1\n", diag.Position{File: "f"}, "f: error PR0204: wrong\n"},
		"a line that is not there": {
			"a: 1", diag.Position{File: "f", Line: 7, Column: 1},
			"f:7:1: error PR0204: wrong\n",
		},
		"a column behind the line": {
			"ab\n", diag.Position{File: "f", Line: 1, Column: 40},
			"f:1:40: error PR0204: wrong\n    1 | ab\n      |   ^\n",
		},
		"tabs and control characters are blanks": {
			"\ta:\x1b[31m b\r\n", diag.Position{File: "f", Line: 1, Column: 10},
			"f:1:10: error PR0204: wrong\n    1 |  a: [31m b \n      |          ^\n",
		},
		"characters, not bytes": {
			"é: ü\n", diag.Position{File: "f", Line: 1, Column: 4},
			"f:1:4: error PR0204: wrong\n    1 | é: ü\n      |    ^\n",
		},
		"wide characters": {
			"门: x\n", diag.Position{File: "f", Line: 1, Column: 4},
			"f:1:4: error PR0204: wrong\n    1 | 门: x\n      |     ^\n",
		},
		"a byte order mark is no character": {
			"\xef\xbb\xbfab\n", diag.Position{File: "f", Line: 1, Column: 2},
			"f:1:2: error PR0204: wrong\n    1 | ab\n      |  ^\n",
		},
		"a long line, its beginning": {
			long, diag.Position{File: "f", Line: 1, Column: 3},
			"f:1:3: error PR0204: wrong\n    1 | " + long[:120] + "…\n      |   ^\n",
		},
		"a long line, its end": {
			long, diag.Position{File: "f", Line: 1, Column: 300},
			"f:1:300: error PR0204: wrong\n    1 | …" + long[:41] + "\n      | " + strings.Repeat(" ", 41) + "^\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			list := diag.List{diag.New(diag.CodeWrongType, c.pos, "wrong")}
			if err := list.WriteText(&b, func(string) []byte { return []byte(c.file) }); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, b.String()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestWriteTextSaysWhereAndWhatInstead(t *testing.T) {
	d := diag.New(diag.CodeForeignKind, diag.Position{File: "f", Line: 1, Column: 1}, "%s", "m").WithHint("try %d", 2)
	d.Object, d.Field = "Kind ns/a", "spec.x"
	var b strings.Builder
	if err := (diag.List{d, d}).WriteText(&b, nil); err != nil {
		t.Fatal(err)
	}
	one := "f:1:1: warning PR0202: m\n  in Kind ns/a, spec.x\n  hint: try 2\n"
	if diff := cmp.Diff(one+one, b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestWriteTellsOfAFailedWriter(t *testing.T) {
	list := diag.List{diag.New(diag.CodeWrongType, diag.Position{}, "m")}
	if list.WriteText(full{}, nil) == nil {
		t.Error("a failed write goes unnoticed")
	}
}

// TestCodes holds the table in order, complete, and without a code that stands twice.
func TestCodes(t *testing.T) {
	var last diag.Code
	for _, info := range diag.Codes() {
		if info.Code <= last {
			t.Errorf("%s does not follow %s", info.Code, last)
		}
		last = info.Code
		if len(info.Code) != 6 || !strings.HasPrefix(string(info.Code), "PR") || !strings.HasSuffix(info.Summary, ".") {
			t.Errorf("the row of %s is not complete: %+v", info.Code, info)
		}
		if info.Severity == diag.Error && info.Accepted == "" {
			t.Errorf("%s is an error without a way out", info.Code)
		}
		if info.Code.Severity() != info.Severity {
			t.Errorf("%s has two severities", info.Code)
		}
	}
	if diag.Code("PR9999").Severity() != diag.Error {
		t.Error("an unknown code must be an error")
	}
}

func TestScopeUnion(t *testing.T) {
	a, b := diag.Limited(diag.Target{Namespace: "a"}), diag.Limited(diag.Target{Namespace: "b"})
	if got := a.Union(b); got.Everyone() || len(got.Targets()) != 2 {
		t.Errorf("got %v", got.Targets())
	}
	if !a.Union(diag.Scope{}).Everyone() || !(diag.Scope{}).Union(a).Everyone() {
		t.Error("a union with every gateway must be every gateway")
	}
	if diag.Limited().Everyone() || len(diag.Limited().Targets()) != 0 {
		t.Error("an empty scope must reach nobody")
	}
}

// TestObjectsOfAKindAreOneLine holds that only findings that objects are ignored are put together, by kind, and that the first
// says of how many.
func TestObjectsOfAKindAreOneLine(t *testing.T) {
	at := func(line int, code diag.Code, kind string) diag.Diagnostic {
		return diag.New(code, diag.Position{File: "f", Line: line, Column: 1}, "%s is ignored", kind)
	}
	list := diag.List{at(1, diag.CodeForeignKind, "A"), at(2, diag.CodeForeignKind, "B"), at(3, diag.CodeForeignKind, "A"), at(4, diag.CodeWrongType, "A"), at(5, diag.CodeWrongType, "A"), at(6, diag.CodeForeignKind, "A")}
	list[1].Scope, list[2].Scope = diag.Limited(), diag.Limited(diag.Target{Namespace: "n"})
	list[0].Scope = diag.Limited()
	folded := list.Folded()
	want := []string{"f:1:1: warning PR0202: A is ignored (3 objects, of which this is the first)", "f:2:1: warning PR0202: B is ignored", "f:4:1: error PR0204: A is ignored", "f:5:1: error PR0204: A is ignored"}
	if d := cmp.Diff(want, folded.Lines()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if !folded[0].Scope.Everyone() || list[0].Message != "A is ignored" || (diag.List{}).Folded() == nil {
		t.Errorf("the scope is %v, the list reads %v", folded[0].Scope, list.Lines())
	}
}

func TestSorted(t *testing.T) {
	at := func(line int, code diag.Code) diag.Diagnostic {
		return diag.New(code, diag.Position{File: "f", Line: line, Column: 1}, "m")
	}
	list := diag.List{at(2, diag.CodeYAML), at(1, diag.CodeWrongType), at(2, diag.CodeYAML), at(1, diag.CodeForeignKind)}
	got := list.Sorted()
	want := []string{"f:1:1: error PR0204: m", "f:1:1: warning PR0202: m", "f:2:1: error PR0102: m"}
	var lines []string
	for _, d := range got {
		lines = append(lines, d.String())
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !got.HasErrors() || len(got.Errors()) != 2 || len(list) != 4 {
		t.Error("errors are not told from warnings, or the list was changed")
	}
}

// TestErrorsFirst holds that errors come before warnings, and each stay in their order.
func TestErrorsFirst(t *testing.T) {
	at := func(line int) diag.Position { return diag.Position{File: "f", Line: line} }
	list := diag.List{diag.New(diag.CodeSelectorEmpty, at(1), "a"), diag.New(diag.CodeHost, at(2), "b"), diag.New(diag.CodeForeignKind, at(3), "c"), diag.New(diag.CodePort, at(4), "d")}
	want := []string{"f:2: error PR0211: b", "f:4: error PR0210: d", "f:1: warning PR0213: a", "f:3: warning PR0202: c"}
	if diff := cmp.Diff(want, list.ErrorsFirst().Lines()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if list[0].Message != "a" {
		t.Error("the list itself is another")
	}
}

func TestPaintIsOnSeverityCodeAndCaretAlone(t *testing.T) {
	found := diag.List{
		{Severity: diag.Error, Code: diag.CodeWrongType, Pos: diag.Position{File: "f", Line: 1, Column: 4}, Message: "wrong", Hint: "right"},
		{Severity: diag.Warning, Code: diag.CodeForeignKind, Pos: diag.Position{File: "g"}, Message: "not ours"},
	}
	paint := func(ink diag.Ink, text string) string { return "<" + string(ink) + ">" + text + "</>" }
	var out strings.Builder
	if err := found.WritePainted(&out, func(string) []byte { return []byte("a: 1\n") }, paint); err != nil {
		t.Fatal(err)
	}
	want := "f:1:4: <error>error</> <code>PR0204</>: wrong\n    1 | a: 1\n      |    <caret>^</>\n  hint: right\ng: <warning>warning</> <code>PR0202</>: not ours\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	if got := found[0].Painted(paint); got != "f:1:4: <error>error</> <code>PR0204</>: wrong (right)" {
		t.Errorf("one line: %s", got)
	}
	if got := found[0].Painted(diag.Plain); got != found[0].String() {
		t.Errorf("plain: %s, want %s", got, found[0])
	}
}
