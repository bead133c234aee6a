package reload

import (
	"log/slog"

	"github.com/portreeve/portreeve/translate/diag"
)

// tell logs findings, a line each, at most a number of them and then how many are left out. What is to be mended comes first.
// Each line has the finding as validate prints it, and its parts for machines.
func tell(log *slog.Logger, findings diag.List, most int) {
	told := findings.Folded().ErrorsFirst()
	for _, d := range told[:min(len(told), most)] {
		write := log.Warn
		if d.Severity == diag.Error {
			write = log.Error
		}
		write("finding", "finding", d.String(), "code", string(d.Code), "file", d.Pos.File, "line", d.Pos.Line, "column", d.Pos.Column, "object", d.Object, "field", d.Field)
	}
	if left := len(told) - most; left > 0 {
		log.Warn("more findings are not logged: portreeve status lists them", "count", left)
	}
}

// gist is what makes a finding the one that it was before, wherever its line has moved to.
type gist struct {
	code                         diag.Code
	file, object, field, message string
}

// seen are the findings that were told, and how often each.
type seen map[gist]int

func seenOf(findings diag.List) seen {
	out := seen{}
	for _, d := range findings {
		out[gistOf(d)]++
	}
	return out
}

func gistOf(d diag.Diagnostic) gist {
	return gist{d.Code, d.Pos.File, d.Object, d.Field, d.Message}
}

// news returns the findings without the warnings that were told before. An error is always news: as long as something is
// refused, why it is must not have to be looked for in older lines.
func (s seen) news(findings diag.List) diag.List {
	left := seen{}
	var out diag.List
	for _, d := range findings {
		if d.Severity == diag.Warning && left[gistOf(d)] < s[gistOf(d)] {
			left[gistOf(d)]++
			continue
		}
		out = append(out, d)
	}
	return out
}
