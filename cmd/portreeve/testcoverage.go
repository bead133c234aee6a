package main

import (
	"fmt"
	"strings"

	"github.com/portreeve/portreeve/translate/policytest"
)

// testCoverage is what the tests decide.
type testCoverage struct {
	Percent float64           `json:"percent"`
	Decided int               `json:"decided"`
	All     int               `json:"all"`
	Rules   []policytest.Rule `json:"rules"`
}

func newTestCoverage(rules []policytest.Rule) *testCoverage {
	out := &testCoverage{Rules: rules, Percent: 100}
	out.Decided, out.All = policytest.Count(rules)
	if out.All > 0 {
		out.Percent = 100 * float64(out.Decided) / float64(out.All)
	}
	return out
}

// writeText writes what no test decides; nothing where coverage was not asked for.
func (c *testCoverage) writeText(b *strings.Builder) {
	if c == nil {
		return
	}
	for _, r := range c.Rules {
		if !r.Decided {
			fmt.Fprintf(b, "%s: no test is decided by the rule %s\n", r.At, r.Name)
			continue
		}
		for _, condition := range r.Conditions {
			if !condition.Decided {
				fmt.Fprintf(b, "%s: no test fails the rule %s for this condition alone\n", condition.At, r.Name)
			}
		}
	}
	fmt.Fprintf(b, "coverage: %.1f %% (%d of %d rules and conditions)\n", c.Percent, c.Decided, c.All)
}
