package findings_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/internal/findings"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// rules are those of flags that are in order.
func rules(t *testing.T, failOn string, errors, off []string) findings.Rules {
	t.Helper()
	out, err := findings.NewRules(failOn, errors, off)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// at is a finding in the file of the tests.
func at(code diag.Code, line int) diag.Diagnostic {
	return diag.New(code, diag.Position{File: "f.yaml", Line: line, Column: 1}, "m")
}

// judged is the report about a file with a warning on each line from the first.
func judged(r findings.Rules, text string, found diag.List) findings.Report {
	return r.Report(found, findings.Input{Files: []source.File{{Path: "f.yaml", Content: []byte(text)}}})
}

// brief is "CODE:line" of each finding.
func brief(l diag.List) string {
	var out []string
	for _, d := range l {
		out = append(out, strings.TrimPrefix(d.Pos.String(), "f.yaml:")+" "+string(d.Code))
	}
	return strings.Join(out, ", ")
}

// TestACommentIsAboutItsLineTheNextOneOrTheObject holds which warnings comments switch off, and that one that switches
// off nothing is a warning.
func TestACommentIsAboutItsLineTheNextOneOrTheObject(t *testing.T) {
	for name, c := range map[string]struct{ text, want, ignored string }{
		"its line":           {"a: 1 # portreeve:ignore PR0213 because x\nb: 2\nc: 3\n", "2:1 PR0213, 3:1 PR0213", "x"},
		"the next one":       {"a: 1\n# portreeve:ignore PR0213 because x y\nb: 2\n", "1:1 PR0213, 2:1 PR0213", "x y"},
		"the object":         {"# portreeve:ignore PR0213 because x\na: 1\nb: 2\n", "", "x, x, x"},
		"another object":     {"a: 1\n---\n# portreeve:ignore PR0213 because x\nb: 2\n", "1:1 PR0213", "x, x"},
		"several codes":      {"a: 1 # portreeve:ignore PR0213, PR0424 because x\nb: 2\nc: 3\n", "1:6 PR0114, 2:1 PR0213, 3:1 PR0213", "x"},
		"another code":       {"a: 1 # portreeve:ignore PR0424 because x\nb: 2\nc: 3\n", "1:1 PR0213, 1:6 PR0114, 2:1 PR0213, 3:1 PR0213", ""},
		"two of one code":    {"# portreeve:ignore PR0213 because x\na: 1 # portreeve:ignore PR0213 because y\nb: 2\n", "", "x, x, x"},
		"in a text":          {"a: '# portreeve:ignore PR0213 because x'\nb: 2\nc: 3\n", "1:1 PR0213, 2:1 PR0213, 3:1 PR0213", ""},
		"because, and again": {"a: 1 # portreeve:ignore PR0213 because it is because\nb: 2\nc: 3\n", "2:1 PR0213, 3:1 PR0213", "it is because"},
	} {
		t.Run(name, func(t *testing.T) {
			r := judged(rules(t, "error", nil, nil), c.text, diag.List{at(diag.CodeSelectorEmpty, 1), at(diag.CodeSelectorEmpty, 2), at(diag.CodeSelectorEmpty, 3)})
			var ignored []string
			for _, i := range r.Ignored {
				ignored = append(ignored, i.Reason)
			}
			if got := brief(r.Findings); got != c.want || strings.Join(ignored, ", ") != c.ignored {
				t.Errorf("found %s, want %s; ignored because %q, want %q", got, c.want, ignored, c.ignored)
			}
		})
	}
}

// TestACommentThatSaysTooLittleIsAFinding holds that such a comment hides nothing, and is a warning with its place.
func TestACommentThatSaysTooLittleIsAFinding(t *testing.T) {
	for comment, want := range map[string]struct {
		code diag.Code
		says string
	}{
		"ignore PR0213":                          {diag.CodeIgnoreComment, "does not say why"},
		"ignore PR0213 because":                  {diag.CodeIgnoreComment, "does not say why"},
		"ignore PR0213 it is meant":              {diag.CodeIgnoreComment, "does not say why"},
		"ignore because it is meant":             {diag.CodeIgnoreComment, "names no code"},
		"ignore":                                 {diag.CodeIgnoreComment, "does not say why"},
		"ignore PR9999 because x":                {diag.CodeIgnoreComment, `"PR9999" is no code`},
		"ignore PR0213 PR9999 because x":         {diag.CodeIgnoreComment, `"PR9999" is no code`},
		"ignore pr0213 because x":                {diag.CodeIgnoreComment, `"pr0213" is no code`},
		"ignore * because x":                     {diag.CodeIgnoreComment, `"*" is no code`},
		"ignore PR0114 because x":                {diag.CodeIgnoreComment, "about comments"},
		"ignored PR0213 because x":               {diag.CodeIgnoreComment, "portreeve:ignored is not known"},
		"ignore PR0203 because x":                {diag.CodeIgnoreError, "PR0203 is an error"},
		"ignore PR0213 PR0203 because x":         {diag.CodeIgnoreError, "PR0203 is an error"},
		"ignore PR0424 because PR0203 must hide": {diag.CodeIgnoreUnused, "PR0424"},
	} {
		r := judged(rules(t, "error", nil, nil), "# portreeve:"+comment+"\na: 1\n", diag.List{at(diag.CodeSelectorEmpty, 2), at(diag.CodeUnknownField, 2)})
		if got := brief(r.Findings); got != "2:1 PR0203, 1:1 "+string(want.code)+", 2:1 PR0213" || len(r.Ignored) > 0 {
			t.Errorf("%s: found %s, ignored %v", comment, got, r.Ignored)
			continue
		}
		if got := r.Findings[1]; !strings.Contains(got.Message, want.says) || got.Severity != diag.Warning || got.Hint == "" {
			t.Errorf("%s: %v", comment, got)
		}
	}
}

// TestWhatCountsAsAnErrorIsNotHidden holds that a comment does not hide a warning that --error makes an error.
func TestWhatCountsAsAnErrorIsNotHidden(t *testing.T) {
	r := judged(rules(t, "error", []string{"PR0213"}, nil), "# portreeve:ignore PR0213 because x\na: 1\n", diag.List{at(diag.CodeSelectorEmpty, 2)})
	if got := brief(r.Findings); got != "2:1 PR0213, 1:1 PR0113" || !r.Fails() || r.Findings[0].Severity != diag.Error {
		t.Errorf("found %s, fails %v", got, r.Fails())
	}
	graver := at(diag.CodeSelectorEmpty, 2)
	graver.Severity = diag.Error
	r = judged(rules(t, "error", nil, []string{"PR0213", "PR0114"}), "# portreeve:ignore PR0213 because x\na: 1\n", diag.List{graver})
	if len(r.Findings) != 1 || !r.Fails() {
		t.Errorf("an error whose code is a warning's is hidden: %s", brief(r.Findings))
	}
}

// TestAReasonShowsNoKeyAndIsBounded holds that a private key that somebody has put into a comment is not shown.
func TestAReasonShowsNoKeyAndIsBounded(t *testing.T) {
	r := judged(rules(t, "error", nil, nil), "a: 1 # portreeve:ignore PR0213 because -----BEGIN PRIVATE KEY-----MIIEsecret\nb: 2 # portreeve:ignore PR0213 because "+strings.Repeat("ä", 1000)+"\n",
		diag.List{at(diag.CodeSelectorEmpty, 1), at(diag.CodeSelectorEmpty, 2)})
	if len(r.Ignored) != 2 || strings.Contains(r.Ignored[0].Reason, "MIIE") || len([]rune(r.Ignored[1].Reason)) != 301 {
		t.Errorf("ignored %v", r.Ignored)
	}
}

// TestTooManyCommentsAreAFinding holds that what stands behind the bound has no effect, and that this is said.
func TestTooManyCommentsAreAFinding(t *testing.T) {
	text := strings.Repeat("# portreeve:ignore PR0213 because x\n", source.MaxDirectives+1) + "a: 1\n"
	r := judged(rules(t, "error", nil, nil), text, nil)
	if !slices.ContainsFunc(r.Findings, func(d diag.Diagnostic) bool {
		return d.Code == diag.CodeIgnoreComment && strings.Contains(d.Message, "more than 1000") && d.Pos.Line == source.MaxDirectives
	}) {
		t.Errorf("%d findings, none of which says so", len(r.Findings))
	}
}

// FuzzIgnore holds that no text makes an error go away, or a warning for a reason that is no comment: what is taken for a
// comment can be replaced by another one without a change of what the text means.
func FuzzIgnore(f *testing.F) {
	for _, seed := range []string{"a: 1 # portreeve:ignore PR0213 because x\n", "# portreeve:ignore PR0213, PR0203 because x\n---\na: |\n # portreeve:ignore PR0213 because y\n", "a: \"\\\n # portreeve:ignore PR0213 because x\"\n", "a: [1, # portreeve:ignore PR0213 because x\n 2]\n", "%YAML 1.2\n---\na: '\n# portreeve:ignore PR0213 because x'\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines := min(strings.Count(text, "\n")+1, 200)
		var found diag.List
		for line := range lines {
			found = append(found, at(diag.CodeUnknownField, line), at(diag.CodeSelectorEmpty, line))
		}
		r := judged(rules(t, "error", nil, nil), text, found)
		if got, want := len(r.Findings.Errors()), len(found.Errors()); got != want {
			t.Fatalf("%d errors of %d are left", got, want)
		}
		if len(r.Ignored)+len(slices.DeleteFunc(r.Findings, func(d diag.Diagnostic) bool { return d.Code != diag.CodeSelectorEmpty })) != lines {
			t.Fatal("a warning is neither told nor ignored")
		}
		for _, i := range r.Ignored {
			if other := without(text, i.At); meaning(text) != meaning(other) {
				t.Fatalf("what stands at %s is no comment", i.At)
			}
		}
	})
}

