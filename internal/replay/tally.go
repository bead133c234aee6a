package replay

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/portreeve/portreeve/translate/explain"
)

// The bounds of a report, whatever the log is like.
const (
	maxExamples = 5
	maxChanges  = 1000
	maxFacts    = 200
)

// moreFacts counts what facts there is no room for.
const moreFacts = "others"

// tally counts.
type tally struct {
	out     Report
	changes map[string]*Change
	facts   map[string]int
	skipped map[string]int
}

func newTally() *tally {
	return &tally{changes: map[string]*Change{}, facts: map[string]int{}, skipped: map[string]int{}}
}

func (t *tally) broken(line int, why error) {
	t.out.Broken.Count++
	if len(t.out.Broken.Examples) < maxExamples {
		t.out.Broken.Examples = append(t.out.Broken.Examples, BrokenLine{line, why.Error()})
	}
}

func (t *tally) skip(why string) { t.skipped[why]++ }

func (t *tally) add(q question) {
	c := q.record.settled
	t.out.Requests++
	if unlike(&q.record, c.old) {
		t.out.Unlike.Count++
		t.out.Unlike.Examples = appendExample(t.out.Unlike.Examples, q)
	}
	switch c.kind {
	case Unchanged:
		t.out.Unchanged++
	case Changed:
		t.out.Changed++
		t.change(q)
	default:
		t.out.Depends++
		for _, f := range c.facts {
			count(t.facts, f)
		}
	}
}

func count(in map[string]int, name string) {
	if _, ok := in[name]; !ok && len(in) >= maxFacts {
		name = moreFacts
	}
	in[name]++
}

func (t *tally) change(q question) {
	c := q.record.settled
	next := Change{From: answerText(c.old), To: answerText(c.new), Was: c.old.rule, Is: c.new.rule}
	key := strings.Join([]string{next.From, next.To, next.Was.Filter, next.Was.Name, next.Was.At, next.Is.Filter, next.Is.Name, next.Is.At}, "\x00")
	at, ok := t.changes[key]
	switch {
	case ok:
	case len(t.changes) >= maxChanges:
		t.out.MoreChanges++
		return
	default:
		at = &next
		t.changes[key] = at
	}
	at.Count++
	at.Examples = appendExample(at.Examples, q)
}

func answerText(o outcome) string {
	if o.status == 0 {
		return string(o.verdict)
	}
	return string(o.verdict) + " " + strconv.FormatUint(uint64(o.status), 10)
}

func appendExample(to []Example, q question) []Example {
	if len(to) >= maxExamples {
		return to
	}
	r := &q.record
	path, _, _ := strings.Cut(r.values[fullPath].text+r.values[barePath].text, "?")
	return append(to, Example{Line: q.line, Method: r.values[method].text, Authority: r.values[authority].text, Path: path})
}

// unlike reports whether the logged answer is surely not the one of a configuration.
func unlike(r *record, o outcome) bool {
	if !r.said(status) || r.connection() {
		return false
	}
	switch o.verdict {
	case explain.Denied, explain.Answered:
		return o.status != 0 && r.values[status].text != strconv.FormatUint(uint64(o.status), 10)
	case explain.Allowed:
		return slices.ContainsFunc([]string{"rbac_access_denied", "jwt_authn_access_denied", "ext_authz_denied"}, func(by string) bool {
			return strings.HasPrefix(r.values[details].text, by)
		})
	default:
		return false
	}
}

// report is all that was counted, in order.
func (t *tally) report() Report {
	out := t.out
	out.Changes, out.DependsOn, out.Skipped = []Change{}, facts(t.facts), facts(t.skipped)
	for _, c := range t.changes {
		c.Rate = float64(c.Count) / float64(out.Requests)
		out.Changes = append(out.Changes, *c)
	}
	slices.SortFunc(out.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Examples[0].Line, b.Examples[0].Line))
	})
	return out
}

func facts(in map[string]int) []Fact {
	out := []Fact{}
	for name, n := range in {
		out = append(out, Fact{name, n})
	}
	slices.SortFunc(out, func(a, b Fact) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name)) })
	return out
}
