package findings_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/portreeve/portreeve/internal/findings"
	"github.com/portreeve/portreeve/internal/output"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// sample is a report with something of everything.
func sample(t *testing.T, failOn string) findings.Report {
	t.Helper()
	file := func(path, text string) source.File { return source.File{Path: path, Content: []byte(text)} }
	bad := diag.New(diag.CodeUnknownField, diag.Position{File: "a b,c:d%.yaml", Line: 2, Column: 3}, "of a text").WithHint("do, or: do not")
	bad.Message = "100% of\r\n::error::this" // which diag.New would not let through
	bad.Object, bad.Field = "Gateway a/b", "spec.x"
	return rules(t, failOn, nil, nil).Report(diag.List{
		bad,
		diag.New(diag.CodeSelectorEmpty, diag.Position{File: "clean.yaml", Line: 1, Column: 1}, "hidden"),
		diag.New(diag.CodeSelectorEmpty, diag.Position{File: "/work/dir/in/side.yaml", Line: 4}, "in the working directory"),
		diag.New(diag.CodeForeignKind, diag.Position{File: "/elsewhere/x.yaml", Line: 1, Column: 7}, "Deployment of apps/v1 is ignored"),
		diag.New(diag.CodeForeignKind, diag.Position{File: "/elsewhere/x.yaml", Line: 5, Column: 7}, "Deployment of apps/v1 is ignored"),
		diag.New(diag.CodeLost, diag.Position{File: "dir"}, "lost"),
	}, findings.Input{Files: []source.File{file("a b,c:d%.yaml", ""), file("clean.yaml", "a: 1 # portreeve:ignore PR0213 because <it> is so\n"), file("/work/dir/in/side.yaml", ""), file("/elsewhere/x.yaml", "")}})
}

