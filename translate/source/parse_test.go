package source_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

func parse(content string) ([]source.Document, diag.List) {
	return source.Parse([]source.File{{Path: "f", Content: []byte(content)}})
}

// TestParseDocuments holds where documents begin: each is shown as the line:column of its
// root in the file and the value of its key "a".
func TestParseDocuments(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    []string
	}{
		"one":                        {"a: 1\n", []string{"1:1 1"}},
		"no line end":                {"a: 1", []string{"1:1 1"}},
		"markers":                    {"---\na: 1\n---\na: 2\n...\n---\na: 3\n", []string{"2:1 1", "4:1 2", "7:1 3"}},
		"content behind a marker":    {"--- {a: 1}\n--- # note\na: 2\n", []string{"1:5 1", "3:1 2"}},
		"behind the end":             {"a: 1\n...\na: 2\n", []string{"1:1 1", "3:1 2"}},
		"empty ones":                 {"---\n---\n# note\n---\na: 1\n---\n\n...\n", []string{"5:1 1"}},
		"line ends of Windows":       {"a: 1\r\n---\r\na: 2\r\n", []string{"1:1 1", "3:1 2"}},
		"directives":                 {"%YAML 1.2\n# note\n---\na: 1\n...\n%YAML 1.2\n---\na: 2\n", []string{"4:1 1", "8:1 2"}},
		"byte order mark":            {"\xef\xbb\xbfa: 1\n", []string{"1:1 1"}},
		"JSON":                       {"{\n\t\"a\": 1\n}\n", []string{"1:1 1"}},
		"a marker in a text is none": {"a: |\n  ---\n  x\n", []string{"1:1 ---\nx\n"}},
		"a marker at the start of a line ends a text": {"a: |\n  x\n---\na: 2\n", []string{"1:1 x\n", "4:1 2"}},
		"not a marker": {"a: 1\n----: 2\n", []string{"1:1 1"}},
		"a list":       {"x: 0\n---\napiVersion: v1\nkind: List\nitems:\n- a: 1\n- b: 0\n  a: 2\n- {apiVersion: v1, kind: List, items: [{a: 3}]}\n", []string{"1:1 -", "6:3 1", "7:3 2", "9:40 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			documents, found := parse(c.content)
			if len(found) > 0 {
				t.Fatal(found)
			}
			var got []string
			for _, d := range documents {
				got = append(got, show(d))
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func show(d source.Document) string {
	pos, value := d.Position(d.Root), "-"
	for i := 0; i+1 < len(d.Root.Content); i += 2 {
		if d.Root.Content[i].Value == "a" {
			value = d.Root.Content[i+1].Value
		}
	}
	return fmt.Sprintf("%d:%d %s", pos.Line, pos.Column, value)
}

// TestParseFindings holds the place and the code of what is wrong.
func TestParseFindings(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    []string
	}{
		"nothing":                {"", []string{"f:1:1 PR0103"}},
		"blank":                  {" \n\t\n", []string{"f:1:1 PR0103"}},
		"comments":               {"# a\n---\n# b\n", []string{"f:1:1 PR0103"}},
		"a list without items":   {"kind: List\napiVersion: v1\n", []string{"f:1:1 PR0103"}},
		"indentation":            {"a:\n  b: 1\n c: 2\nd: 3\n", []string{"f:3:2 PR0102"}},
		"a tab":                  {"a:\n\tb: 1\n", []string{"f:2:1 PR0102"}},
		"a key in a value":       {"x: 1\na: b: c\n", []string{"f:2:5 PR0102"}},
		"an unquoted star":       {"a:\n- *\n", []string{"f:2:3 PR0102"}},
		"a star in brackets":     {"x: 1\na: [*]\n", []string{"f:2:5 PR0102"}},
		"an open quote":          {"x: 1\na: \"b\nc: d\n", []string{"f:2:1 PR0102"}},
		"an open bracket":        {"x: 1\na: [b,\nc: d\n", []string{"f:2:1 PR0102"}},
		"a sign":                 {"x: 1\na: @b\n", []string{"f:2:4 PR0102"}},
		"an escape":              {"x: 1\na: \"\\q\"\n", []string{"f:2:5 PR0102"}},
		"an escape in JSON":      {"{\n  \"a\": \"\\ud83d\\ude00\"\n}\n", []string{"f:2:9 PR0102"}},
		"no colon":               {"a: 1\nb\nc: 2\n", []string{"f:2:1 PR0102"}},
		"an unknown alias":       {"x: 1\na: *b\n", []string{"f:2:4 PR0102"}},
		"in a later document":    {"a: 1\n---\na: 1\n---\nb:\n  c: 1\n d: 2\n", []string{"f:7:2 PR0102"}},
		"each of two":            {"a: [\n---\na: ]\n---\na: 1\n", []string{"f:1:1 PR0102", "f:3:4 PR0102"}},
		"a key twice":            {"a: 1\nb: {c: 1, d: 2, c: 3}\na: 2\n", []string{"f:3:1 PR0104", "f:2:17 PR0104"}},
		"a key twice among many": {strings.Join([]string{"k1: 1", "k2: 1", "k3: 1", "k4: 1", "k5: 1", "k6: 1", "k7: 1", "k8: 1", "k9: 1", "ka: 1", "kb: 1", "kc: 1", "kd: 1", "k1: 2"}, "\n"), []string{"f:14:1 PR0104"}},
		"a key that is no text":  {"{a: 1}: 2\n", []string{"f:1:1 PR0102"}},
		"a merge key":            {"a: &a {b: 1}\nc: {<<: *a}\n", []string{"f:2:5 PR0107"}},
		"an alias in itself":     {"a: &a {b: *a}\n", []string{"f:1:11 PR0107"}},
		"not UTF-8":              {"a: 1\nb: \xff\n", []string{"f:2:4 PR0106"}},
		"not UTF-8, at once":     {"\xff", []string{"f:1:1 PR0106"}},
		"UTF-16":                 {"\xff\xfea\x00", []string{"f:1:4 PR0106"}},
		"NUL":                    {"a: b\x00\n", []string{"f:1:5 PR0106"}},
		"a document in a line":   {"a: 1\r---\ra: 2\r", []string{"f:2:1 PR0102"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, found := parse(c.content)
			var got []string
			for _, d := range found {
				got = append(got, d.Pos.String()+" "+string(d.Code))
				if !d.Scope.Everyone() {
					t.Errorf("does not reach every gateway: %s", d)
				}
				if d.Hint == "" {
					t.Errorf("has no hint: %s", d)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got):\n%s\n%v", d, found)
			}
		})
	}
}

func TestAliasesAreResolved(t *testing.T) {
	documents, found := parse("x: &x {a: b}\ny: [*x, *x]\n")
	if len(found) > 0 || len(documents) != 1 {
		t.Fatal(found)
	}
	items := documents[0].Root.Content[3].Content
	if len(items) != 2 || items[0].Content[1].Value != "b" || items[1] != items[0] {
		t.Errorf("the aliases are not replaced: %v", items)
	}
}

// TestAliasBomb holds that aliases cannot make a small file take long or much memory.
func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 30; i++ {
		fmt.Fprintf(&b, "l%d: &l%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*l%d, ", i-1), 10), ", "))
	}
	documents, found := parse(b.String())
	if len(documents) > 0 || len(found) != 1 || found[0].Code != diag.CodeAlias {
		t.Errorf("got %d documents and %v, want one finding", len(documents), found)
	}
}

