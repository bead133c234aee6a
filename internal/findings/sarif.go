package findings

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/portreeve/portreeve/internal/output"
	"github.com/portreeve/portreeve/translate/diag"
)

// home is where the program and the page of its findings are found.
const home = "https://github.com/portreeve/portreeve"

// WriteSARIF writes the report as SARIF 2.1.0, as version of the program has found it. Every code is a rule, every
// finding a result, and what a comment ignores is a result that is suppressed, with the reason. Paths below dir, the
// working directory, are relative to it.
func (r Report) WriteSARIF(w io.Writer, dir, version string) error {
	run := sarif.NewRunWithInformationURI("portreeve", home).WithColumnKind("unicodeCodePoints")
	run.Tool.Driver.WithVersion(version)
	rules := map[diag.Code]int{}
	for i, info := range diag.Codes() {
		rules[info.Code] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, ruleOf(info))
	}
	run.AddInvocation(sarif.NewInvocation().WithExecutionSuccessful(true))
	seen := map[string]int{}
	for _, d := range r.Findings {
		run.AddResult(resultOf(d, dir, seen).WithRuleIndex(rules[d.Code]))
	}
	for _, i := range r.Ignored {
		suppression := sarif.NewSuppression().WithKind("inSource").WithJustification(i.Reason).WithLocation(location(i.At, dir))
		run.AddResult(resultOf(i.Diagnostic, dir, seen).WithRuleIndex(rules[i.Code]).WithSuppressions([]*sarif.Suppression{suppression}))
	}
	report := sarif.NewReport()
	report.AddRun(run)
	return output.JSON(w, report)
}

// ruleOf describes a code.
func ruleOf(i diag.Info) *sarif.ReportingDescriptor {
	help := i.Summary
	if i.Accepted != "" {
		help += " Accepted: " + i.Accepted
	}
	return sarif.NewRule(string(i.Code)).WithDescription(i.Summary).
		WithHelp(sarif.NewMultiformatMessageString().WithText(help)).
		WithHelpURI(home + "/blob/main/docs/diagnostics.md").
		WithDefaultConfiguration(sarif.NewReportingConfiguration().WithLevel(i.Severity.String()))
}

// resultOf is a finding. Its fingerprint does not depend on the line, so that it stays the same finding when the file grows
// above it; of findings that say the same of one object, seen counts which it is.
func resultOf(d diag.Diagnostic, dir string, seen map[string]int) *sarif.Result {
	print := fingerprint(d, dir)
	seen[print]++
	return sarif.NewRuleResult(string(d.Code)).WithLevel(d.Severity.String()).WithMessage(sarif.NewTextMessage(withoutLinks(text(d)))).
		WithLocations([]*sarif.Location{location(d.Pos, dir).WithLogicalLocations(logical(d))}).
		WithPartialFingerprints(map[string]string{"portreeve/v1": fmt.Sprintf("%s:%d", print, seen[print])})
}

// withoutLinks keeps a text from being a link, which SARIF has as [text](target): what a file says leads nobody anywhere.
func withoutLinks(text string) string { return strings.ReplaceAll(text, "](", "] (") }

func fingerprint(d diag.Diagnostic, dir string) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{string(d.Code), uri(dir, d.Pos.File), d.Object, d.Field, d.Message}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// location is a place in a file.
func location(pos diag.Position, dir string) *sarif.Location {
	place := sarif.NewPhysicalLocation().WithArtifactLocation(sarif.NewSimpleArtifactLocation(uri(dir, pos.File)))
	if pos.Line > 0 {
		region := sarif.NewRegion().WithStartLine(pos.Line)
		if pos.Column > 0 {
			region.WithStartColumn(pos.Column)
		}
		place.WithRegion(region)
	}
	return sarif.NewLocationWithPhysicalLocation(place)
}

// logical names the object and the field.
func logical(d diag.Diagnostic) []*sarif.LogicalLocation {
	if d.Object == "" {
		return []*sarif.LogicalLocation{}
	}
	name := strings.Join(slices.DeleteFunc([]string{d.Object, d.Field}, func(s string) bool { return s == "" }), " ")
	return []*sarif.LogicalLocation{sarif.NewLogicalLocation().WithFullyQualifiedName(name).WithKind("object")}
}
