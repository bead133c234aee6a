package findings

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// Input is what was looked at.
type Input struct {
	// Files are those that were read, in which comments may stand.
	Files []source.File
	// Objects is how many of them the files hold.
	Objects int
	// NotRead are names in the directories that were not read.
	NotRead []string
}

// Report is what a check has found.
type Report struct {
	Input
	// Findings are those that count, errors first, with the severity that they count with.
	Findings diag.List
	// Ignored are the warnings that comments switch off, in the order of their places; Off is how many flags do.
	Ignored []Ignored
	Off     int
	rules   Rules
}

// Report applies the rules to what was found. No error is left out.
func (r Rules) Report(found diag.List, in Input) Report {
	out := Report{Input: in, rules: r}
	byFile, wrong := r.ignores(in.Files)
	counting := diag.List{}
	for _, d := range found {
		d = r.raised(d)
		if by := ignoring(byFile[d.Pos.File], d); by != nil {
			out.Ignored = append(out.Ignored, Ignored{d, by.reason, by.Position})
			continue
		}
		counting = append(counting, d)
	}
	for _, d := range slices.Concat(wrong, unused(byFile)) {
		counting = append(counting, r.raised(d))
	}
	before := len(counting)
	counting = slices.DeleteFunc(counting, r.isOff)
	out.Off = before - len(counting)
	out.Findings = counting.Sorted().ErrorsFirst()
	slices.SortStableFunc(out.Ignored, func(a, b Ignored) int { return a.Pos.Compare(b.Pos) })
	return out
}

// ignoring returns the comment that switches a finding off, or nil, and notes at all that do that they are of use.
func ignoring(all []ignore, d diag.Diagnostic) *ignore {
	var first *ignore
	for i := range all {
		if !all[i].covers(d) {
			continue
		}
		all[i].codes[d.Code] = true
		if first == nil {
			first = &all[i]
		}
	}
	return first
}

// Fails reports whether a finding is severe enough.
func (r Report) Fails() bool { return slices.ContainsFunc(r.Findings, r.rules.fatal) }

// maxNames bounds the names of files in a summary.
const maxNames = 5

// Summary returns the closing line: what was read, what was found, what was left out.
func (r Report) Summary() string {
	errors := len(r.Findings.Errors())
	parts := []string{counted(len(r.Files), "file"), counted(r.Objects, "object"), counted(errors, "error"), counted(len(r.Findings)-errors, "warning")}
	if len(r.Ignored) > 0 {
		parts = append(parts, fmt.Sprintf("%d ignored by comments", len(r.Ignored)))
	}
	if r.Off > 0 {
		parts = append(parts, fmt.Sprintf("%d off", r.Off))
	}
	out := strings.Join(parts, ", ")
	if n := len(r.NotRead); n > 0 {
		out += "; not read: " + diag.Shown(strings.Join(r.NotRead[:min(n, maxNames)], ", "))
		if n > maxNames {
			out += fmt.Sprintf(" and %d more", n-maxNames)
		}
	}
	return out
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
