package findings

import (
	"io"
	"strings"

	"github.com/portreeve/portreeve/internal/output"
	"github.com/portreeve/portreeve/translate/diag"
)

// WriteJUnit writes a case for each file: one that fails where the file has findings that make the check fail, and says
// the others. Findings about what is no file that was read, such as a directory, are cases of their own.
func (r Report) WriteJUnit(w io.Writer) error {
	suite := output.JUnitSuite{Name: "portreeve validate"}
	byFile := map[string]diag.List{}
	for _, f := range r.Files {
		byFile[f.Path] = nil
	}
	for _, d := range r.Findings {
		if _, known := byFile[d.Pos.File]; !known {
			suite.Add(r.testCase(d.Pos.File, diag.List{d}))
			continue
		}
		byFile[d.Pos.File] = append(byFile[d.Pos.File], d)
	}
	for _, f := range r.Files {
		suite.Add(r.testCase(f.Path, byFile[f.Path]))
	}
	return output.JUnit(w, 0, suite)
}

// testCase is what was found of a file.
func (r Report) testCase(file string, found diag.List) output.JUnitCase {
	out := output.JUnitCase{Name: file, Classname: "portreeve validate", File: file}
	var fatal, others diag.List
	for _, d := range found {
		if r.rules.fatal(d) {
			fatal = append(fatal, d)
		} else {
			others = append(others, d)
		}
	}
	out.SystemOut = strings.Join(others.Lines(), "\n")
	if len(fatal) > 0 {
		out.Line = fatal[0].Pos.Line
		out.Failure = &output.JUnitFailure{Message: fatal[0].String(), Text: strings.Join(fatal.Lines(), "\n")}
	}
	return out
}
