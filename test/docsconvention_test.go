package test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// blocks writes a page with fences: ~~~ stands for the marks of one.
func docsText(lines ...string) string {
	return strings.ReplaceAll(strings.Join(lines, "\n"), "~~~", "```")
}

func TestAPageOfTheDocumentationIsReadAsItIsMeant(t *testing.T) {
	for name, c := range map[string]struct {
		page    string
		script  []string // lines of it that are not empty
		outputs []docsOutput
		faults  []string
	}{
		"commands": {page: docsText("# A", "~~~sh", "a |", "  b", "~~~", "text"), script: []string{"mark 2", "a |", "  b"}},
		"commands in a list": {
			page:   docsText("- a", "  ~~~sh", "  a", "    b", "  ~~~"),
			script: []string{"mark 2", "a", "  b"},
		},
		"hidden commands": {
			page:   docsText("<!-- run: a -->", "<!-- run:", "b", "-->", "<!-- a remark -->"),
			script: []string{"mark 1; a", "mark 2", "b"},
		},
		"not run": {page: docsText("<!-- not run: it installs -->", "", "~~~sh", "apt install x", "~~~")},
		"an exit code": {
			page:   docsText("<!-- exit: 1 -->", "~~~sh", "a", "~~~"),
			script: []string{"mark 2; set +e; trap - ERR", "a", "ends $? 1"},
		},
		"a file": {
			page:   docsText("<!-- file: a/b.yaml -->", "~~~yaml", "x: $y", "~~~"),
			script: []string{`mkdir -p "$(dirname 'a/b.yaml')"; cat > 'a/b.yaml' <<'` + endOfFile + "'", "x: $y", endOfFile},
		},
		"what it prints": {
			page:    docsText("~~~sh", "a", "~~~", "text", "<!-- output -->", "~~~text", "x", "…", "~~~"),
			script:  []string{"mark 1", "a"},
			outputs: []docsOutput{{line: 6, block: 1, lines: []string{"x", "…"}}},
		},
		"other blocks":        {page: docsText("~~~yaml", "make: x", "~~~", "", "~~~text", "make", "~~~")},
		"text in a list":      {page: docsText("- a", "", "    make it", "")},
		"no language":         {page: docsText("~~~", "a", "~~~"), faults: []string{"1: say what is in the block: sh for commands, text for what they print, yaml, json, …"}},
		"another shell":       {page: docsText("a", "~~~bash", "a", "~~~"), faults: []string{"2: say what is in the block: sh for commands, text for what they print, yaml, json, …"}},
		"no fence":            {page: docsText("a", "", "    portreeve serve"), faults: []string{"3: make it a ```sh fence: portreeve serve"}},
		"no fence, a prompt":  {page: docsText("a", "", "    $ curl x"), faults: []string{"3: make it a ```sh fence: $ curl x"}},
		"no reason":           {page: docsText("<!-- not run: -->", "~~~sh", "a", "~~~"), script: []string{"mark 2", "a"}, faults: []string{"1: say what: <!-- not run: … -->"}},
		"a reason of nothing": {page: docsText("<!-- not run: a -->", "text"), faults: []string{`2: the comment "not run" above stands above no block`}},
		"a file of commands":  {page: docsText("<!-- file: a -->", "~~~sh", "a", "~~~"), script: []string{`mkdir -p "$(dirname 'a')"; cat > 'a' <<'` + endOfFile + "'", "a", endOfFile}},
		"output of nothing": {
			page:   docsText("<!-- not run: a -->", "~~~sh", "a", "~~~", "<!-- output -->", "~~~text", "b", "~~~"),
			faults: []string{"6: the block before is not run, so it prints nothing"},
		},
		"output in another language": {page: docsText("<!-- output -->", "~~~yaml", "a", "~~~"), faults: []string{`2: a block of yaml has a comment "output"`}},
		"no end":                     {page: docsText("~~~sh", "a"), script: []string{"mark 1", "ends"}, faults: []string{"1: it has no end"}},
	} {
		t.Run(name, func(t *testing.T) {
			page := readDocsPage(c.page)
			if len(page.script) != strings.Count(c.page, "\n")+1 {
				t.Errorf("the script has %d lines", len(page.script))
			}
			var script []string
			for _, line := range page.script {
				if line != "" {
					script = append(script, line)
				}
			}
			if name != "no end" {
				if diff := cmp.Diff(c.script, script); diff != "" {
					t.Errorf("script (-want +got):\n%s", diff)
				}
			}
			if diff := cmp.Diff(c.outputs, page.outputs, cmp.AllowUnexported(docsOutput{})); diff != "" {
				t.Errorf("outputs (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.faults, page.faults); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsPrintedIsHeldAgainstThePage(t *testing.T) {
	for name, c := range map[string]struct{ page, printed, missing string }{
		"equal":               {"a\n  b", "a\n  b\n", ""},
		"among others":        {"a\nb", "x\na\ny\nb\nz\n", ""},
		"anything":            {"a … c\n…\nd", "a b c\nx\nd\n", ""},
		"in another order":    {"b\na", "a\nb\n", "a"},
		"missing":             {"a", "b\n", "a"},
		"once and not twice":  {"a\na", "a\n", "a"},
		"no part of a line":   {"a", "a b\n", "a"},
		"no expression":       {"a.c", "abc\n", "a.c"},
		"spaces at the end":   {"a", "a  \r\n", ""},
		"spaces at the begin": {"a", " a\n", "a"},
		"an empty line":       {"a\n\nb", "a\nb\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := docsOutput{lines: strings.Split(c.page, "\n")}
			if got, _ := o.missing(c.printed); got != c.missing {
				t.Errorf("missing %q, want %q", got, c.missing)
			}
		})
	}
}
