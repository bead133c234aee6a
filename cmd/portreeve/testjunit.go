package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The elements of JUnit's XML, as far as CI systems read them.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		Classname string        `xml:"classname,attr"`
		File      string        `xml:"file,attr"`
		Line      int           `xml:"line,attr"`
		Failure   *junitFailure `xml:"failure,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// writeJUnit writes a suite for each PolicyTest.
func (r testReport) writeJUnit(w io.Writer) error {
	out := junitSuites{Tests: len(r.Tests), Failures: r.Failed, Time: fmt.Sprintf("%.3f", r.Seconds)}
	for _, c := range r.Tests {
		one := junitCase{Name: strings.TrimPrefix(c.title(), c.Object+"/"), Classname: c.Object, File: c.At.File, Line: c.At.Line}
		if lines := c.failures(); len(lines) > 0 {
			one.Failure = &junitFailure{Message: lines[min(1, len(lines)-1)], Text: strings.Join(lines, "\n")}
			one.Failure.Message = strings.TrimSpace(one.Failure.Message)
		}
		i := slices.IndexFunc(out.Suites, func(s junitSuite) bool { return s.Name == c.Object })
		if i < 0 {
			i, out.Suites = len(out.Suites), append(out.Suites, junitSuite{Name: c.Object})
		}
		s := &out.Suites[i]
		s.Cases = append(s.Cases, one)
		if s.Tests++; c.Failed {
			s.Failures++
		}
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
