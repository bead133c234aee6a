package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/explain/words"
	"github.com/portreeve/portreeve/translate/policytest"
)

// testReport is what test prints.
type testReport struct {
	Tests []testedCase `json:"tests"`
	// Passed and Failed count tests, each at each of its gateways, and Requests what was asked.
	Passed   int `json:"passed"`
	Failed   int `json:"failed"`
	Requests int `json:"requests"`
	// NotSent counts the requests that a live gateway could not be asked.
	NotSent  int           `json:"notSent,omitempty"`
	Seconds  float64       `json:"seconds"`
	Coverage *testCoverage `json:"coverage,omitempty"`
	// verbose has every test told, and what each request got.
	verbose bool
	// paint is how the text is coloured.
	paint words.Paint
	// shortfall is what there is too little of, though no test fails.
	shortfall string
}

// fails reports whether anything is not as it must be.
func (r testReport) fails() bool { return r.Failed > 0 || r.shortfall != "" }

// testedCase is one test at one gateway.
type testedCase struct {
	// Object is namespace/name of the PolicyTest.
	Object string        `json:"object"`
	Name   string        `json:"name"`
	At     diag.Position `json:"at"`
	// Gateway is empty where the PolicyTest is about one.
	Gateway  string          `json:"gateway,omitempty"`
	Failed   bool            `json:"failed"`
	Requests []testedRequest `json:"requests"`
	// Refused are the errors by which the gateway is served nothing.
	Refused []string `json:"refused,omitempty"`
	notSent int
}

// testedRequest is what came of one request.
type testedRequest struct {
	Request string        `json:"request"`
	At      diag.Position `json:"at"`
	Got     string        `json:"got"`
	// Faults say in what that is not as expected, Reasons why it came so, and NotCompared what could not be looked at.
	Faults      []string `json:"faults,omitempty"`
	Reasons     []string `json:"reasons,omitempty"`
	NotCompared []string `json:"notCompared,omitempty"`
}

func (s *testSuite) report(took time.Duration) testReport {
	out := testReport{Tests: []testedCase{}, Seconds: took.Seconds()}
	for _, run := range s.runs {
		for i := range run.test.Cases {
			c := s.reported(run, &run.test.Cases[i])
			out.Tests = append(out.Tests, c)
			out.Requests += len(c.Requests)
			out.NotSent += c.notSent
			if c.Failed {
				out.Failed++
			} else {
				out.Passed++
			}
		}
	}
	return out
}

func (s *testSuite) reported(run testRun, c *policytest.Case) testedCase {
	out := testedCase{Object: run.test.Name, Name: c.Name, At: c.At, Failed: len(run.refused) > 0, Refused: run.refused.Lines()}
	if len(run.test.Gateways) > 1 {
		out.Gateway = run.gateway.Namespace + " " + labelsText(run.gateway.Labels)
	}
	for _, r := range run.results {
		if r.Case.Name != c.Name {
			continue
		}
		one := testedRequest{Request: r.Request.Text, At: r.Request.At, Got: r.Got(), Faults: r.Faults, NotCompared: r.NotCompared}
		if r.NotSent {
			out.notSent++
		}
		if r.Failed() {
			out.Failed = true
			one.Reasons = r.Reasons(s.objects)
		}
		out.Requests = append(out.Requests, one)
	}
	return out
}

// title names a test as --run does, and its gateway where it is about several.
func (c testedCase) title() string {
	title := c.Object + "/" + c.Name
	if c.Gateway != "" {
		title += " (" + c.Gateway + ")"
	}
	return title
}

// failures are what went wrong, in lines.
func (c testedCase) failures() []string {
	out := slices.Clone(c.Refused)
	for _, r := range c.Requests {
		if len(r.Faults) == 0 {
			continue
		}
		out = append(out, fmt.Sprintf("%s (%s)", r.Request, r.At))
		for _, f := range r.Faults {
			out = append(out, "    "+f)
		}
		if r.Got != "" {
			out = append(out, "    got "+r.Got)
		}
		for _, reason := range r.Reasons {
			out = append(out, "      "+reason)
		}
	}
	return out
}

func (r testReport) writeText(w io.Writer) error {
	var b strings.Builder
	for _, c := range r.Tests {
		if c.Failed {
			fmt.Fprintf(&b, "--- %s: %s (%s)\n", r.paint(words.Bad, "FAIL"), diag.Shown(c.title()), c.At)
		} else if r.verbose {
			fmt.Fprintf(&b, "--- %s: %s (%s)\n", r.paint(words.Good, "PASS"), diag.Shown(c.title()), c.At)
		}
		if c.Failed {
			for _, line := range c.failures() {
				fmt.Fprintf(&b, "    %s\n", diag.Shown(line))
			}
		}
		if r.verbose {
			c.writePassed(&b)
		}
	}
	r.Coverage.writeText(&b)
	r.writeSummary(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (c testedCase) writePassed(b *strings.Builder) {
	for _, q := range c.Requests {
		if len(q.Faults) == 0 {
			fmt.Fprintf(b, "    %s: %s\n", diag.Shown(q.Request), diag.Shown(q.Got))
		}
		for _, n := range q.NotCompared {
			fmt.Fprintf(b, "      not compared: %s\n", diag.Shown(n))
		}
	}
}

// writeSummary writes a line for each PolicyTest, and one for all.
func (r testReport) writeSummary(b *strings.Builder) {
	var objects []string
	failed, all, requests := map[string]int{}, map[string]int{}, map[string]int{}
	for _, c := range r.Tests {
		if all[c.Object] == 0 {
			objects = append(objects, c.Object)
		}
		all[c.Object]++
		requests[c.Object] += len(c.Requests)
		if c.Failed {
			failed[c.Object]++
		}
	}
	for _, o := range objects {
		if failed[o] > 0 {
			fmt.Fprintf(b, "%s\t%s\t%d of %d tests failed\n", r.paint(words.Bad, "FAIL"), o, failed[o], all[o])
		} else {
			fmt.Fprintf(b, "%s\t%s\t%s, %s\n", r.paint(words.Good, "ok"), o, count(all[o], "test"), count(requests[o], "request"))
		}
	}
	word := r.paint(words.Good, "PASS")
	if r.fails() {
		word = r.paint(words.Bad, "FAIL")
	}
	notSent := ""
	if r.NotSent > 0 {
		notSent = fmt.Sprintf(" (%d not sent: -v says why)", r.NotSent)
	}
	fmt.Fprintf(b, "%s: %s, %d failed, %s%s in %.2fs\n", word, count(len(r.Tests), "test"), r.Failed, count(r.Requests, "request"), notSent, r.Seconds)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
