package main

import (
	"fmt"
	"io"
	"os"
	"regexp"

	"github.com/portreeve/portreeve/internal/terminal"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policytest"
)

// testSuite is the tests that are run, and what came of them.
type testSuite struct {
	program  *translate.Program
	objects  *policytest.Objects
	selected *regexp.Regexp
	gateways map[string]*testedGateway
	runs     []testRun
	// stderr is where a person is told how far it is.
	stderr io.Writer
}

// testRun is a test at one of its gateways.
type testRun struct {
	test    policytest.Test
	gateway model.Gateway
	results []policytest.Result
	// refused are the errors by which the gateway is served nothing; no request was asked then.
	refused diag.List
}

// testedGateway is a gateway that is asked.
type testedGateway struct {
	forms
	refused diag.List
	ready   *explain.Gateway
	results []policytest.Result
}

func newTestSuite(program *translate.Program, selected *regexp.Regexp, stderr io.Writer) *testSuite {
	return &testSuite{program: program, stderr: stderr, objects: policytest.NewObjects(program.Objects()), selected: selected, gateways: map[string]*testedGateway{}}
}

// tests are those that are selected, without the cases that are not.
func (s *testSuite) tests(how policytest.Making) ([]policytest.Test, error) {
	var out []policytest.Test
	for _, t := range policytest.Of(s.program.Tests(), how) {
		var cases []policytest.Case
		for _, c := range t.Cases {
			if s.selected.MatchString(t.Name + "/" + c.Name) {
				cases = append(cases, c)
			}
		}
		if len(cases) == 0 {
			continue
		}
		if len(t.Faults) > 0 {
			return nil, fmt.Errorf("%s: %w", t.At, t.Faults[0])
		}
		t.Cases = cases
		out = append(out, t)
	}
	return out, nil
}

// ask works out what the gateways answer.
func (s *testSuite) ask() error {
	tests, err := s.tests(policytest.Making{})
	if err != nil {
		return err
	}
	progress := terminal.Begin(s.stderr, os.Getenv)
	defer progress.End()
	for i, t := range tests {
		progress.Say("PolicyTest %d of %d", i+1, len(tests))
		for _, g := range t.Gateways {
			asked, err := s.gateway(g)
			if err != nil {
				return err
			}
			run := testRun{test: t, gateway: g, refused: asked.refused}
			if len(run.refused) == 0 {
				run.results = t.Run(asked.ready, s.objects)
			}
			asked.results = append(asked.results, run.results...)
			s.runs = append(s.runs, run)
		}
	}
	return nil
}

// gateway returns a gateway as it would be served, made ready once.
func (s *testSuite) gateway(g model.Gateway) (*testedGateway, error) {
	key := g.Namespace + " " + labelsText(g.Labels)
	if known := s.gateways[key]; known != nil {
		return known, nil
	}
	out := &testedGateway{}
	if out.served, out.told, out.refused = s.program.Both(g); len(out.refused) == 0 {
		var err error
		if out.ready, err = out.forms.ready(); err != nil {
			return nil, fmt.Errorf("explain the configuration of the gateway %s: %w", key, err)
		}
	}
	s.gateways[key] = out
	return out, nil
}

// covered returns what the tests that were run decide, of all rules in the files.
func (s *testSuite) covered() (*testCoverage, error) {
	coverage := policytest.NewCoverage(s.program.Objects(), s.objects)
	for _, g := range s.gateways {
		if len(g.refused) > 0 {
			continue
		}
		if err := coverage.Add(g.told, g.results); err != nil {
			return nil, fmt.Errorf("work out the coverage: %w", err)
		}
	}
	return newTestCoverage(coverage.Rules()), nil
}
