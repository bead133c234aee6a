package replay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/explain"
)

// outcome is what one configuration makes of a request, as far as answers are compared.
type outcome struct {
	// ends are all ways in which it may end, with their conditions; results what may come of it, each
	// once, in order.
	ends    string
	results []string
	verdict explain.Verdict
	status  uint32
	rule    Rule
	facts   []string
	// fault is explain.Answer.Disagreement.
	fault string
}

func outcomeOf(a explain.Answer) outcome {
	out := outcome{verdict: a.Verdict, status: a.Status, facts: a.DependsOn, fault: a.Disagreement}
	to := destination(a.Destination)
	var ends strings.Builder
	for _, e := range a.Ends {
		result := resultOf(e, to)
		fmt.Fprintf(&ends, "%s\x00%s\x00%s\n", e.If, result, ruleOf(a, e.Reason, e.Details).Name)
		out.results = append(out.results, result)
	}
	slices.Sort(out.results)
	out.results = slices.Compact(out.results)
	out.ends = ends.String()
	out.rule = ruleOf(a, a.Decisive, a.Details)
	return out
}

// resultOf is what a client, or a backend, could tell from another result.
func resultOf(e explain.End, to string) string {
	if e.Verdict == explain.Allowed {
		return "allowed to " + to
	}
	out := fmt.Sprintf("%s %d", e.Verdict, e.Status)
	if e.Verdict == explain.Closed {
		return string(e.Verdict)
	}
	for _, h := range e.Headers {
		out += "\x00" + h.Name + ": " + h.Value
	}
	return out + "\x00" + e.Body
}

func destination(d *explain.Destination) string {
	if d == nil {
		return "?"
	}
	var out []string
	for _, c := range d.Clusters {
		out = append(out, fmt.Sprintf("%s*%d", c.Name, c.Weight))
	}
	return strings.Join(out, "+") + " as " + d.Authority + d.Path
}

func ruleOf(a explain.Answer, reason int, details string) Rule {
	if reason < 0 || reason >= len(a.Reasons) {
		return Rule{Name: details}
	}
	r := a.Reasons[reason]
	out := Rule{Name: r.Rule, Filter: r.Filter}
	if out.Name == "" {
		out.Name = details
	}
	if r.At != nil {
		out.At = r.At.String()
	}
	return out
}

// comparison is what both configurations make of a request.
type comparison struct {
	request  explain.Request
	old, new outcome
	kind     Result
	facts    []string
}

// conclude compares. Where both depend on the same in the same way the request is unchanged, whatever is
// not known; where nothing that may come of it is the same, it is changed. Otherwise that depends.
func (c *comparison) conclude() {
	switch {
	case c.old.ends == c.new.ends || len(c.old.results) == 1 && slices.Equal(c.old.results, c.new.results):
		c.kind = Unchanged
	case disjoint(c.old.results, c.new.results):
		c.kind = Changed
	default:
		c.kind = Depends
		c.facts = slices.Concat(c.old.facts, c.new.facts)
		slices.Sort(c.facts)
		c.facts = slices.Compact(c.facts)
	}
	c.request = explain.Request{} // is not needed any more
}

func disjoint(a, b []string) bool {
	return !slices.ContainsFunc(a, func(one string) bool { return slices.Contains(b, one) })
}
