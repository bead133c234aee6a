package main

import (
	"io"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/internal/output"
)

// writeJUnit writes a suite for each PolicyTest.
func (r testReport) writeJUnit(w io.Writer) error {
	var suites []output.JUnitSuite
	for _, c := range r.Tests {
		one := output.JUnitCase{Name: strings.TrimPrefix(c.title(), c.Object+"/"), Classname: c.Object, File: c.At.File, Line: c.At.Line}
		if lines := c.failures(); len(lines) > 0 {
			one.Failure = &output.JUnitFailure{Message: strings.TrimSpace(lines[min(1, len(lines)-1)]), Text: strings.Join(lines, "\n")}
		}
		i := slices.IndexFunc(suites, func(s output.JUnitSuite) bool { return s.Name == c.Object })
		if i < 0 {
			i, suites = len(suites), append(suites, output.JUnitSuite{Name: c.Object})
		}
		suites[i].Add(one)
	}
	return output.JUnit(w, r.Seconds, suites...)
}
