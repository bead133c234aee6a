package source_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate/source"
)

// TestADirectiveIsAboutItsLineTheNextOneOrTheDocument holds what is a directive and which lines it is about.
func TestADirectiveIsAboutItsLineTheNextOneOrTheDocument(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string // line:column from-to text
	}{
		"behind a value":                 {"a: 1 # portreeve:x y\nb: 2\n", []string{"1:6 1-1 x y"}},
		"alone":                          {"a: 1\n# portreeve:x\nb: 2\n", []string{"2:1 3-3 x"}},
		"alone, indented":                {"a:\n  # portreeve:x\n  b: 2\n", []string{"2:3 3-3 x"}},
		"alone above other comments":     {"a: 1\n# portreeve:x\n# why\n#\n# portreeve:y\nb: 2\n", []string{"2:1 6-6 x", "5:1 6-6 y"}},
		"a blank line ends it":           {"a: 1\n# portreeve:x\n\nb: 2\n", []string{"2:1 3-3 x"}},
		"above all":                      {"# portreeve:x\na: 1\nb: 2\n", []string{"1:1 1-3 x"}},
		"above all, after a blank line":  {"# portreeve:x\n\na: 1\nb: 2\n", []string{"1:1 1-4 x"}},
		"behind the marker's line":       {"a: 1\n---\n# portreeve:x\nb: 1\nc: 2\n", []string{"3:1 2-5 x"}},
		"on the marker's line":           {"a: 1\n--- # portreeve:x\nb: 1\n", []string{"2:5 2-3 x"}},
		"before the first marker":        {"# portreeve:x\n---\na: 1\n---\nb: 2\n", []string{"1:1 2-3 x"}},
		"between markers":                {"a: 1\n---\n# portreeve:x\n---\nb: 2\n", []string{"3:1 4-5 x"}},
		"before a later marker":          {"a: 1\n# portreeve:x\n---\nb: 2\n", []string{"2:1 3-3 x"}},
		"above nothing":                  {"a: 1\n---\n# portreeve:x\n", []string{"3:1 0-0 x"}},
		"behind another comment":         {"a: 1 # yes # portreeve:x # portreeve:y\n", []string{"1:12 1-1 x # portreeve:y"}},
		"with a byte order mark":         {"\ufeff# portreeve:x\na: 1\n", []string{"1:1 1-2 x"}},
		"with carriage returns":          {"a: 1 # portreeve:x\r\nb: 1\r\n", []string{"1:6 1-1 x"}},
		"in a flow":                      {"a: [1, # portreeve:x\n 2]\n", []string{"1:8 1-1 x"}},
		"after wide characters":          {"a: äöü # portreeve:x\n", []string{"1:8 1-1 x"}},
		"behind a block's header":        {"a: | # portreeve:x\n  b\n", []string{"1:6 1-1 x"}},
		"behind a text that has one":     {"a: '# portreeve:x' # portreeve:y\n", []string{"1:20 1-1 y"}},
		"without the blank":              {"a: 1 #portreeve:x\n", []string{"1:6 1-1 x"}},
		"in single quotes":               {"a: ' # portreeve:x'\n", nil},
		"in double quotes":               {"a: \"b\n  # portreeve:x\"\n", nil},
		"in a key":                       {"' # portreeve:x': 1\n", nil},
		"in a literal block":             {"a: |\n  # portreeve:x\n  b # portreeve:y\n", nil},
		"in a folded block":              {"a: >-\n  # portreeve:x\n", nil},
		"in JSON":                        {"{\"a\": \" # portreeve:x\"}", nil},
		"part of a word":                 {"a: b#portreeve:x\n", nil},
		"prose":                          {"# portreeve: see the docs\na: 1\n", nil},
		"in what is no YAML":             {"# portreeve:x\na: [1\n", nil},
		"in a document with a key twice": {"# portreeve:x\na: 1\na: 2\n", nil},
		"with a line break of its own":   {"a: \"b\u2028\"\nc: 1 # portreeve:x\n", []string{"2:6 0-0 x"}},
	} {
		t.Run(name, func(t *testing.T) {
			found, more := source.Directives(source.File{Path: "f", Content: []byte(c.text)})
			var got []string
			for _, d := range found {
				got = append(got, fmt.Sprintf("%d:%d %d-%d %s", d.Position.Line, d.Position.Column, d.From, d.To, d.Text))
			}
			if diff := cmp.Diff(c.want, got); diff != "" || more {
				t.Errorf("more %v (-want +got):\n%s", more, diff)
			}
		})
	}
}

// TestDirectivesAreBounded holds that a file has a number of them, and that it is said where there are more.
func TestDirectivesAreBounded(t *testing.T) {
	for n, more := range map[int]bool{source.MaxDirectives: false, source.MaxDirectives + 1: true} {
		found, got := source.Directives(source.File{Content: []byte(strings.Repeat("# portreeve:x\n", n) + "a: 1\n")})
		if len(found) != source.MaxDirectives || got != more {
			t.Errorf("of %d there are %d, more %v", n, len(found), got)
		}
	}
}
