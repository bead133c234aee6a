package output

import (
	"encoding/xml"
	"fmt"
	"io"
)

// The elements of JUnit's XML, as far as CI systems read them.
type (
	// JUnitSuites is all of a report; JUnit counts it.
	JUnitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []JUnitSuite `xml:"testsuite"`
	}
	// JUnitSuite is cases that belong together. Add counts them.
	JUnitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Cases    []JUnitCase `xml:"testcase"`
	}
	// JUnitCase is one case, which has failed where it has a Failure.
	JUnitCase struct {
		Name      string        `xml:"name,attr"`
		Classname string        `xml:"classname,attr"`
		File      string        `xml:"file,attr"`
		Line      int           `xml:"line,attr,omitempty"`
		Failure   *JUnitFailure `xml:"failure,omitempty"`
		SystemOut string        `xml:"system-out,omitempty"`
	}
	// JUnitFailure says why a case has failed.
	JUnitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// Add counts a case in.
func (s *JUnitSuite) Add(c JUnitCase) {
	s.Cases = append(s.Cases, c)
	if s.Tests++; c.Failure != nil {
		s.Failures++
	}
}

// JUnit prints suites that took some seconds as JUnit's XML.
func JUnit(w io.Writer, seconds float64, suites ...JUnitSuite) error {
	out := JUnitSuites{Time: fmt.Sprintf("%.3f", seconds), Suites: suites}
	for _, s := range suites {
		out.Tests += s.Tests
		out.Failures += s.Failures
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