// TestLongListIsLinear holds that the items of a list keep their places, however many come before.
func TestLongListIsLinear(t *testing.T) {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: List\nitems:\n")
	const n = 2000
	for range n {
		b.WriteString("- a: 1\n  b:\n    c: 2\n")
	}
	documents, found := parse(b.String())
	if len(found) > 0 || len(documents) != n {
		t.Fatal(len(documents), found)
	}
	last := documents[n-1]
	if pos := last.Position(last.Root.Content[3].Content[1]); pos.Line != 3+3*n || pos.Column != 8 {
		t.Errorf("the last item's value stands at %s", pos)
	}
	if last.Lines > 3 {
		t.Errorf("an item of 3 lines counts %d", last.Lines)
	}
}

// TestTooManyDocuments holds that a file with more documents than are read is refused as a whole.
func TestTooManyDocuments(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"as many as are read": {strings.Repeat("---\na: 1\n", 20_000), 0},
		"one more":            {strings.Repeat("---\na: 1\n", 20_001), 1},
		"broken ones":         {strings.Repeat("---\na: [\n", 1_100), 1_002},
	} {
		t.Run(name, func(t *testing.T) {
			documents, found := source.Parse([]source.File{{Path: "a.yaml", Content: []byte(c.text)}})
			if len(found) != c.want || c.want > 0 && (len(documents) > 0 || found[len(found)-1].Code != diag.CodeLimit) {
				t.Errorf("%d documents and %d findings, want %d, the last of %s", len(documents), len(found), c.want, diag.CodeLimit)
			}
		})
	}
}

// TestTooManyValues holds that a text which would take a hundred times its size is not parsed.
func TestTooManyValues(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		code diag.Code
	}{
		"few":             {"a: [" + strings.Repeat("1,", 1000) + "]", ""},
		"a long list":     {"a: [" + strings.Repeat("1,", 1_500_000) + "]", diag.CodeLimit},
		"nested lists":    {"a: " + strings.Repeat("[", 1_500_001), diag.CodeLimit},
		"a long block":    {strings.Repeat("- 1\n", 1_500_001), diag.CodeLimit},
		"a large mapping": {"{" + strings.Repeat("a: 1, ", 800_000) + "}", diag.CodeLimit},
	} {
		t.Run(name, func(t *testing.T) {
			_, found := source.Parse([]source.File{{Path: "a.yaml", Content: []byte(c.text)}})
			if got := found.HasErrors(); got != (c.code != "") || got && found[0].Code != c.code {
				t.Errorf("findings %v, want %q", found, c.code)
			}
		})
	}
}
