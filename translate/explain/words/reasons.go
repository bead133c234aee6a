package words

import (
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// maxQuiet bounds how many rules of a filter are shown that did not match and did not decide.
const maxQuiet = 20

// why tells all reasons, filter by filter in their order.
func (p *page) why() {
	if len(p.Answer.Reasons) == 0 {
		return
	}
	p.title("why")
	for _, group := range grouped(p.Answer) {
		group = slices.DeleteFunc(group, unneeded)
		if len(group) == 0 {
			continue
		}
		p.line("  %s", group[0].Filter)
		quiet := 0
		for _, r := range group {
			if weight(p.Answer, r) >= weightNear {
				if quiet++; quiet > maxQuiet {
					continue
				}
			}
			p.reason(r)
		}
		if quiet > maxQuiet {
			p.line("    and %d more that do not match; -o json has them all", quiet-maxQuiet)
		}
	}
}

// formRules is how the rules begin that refuse requests of a form which no rule sees through.
const formRules = "malformed-"

// unneeded reports a reason that tells nobody anything: nobody wrote the rule, and the request is well formed.
func unneeded(r reason) bool {
	return strings.HasPrefix(r.Rule, formRules) && r.Matched.Fails()
}

// reason is a reason, and its place among all.
type reason struct {
	explain.Reason
	index int
}

// grouped puts the reasons of each filter together, what matters first.
func grouped(a explain.Answer) [][]reason {
	var out [][]reason
	for i, r := range a.Reasons {
		next := reason{r, i}
		if n := len(out); n > 0 && out[n-1][0].Filter == r.Filter {
			out[n-1] = append(out[n-1], next)
			continue
		}
		out = append(out, []reason{next})
	}
	for _, group := range out {
		slices.SortStableFunc(group, func(x, y reason) int { return weight(a, x) - weight(a, y) })
	}
	return out
}

// The order in which reasons of a filter are told.
const (
	weightDecisive = iota
	weightMatched
	weightOpen
	weightNear
	weightQuiet
)

func weight(a explain.Answer, r reason) int {
	switch {
	case r.index == a.Decisive:
		return weightDecisive
	case r.Matched.Holds():
		return weightMatched
	case r.Matched.Open():
		return weightOpen
	case r.NearMiss():
		return weightNear
	default:
		return weightQuiet
	}
}

// reason writes one: what the rule does, whether it matched, and where it did not, its first condition
// that failed and what was there.
func (p *page) reason(r reason) {
	word, ink := wordOf(r.Reason)
	p.line("    %s %s%s", p.ink(ink, word), nameOf(r.Reason), p.place(r.At))
	const indent = "          "
	r.Wants, r.Saw = shortened(r.Wants), shortened(r.Saw)
	switch {
	case r.Matched.Open() && r.Wants == "":
		p.line("%sdepends on: %s", indent, r.If)
	case r.Matched.Open():
		p.line("%swants %s; depends on: %s%s", indent, r.Wants, r.If, p.place(r.ClauseAt))
	case r.Matched.Holds() && r.Saw != "":
		p.line("%s%s", indent, r.Saw)
	case r.Wants != "" && r.Saw != "":
		p.line("%swants %s; saw %s%s", indent, r.Wants, r.Saw, p.place(r.ClauseAt))
	case r.Wants != "":
		p.line("%swants %s%s", indent, r.Wants, p.place(r.ClauseAt))
	case r.Saw != "":
		p.line("%ssaw %s%s", indent, r.Saw, p.place(r.ClauseAt))
	}
}

// shortened is a text of a bounded length.
func shortened(text string) string {
	const most = 240
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}

// wordOf says in five letters what a rule did.
func wordOf(r explain.Reason) (string, Ink) {
	switch {
	case r.Matched.Open():
		return "maybe", Open
	case r.Matched.Fails() && r.Kind == traffic.Verifies:
		return "no   ", Faint
	case r.Matched.Fails():
		return "-    ", Faint
	}
	switch r.Kind {
	case traffic.Denies:
		return "DENY ", Bad
	case traffic.Allows:
		return "allow", Good
	case traffic.WouldDeny:
		return "would deny (dry run)", Open
	case traffic.WouldAllow:
		return "would allow (dry run)", Faint
	case traffic.Audits:
		return "audit", Faint
	case traffic.Asks:
		return "asks ", Open
	case traffic.Answers:
		return "DENY ", Bad
	case traffic.Verifies:
		return "token", Good
	default:
		return "takes", Good
	}
}