// TestWorkflowCommandsAreEscaped holds the form that GitHub reads, and that no text begins a command of its own.
func TestWorkflowCommandsAreEscaped(t *testing.T) {
	var out bytes.Buffer
	if err := sample(t, "error").WriteGitHub(&out, "/work/dir"); err != nil {
		t.Fatal(err)
	}
	want := `::error file=a b%2Cc%3Ad%25.yaml,line=2,col=3,title=PR0203::100%25 of%0D%0A::error::this (do, or: do not)
::error file=dir,title=PR0109::lost
::warning file=/elsewhere/x.yaml,line=1,col=7,title=PR0202::Deployment of apps/v1 is ignored (2 objects, of which this is the first)
::warning file=in/side.yaml,line=4,title=PR0213::in the working directory
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestSARIFIsValid holds the report against the schema of SARIF 2.1.0 that OASIS publishes, and what readers of it need.
func TestSARIFIsValid(t *testing.T) {
	schema := sarifSchema(t)
	for name, r := range map[string]findings.Report{"something": sample(t, "error"), "nothing": rules(t, "error", nil, nil).Report(nil, findings.Input{})} {
		var out bytes.Buffer
		if err := r.WriteSARIF(&out, "/work/dir", "1.2.3"); err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(&out)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		value.(map[string]any)["runs"].([]any)[0].(map[string]any)["results"] = "none"
		if schema.Validate(value) == nil {
			t.Error("the schema takes anything")
		}
	}
}

// sarifSchema is the schema that the library of SARIF carries, word for word that of OASIS (errata 01).
func sarifSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3").Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "pkg/report/v210/sarif/schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var text string
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING && strings.Contains(literal.Value, "$schema") {
			text, err = strconv.Unquote(literal.Value)
		}
		return true
	})
	if err != nil || text == "" {
		t.Fatal("the library has no schema any more: ", err)
	}
	content, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	const at = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource(at, content); err != nil {
		t.Fatal(err)
	}
	out, err := compiler.Compile(at)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sarifLog is what is read of a report.
type sarifLog struct {
	Runs []struct {
		Tool struct {
			Driver struct {
				Name, Version string
				Rules         []struct {
					ID                   string
					DefaultConfiguration struct{ Level string }
					Help                 struct{ Text string }
				}
			}
		}
		ColumnKind  string
		Invocations []struct{ ExecutionSuccessful bool }
		Results     []struct {
			RuleID, Level       string
			RuleIndex           int
			Message             struct{ Text string }
			PartialFingerprints map[string]string
			Suppressions        []struct{ Kind, Justification string }
			Locations           []struct {
				PhysicalLocation struct {
					ArtifactLocation struct{ URI string }
					Region           struct{ StartLine, StartColumn int }
				}
			}
		}
	}
}

// TestSARIFSaysWhatTheTextSays holds places, rules, suppressions and fingerprints.
func TestSARIFSaysWhatTheTextSays(t *testing.T) {
	var out bytes.Buffer
	var log sarifLog
	if err := sample(t, "error").WriteSARIF(&out, "/work/dir", "1.2.3"); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if d := run.Tool.Driver; d.Name != "portreeve" || d.Version != "1.2.3" || len(d.Rules) != len(diag.Codes()) || run.ColumnKind != "unicodeCodePoints" || !run.Invocations[0].ExecutionSuccessful {
		t.Errorf("the run: %s %s, %d rules, %s, %v", d.Name, d.Version, len(d.Rules), run.ColumnKind, run.Invocations)
	}
	want := []string{
		"error PR0203 ./a%20b,c:d%25.yaml 2:3", "error PR0109 dir 0:0", "warning PR0202 file:///elsewhere/x.yaml 1:7", "warning PR0202 file:///elsewhere/x.yaml 5:7",
		"warning PR0213 in/side.yaml 4:0", "warning PR0213 clean.yaml 1:1 inSource: <it> is so",
	}
	var got []string
	prints := map[string]bool{}
	for _, r := range run.Results {
		place := r.Locations[0].PhysicalLocation
		line := strings.Join([]string{r.Level, r.RuleID, place.ArtifactLocation.URI, strconv.Itoa(place.Region.StartLine) + ":" + strconv.Itoa(place.Region.StartColumn)}, " ")
		for _, s := range r.Suppressions {
			line += " " + s.Kind + ": " + s.Justification
		}
		got = append(got, line)
		prints[r.PartialFingerprints["portreeve/v1"]] = true
		if rule := run.Tool.Driver.Rules[r.RuleIndex]; rule.ID != r.RuleID || rule.Help.Text == "" || rule.DefaultConfiguration.Level != diag.Code(r.RuleID).Severity().String() {
			t.Errorf("%s has the rule %+v", r.RuleID, rule)
		}
	}
	if d := cmp.Diff(want, got); d != "" || len(prints) != len(want) {
		t.Errorf("%d fingerprints (-want +got):\n%s", len(prints), d)
	}
}

// TestNoNameIsACommandOrALink holds that names of files begin no line of the summary, nor a command in it, and that no
// message is a link of SARIF.
func TestNoNameIsACommandOrALink(t *testing.T) {
	d := diag.New(diag.CodeForeignKind, diag.Position{File: "a", Line: 1}, "%s is ignored", "[click](https://evil.example)")
	r := rules(t, "error", nil, nil).Report(diag.List{d}, findings.Input{NotRead: []string{"a\n::error::b", "\x1b[31mc", "##[add-mask]d"}})
	want := `0 files, 0 objects, 0 errors, 1 warning; not read: a\n::error::b, \x1b[31mc, #\x23[add-mask]d`
	if got := r.Summary(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	var out bytes.Buffer
	if err := r.WriteSARIF(&out, "/", ""); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "](") || !strings.Contains(out.String(), "[click] (https") {
		t.Errorf("the report has a link:\n%s", &out)
	}
}

// TestAFingerprintDoesNotDependOnTheLine holds that a finding stays the same when the file grows above it.
func TestAFingerprintDoesNotDependOnTheLine(t *testing.T) {
	of := func(line int, message string) string {
		var out bytes.Buffer
		var log sarifLog
		d := diag.New(diag.CodeSelectorEmpty, diag.Position{File: "a", Line: line}, "%s", message)
		if err := rules(t, "error", nil, nil).Report(diag.List{d}, findings.Input{}).WriteSARIF(&out, "/", ""); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out.Bytes(), &log); err != nil {
			t.Fatal(err)
		}
		return log.Runs[0].Results[0].PartialFingerprints["portreeve/v1"]
	}
	if of(1, "m") != of(7, "m") || of(1, "m") == of(1, "n") {
		t.Errorf("fingerprints: %s, %s, %s", of(1, "m"), of(7, "m"), of(1, "n"))
	}
}

// TestJUnitHasACaseForEachFile holds that clean files pass, and which findings fail.
func TestJUnitHasACaseForEachFile(t *testing.T) {
	for failOn, failures := range map[string]int{"error": 2, "warning": 4} {
		var out bytes.Buffer
		var got output.JUnitSuites
		if err := sample(t, failOn).WriteJUnit(&out); err != nil {
			t.Fatal(err)
		}
		if err := xml.Unmarshal(out.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if got.Tests != 5 || got.Failures != failures {
			t.Errorf("--fail-on %s: %d tests, %d failures, want 5 and %d:\n%s", failOn, got.Tests, got.Failures, failures, &out)
		}
		for _, c := range got.Suites[0].Cases {
			if c.Name == "a b,c:d%.yaml" && (c.Failure == nil || c.Line != 2 || !strings.Contains(c.Failure.Text, "error PR0203: 100%")) || c.Name == "/elsewhere/x.yaml" && failOn == "error" && (c.Failure != nil || strings.Count(c.SystemOut, "PR0202") != 2) {
				t.Errorf("--fail-on %s: %+v", failOn, c)
			}
		}
	}
}
