package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/spf13/cobra"
)

// testVerb is what test is told beside the files.
type testVerb struct {
	compileFlags
	formatFlag
	run          string
	verbose      bool
	coverage     bool
	coverageMin  float64
	allowNoTests bool
	live         liveFlags
}

func testCommand() *cobra.Command {
	var t testVerb
	c := &cobra.Command{
		Use:   "test PATH...",
		Short: "Run the PolicyTest objects of policy files",
		Long: "Run the PolicyTest objects of policy files and directories: what becomes of each request is worked out from the configuration that the gateways would be served, without a gateway. " +
			"With --against the same requests are sent to a live gateway instead. The exit code is 1 when a test fails, when there is none, or when the policy has an error.",
		Example: `  portreeve test policy
  portreeve test policy --run shop -v --coverage
  portreeve test policy -o junit > report.xml
  portreeve test policy --against http://127.0.0.1:8080`,
		Args:              paths("policy with PolicyTest objects"),
		ValidArgsFunction: byEnding(policyEndings()...),
		RunE:              t.execute,
	}
	f := c.Flags()
	f.StringVar(&t.run, "run", "", "Run only the tests whose name, NAMESPACE/NAME/TEST, matches this regular expression.")
	f.BoolVarP(&t.verbose, "verbose", "v", false, "Print every test, and what each request got.")
	f.BoolVar(&t.coverage, "coverage", false, "Print which rules, and which conditions of rules, no test decides.")
	f.Float64Var(&t.coverageMin, "coverage-min", 0, "Fail when less than this many percent of the rules and conditions are decided by a test.")
	f.BoolVar(&t.allowNoTests, "allow-no-tests", false, "Where there is no test that is no failure.")
	takes(c, "coverage-min", aPercentage())
	takes(c, "run", parsed("REGEXP", func(text string) error {
		_, err := regexp.Compile(text)
		return err
	}))
	t.live.register(c)
	t.compileFlags.register(c)
	t.formatFlag.register(c, "text", "text", "json", "junit")
	return c
}

func (t *testVerb) execute(c *cobra.Command, args []string) error {
	selected, err := regexp.Compile(t.run)
	switch {
	case err != nil:
		return fmt.Errorf("--run: %w", err)
	case t.live.given() && (t.coverage || t.coverageMin > 0):
		return errors.New("a live gateway does not say which rules decide: --coverage goes without --against")
	}
	program, err := compiled(c, args, t.compileFlags)
	if err != nil {
		return err
	}
	began := time.Now()
	suite := newTestSuite(program, selected, c.ErrOrStderr())
	if t.live.given() {
		err = t.live.ask(c.Context(), suite)
	} else {
		err = suite.ask()
	}
	if err != nil {
		return err
	}
	report := suite.report(time.Since(began))
	report.verbose = t.verbose
	if t.coverage || t.coverageMin > 0 {
		if report.Coverage, err = suite.covered(); err != nil {
			return err
		}
	}
	report.shortfall = t.shortfall(report)
	if err := t.write(c.OutOrStdout(), report); err != nil {
		return err
	}
	if report.shortfall != "" {
		fmt.Fprintln(c.ErrOrStderr(), "note: "+report.shortfall)
	}
	if report.fails() {
		return errFindings
	}
	return nil
}

func (t *testVerb) write(w io.Writer, r testReport) error {
	if t.format == "junit" {
		return r.writeJUnit(w)
	}
	r.paint = paintFor(w)
	return t.print(w, r, r.writeText)
}

// shortfall says what there is too little of, where no test fails; empty where there is enough.
func (t *testVerb) shortfall(r testReport) string {
	switch {
	case len(r.Tests) == 0 && !t.allowNoTests:
		return "there is no test: add a PolicyTest (docs/testing.md), widen --run, or give --allow-no-tests"
	case r.NotSent > 0 && r.NotSent == r.Requests:
		// A gateway that was asked nothing has passed nothing.
		return "the gateway was asked nothing: no request can be sent to what --against names (-v says why)"
	case r.Failed == 0 && r.Coverage != nil && r.Coverage.Percent < t.coverageMin:
		return fmt.Sprintf("the tests decide %.1f %% of the rules and conditions, and --coverage-min asks for %g %%", r.Coverage.Percent, t.coverageMin)
	default:
		return ""
	}
}
