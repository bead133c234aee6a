package policytest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
	"github.com/portreeve/portreeve/translate/resource"
)

// maxReasons bounds the reasons that are told of one answer.
const maxReasons = 12

// Got says what a request got, in one line, and which rule decides.
func (r Result) Got() string {
	a := r.Answer
	var b strings.Builder
	b.WriteString(string(a.Verdict))
	switch {
	case a.Verdict == explain.Depends:
		b.WriteString(" on " + strings.Join(a.DependsOn, ", and on "))
	case a.Verdict == explain.Allowed && a.Destination != nil:
		b.WriteString(", to " + clustersText(a.Destination))
	case a.Status != 0:
		fmt.Fprintf(&b, ", status %d", a.Status)
	}
	if a.NotHeard != "" {
		b.WriteString(": " + a.NotHeard)
	}
	if a.Details != "" && a.Verdict != explain.Allowed {
		b.WriteString(", " + a.Details)
	}
	if reason, ok := decisive(a); ok && r.DecidedBy != "" {
		fmt.Fprintf(&b, ", decided by %s (%s)", r.DecidedBy, reason.At)
	}
	if nothingAllows(a) {
		b.WriteString(": no rule allows it")
	}
	return b.String()
}

// Reasons says what each rule makes of the request, a line each, those that match first. At most twelve are told.
func (r Result) Reasons(objects *Objects) []string {
	var matching, near, others []string
	for _, reason := range r.Answer.Reasons {
		line := reasonText(reason, objects)
		switch {
		case line == "":
		case reason.Matched.Holds():
			matching = append(matching, line)
		case reason.NearMiss():
			near = append(near, line)
		default:
			others = append(others, line)
		}
	}
	all := slices.Concat(matching, near, others)
	if len(all) > maxReasons {
		all = append(all[:maxReasons:maxReasons], fmt.Sprintf("and %d more", len(all)-maxReasons))
	}
	return all
}

// reasonText is empty for what is no rule of policy.
func reasonText(r explain.Reason, objects *Objects) string {
	name := objects.ruleName(r)
	if name == "" || r.Kind == traffic.Routes || slices.Contains(guards(), name) && r.Matched.Fails() {
		return ""
	}
	line := fmt.Sprintf("%s (%s) %s", name, r.At, r.Kind)
	switch {
	case r.Matched.Holds():
		return line
	case r.Matched.Open():
		return line + ", if " + r.If
	default:
		return line + ", but not this: " + missed(r)
	}
}

// missed says by which condition a rule does not match.
func missed(r explain.Reason) string {
	var parts []string
	if r.Wants != "" {
		parts = append(parts, "it wants "+r.Wants)
	}
	if r.Saw != "" {
		parts = append(parts, "there is "+resource.WithoutTokens(r.Saw))
	}
	out := strings.Join(parts, ", ")
	if out == "" {
		out = "it does not match"
	}
	if at := clauseAt(r); at != nil {
		out += fmt.Sprintf(" (%s)", at)
	}
	return out
}

func clauseAt(r explain.Reason) *diag.Position {
	if r.ClauseAt == nil || r.At != nil && *r.ClauseAt == *r.At {
		return nil
	}
	return r.ClauseAt
}
