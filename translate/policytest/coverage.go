package policytest

import (
	"cmp"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
	"github.com/portreeve/portreeve/translate/policy"
	"github.com/portreeve/portreeve/translate/resource"
)

// Coverage is which rules, and which conditions of rules, tests decide. A rule is decided when it decides
// what becomes of a request, or, where it enforces nothing, when it matches. A condition is decided when the
// rule matches a request, and another does not match it for this condition alone.
type Coverage struct {
	objects *Objects
	rules   map[diag.Position]*Rule
}

// Rule is a rule that somebody wrote.
type Rule struct {
	// Name is as in expectations.
	Name    string        `json:"name"`
	At      diag.Position `json:"at"`
	Decided bool          `json:"decided"`
	// Conditions are those of from, to and when, in the order in which they are written.
	Conditions []Condition `json:"conditions,omitempty"`
	matched    bool
}

// Condition is a field of a rule.
type Condition struct {
	At      diag.Position `json:"at"`
	Decided bool          `json:"decided"`
}

// NewCoverage returns the coverage of no tests: of all rules that are among the objects.
func NewCoverage(list []*resource.Resource, objects *Objects) *Coverage {
	c := &Coverage{objects: objects, rules: map[diag.Position]*Rule{}}
	for _, r := range list {
		if r.Kind != resource.AuthorizationPolicy && r.Kind != resource.RequestAuthentication {
			continue
		}
		path, n := rulesOf(r)
		for i := range n {
			c.rule(r.Origin.At(path.Field(i)))
		}
	}
	return c
}

// rule returns the rule at a place, or nil where nobody wrote one there.
func (c *Coverage) rule(at diag.Position) *Rule {
	if known := c.rules[at]; known != nil {
		return known
	}
	name := c.objects.RuleName(&at)
	if name == "" {
		return nil
	}
	c.rules[at] = &Rule{Name: name, At: at}
	return c.rules[at]
}

// Add adds what the requests of results decide at a gateway that is served some resources. The error is
// a fault of this program.
func (c *Coverage) Add(served envoy.Resources, results []Result) error {
	clauses := c.clauses(served.Trace)
	for _, r := range results {
		c.decided(r)
	}
	for round := 0; ; round++ {
		without, dropped := withoutClause(served, clauses, round)
		if len(dropped) == 0 {
			return nil
		}
		gateway, err := explain.New(without)
		if err != nil {
			return err
		}
		for _, r := range results {
			c.missed(r.Answer, gateway.Ask(r.Request.Ask), dropped)
		}
	}
}

// decided notes which rules an answer is decided by, and which match.
func (c *Coverage) decided(r Result) {
	if reason, ok := decisive(r.Answer); ok {
		c.note(reason, func(rule *Rule) { rule.Decided = true })
	}
	for _, reason := range r.Answer.Reasons {
		if !reason.Matched.Holds() {
			continue
		}
		enforces := reason.Kind == traffic.Denies || reason.Kind == traffic.Allows
		c.note(reason, func(rule *Rule) { rule.matched, rule.Decided = true, rule.Decided || !enforces })
	}
}

// note changes what is known of the rule of a reason, where somebody wrote it.
func (c *Coverage) note(reason explain.Reason, change func(*Rule)) {
	if reason.At == nil || reason.Kind == traffic.Routes || slices.Contains(guards(), reason.Rule) {
		return
	}
	if rule := c.rule(*reason.At); rule != nil {
		change(rule)
	}
}

// missed notes which conditions alone keep a rule from matching: without them it matches.
func (c *Coverage) missed(with, without explain.Answer, dropped map[diag.Position]diag.Position) {
	matched := map[string]bool{}
	for _, reason := range without.Reasons {
		if reason.Matched.Holds() {
			matched[reason.Filter+" "+reason.Rule] = true
		}
	}
	for _, reason := range with.Reasons {
		if reason.At == nil || !reason.Matched.Fails() || !matched[reason.Filter+" "+reason.Rule] {
			continue
		}
		if at, ok := dropped[*reason.At]; ok {
			c.rules[*reason.At].decide(at)
		}
	}
}

func (r *Rule) decide(condition diag.Position) {
	for i := range r.Conditions {
		if r.Conditions[i].At == condition {
			r.Conditions[i].Decided = true
		}
	}
}

// clauses enters the rules and conditions that a gateway is served, and returns where each condition of each
// rule is written, by the filter and the rule's name.
func (c *Coverage) clauses(trace envoy.Trace) map[string]map[string]diag.Position {
	out := map[string]map[string]diag.Position{}
	for filter, places := range trace {
		if !strings.HasPrefix(filter, "envoy.filters.") {
			continue
		}
		parts := places.All()
		for name, at := range parts {
			rule, clause := policy.SplitClause(name)
			of := c.rule(parts[rule])
			if of == nil || clause == "" || at == of.At {
				continue
			}
			if out[filter+" "+rule] == nil {
				out[filter+" "+rule] = map[string]diag.Position{}
			}
			out[filter+" "+rule][clause] = at
			of.add(at)
		}
	}
	return out
}

func (r *Rule) add(condition diag.Position) {
	i, found := slices.BinarySearchFunc(r.Conditions, condition, func(c Condition, p diag.Position) int { return c.At.Compare(p) })
	if !found {
		r.Conditions = slices.Insert(r.Conditions, i, Condition{At: condition})
	}
}

// Rules returns the rules in the order in which they are written. A condition of a rule that no request
// matches is not decided.
func (c *Coverage) Rules() []Rule {
	out := make([]Rule, 0, len(c.rules))
	for _, r := range c.rules {
		rule := *r
		rule.Conditions = slices.Clone(r.Conditions)
		for i := range rule.Conditions {
			rule.Conditions[i].Decided = rule.Conditions[i].Decided && rule.matched
		}
		out = append(out, rule)
	}
	slices.SortFunc(out, func(a, b Rule) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Name, b.Name)) })
	return out
}

// Count returns how many rules and conditions there are, and how many of them are decided.
func Count(rules []Rule) (decided, all int) {
	for _, r := range rules {
		all++
		if r.Decided {
			decided++
		}
		for _, c := range r.Conditions {
			all++
			if c.Decided {
				decided++
			}
		}
	}
	return decided, all
}
