package policytest

import (
	"slices"

	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// Result is what came of one request of a test.
type Result struct {
	Case    *Case
	Request *Request
	Answer  explain.Answer
	// DecidedBy names the rule that decides as expectations do; empty where none does.
	DecidedBy string
	// Faults say in what the answer is not as expected; none where it is.
	Faults []string
	// NotCompared says what of the expectation could not be looked at.
	NotCompared []string
	// NotSent says that a live gateway was not asked at all; NotCompared says why.
	NotSent bool
}

// Failed reports whether the answer is not as expected.
func (r Result) Failed() bool { return len(r.Faults) > 0 }

// Run asks a gateway what a test asks, in the order in which it is written. Objects are those of the program
// which the gateway is served.
func (t Test) Run(gateway *explain.Gateway, objects *Objects) []Result {
	var out []Result
	for i := range t.Cases {
		c := &t.Cases[i]
		for k := range c.Requests {
			out = append(out, t.ask(gateway, objects, c, &c.Requests[k]))
		}
	}
	return out
}

func (t Test) ask(gateway *explain.Gateway, objects *Objects, c *Case, r *Request) Result {
	out := Result{Case: c, Request: r, Answer: gateway.Ask(r.Ask)}
	if reason, ok := decisive(out.Answer); ok {
		out.DecidedBy = objects.ruleName(reason)
	}
	if out.Answer.Disagreement != "" {
		out.Faults = []string{"internal error: what the gateway would be served is not the policy as it is written: " + out.Answer.Disagreement}
		return out
	}
	out.Faults = c.Expect.faults(out.Answer, out.DecidedBy, t.Namespace, objects)
	return out
}

// decisive returns the reason that decides, where one does: of what is allowed the rule that allows it, which
// is the first that matches.
func decisive(a explain.Answer) (explain.Reason, bool) {
	at := a.Decisive
	if a.Verdict == explain.Allowed && at < 0 {
		at = slices.IndexFunc(a.Reasons, func(r explain.Reason) bool { return r.Kind == traffic.Allows && r.Matched.Holds() })
	}
	if at < 0 || at >= len(a.Reasons) {
		return explain.Reason{}, false
	}
	return a.Reasons[at], true
}