// without is a text whose line ends at a place with another comment.
func without(text string, at diag.Position) string {
	lines := strings.SplitAfter(strings.TrimPrefix(text, "\ufeff"), "\n")
	line := []rune(lines[at.Line-1])
	lines[at.Line-1] = string(line[:at.Column-1]) + "#\n"
	return strings.Join(lines, "")
}

// meaning is what a text says, document by document.
func meaning(text string) string {
	documents, wrong := source.Parse([]source.File{{Path: "f", Content: []byte(text)}})
	var out bytes.Buffer
	for _, d := range documents {
		root := *d.Root
		uncommented(&root)
		b, err := yaml.Marshal(&root)
		if err != nil {
			out.WriteString(err.Error())
		}
		out.Write(b)
	}
	return out.String() + strings.Join(wrong.Lines(), "\n")
}

func uncommented(n *yaml.Node) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	for _, c := range n.Content {
		uncommented(c)
	}
}

// TestFlagsThatHideErrorsAreRefused holds what the flags take.
func TestFlagsThatHideErrorsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		failOn      string
		errors, off []string
		want        string
	}{
		"an error off":      {"error", nil, []string{"PR0213", "PR0203"}, "--off PR0203: it is an error"},
		"no code":           {"error", nil, []string{"0213"}, `--off "0213" is no code`},
		"no code as errors": {"error", []string{"x"}, nil, `--error "x" is no code`},
		"both":              {"error", []string{"PR0213"}, []string{"PR0213"}, "one or the other"},
		"a severity":        {"note", nil, nil, `--fail-on "note" is neither error nor warning`},
		"in order":          {"warning", []string{"PR0203", "PR0424"}, []string{"PR0213"}, ""},
	} {
		_, err := findings.NewRules(c.failOn, c.errors, c.off)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestSummary holds the closing line.
func TestSummary(t *testing.T) {
	found := diag.List{at(diag.CodeUnknownField, 1), at(diag.CodeSelectorEmpty, 1), at(diag.CodeForeignKind, 2), at(diag.CodeForeignKind, 3)}
	in := findings.Input{Files: []source.File{{Path: "f.yaml", Content: []byte("a: 1 # portreeve:ignore PR0213 because x\nb: 2\n")}}, Objects: 2}
	for want, c := range map[string]struct {
		off     []string
		notRead []string
	}{
		"1 file, 2 objects, 1 error, 2 warnings, 1 ignored by comments":                                     {nil, nil},
		"1 file, 2 objects, 1 error, 0 warnings, 1 ignored by comments, 2 off; not read: rules.txt":         {[]string{"PR0202"}, []string{"rules.txt"}},
		"1 file, 2 objects, 1 error, 2 warnings, 1 ignored by comments; not read: a, b, c, d, e and 2 more": {nil, strings.Split("abcdefg", "")},
	} {
		in.NotRead = c.notRead
		if d := cmp.Diff(want, rules(t, "error", nil, c.off).Report(found, in).Summary()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
}
