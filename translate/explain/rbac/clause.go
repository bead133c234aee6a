package rbac

import (
	"errors"
	"strings"

	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// errNotUnderstood is the cause where a rule asks for what this package does not know.
var errNotUnderstood = errors.New("not understood")

// clause is a permission or a principal, or all or any of several.
type clause struct {
	part
	decide func(s *traffic.Stream) verdict
}

// part is how a clause is told of.
type part struct {
	// path leads to it in its policy.
	path string
	// wants says what it asks. It is subject, ` is ` and object where all of it is about one thing.
	wants, subject, object string
	// saw says what was there.
	saw func(s *traffic.Stream) string
}

// verdict is what a clause makes of a request.
type verdict struct {
	matched traffic.Condition
	// blame is the part by which it does not hold, nil where it does.
	blame *part
	// held counts the conditions before it that held.
	held int
}

// leaf is a single condition.
func leaf(path string, m matchers.Matcher) *clause {
	c := &clause{part: part{path, brief(m.Wants), m.Subject, m.Object, m.Saw}}
	c.decide = func(s *traffic.Stream) verdict { return c.whole(m.Decide(s)) }
	return c
}

// constant always holds, or never does.
func constant(path string, holds bool) *clause {
	c := &clause{part: part{path: path, wants: "anything", saw: func(*traffic.Stream) string { return "" }}}
	c.decide = func(*traffic.Stream) verdict { return c.whole(traffic.Known(holds)) }
	return c
}

// whole blames the clause itself.
func (c *clause) whole(matched traffic.Condition) verdict {
	if matched.Holds() {
		return verdict{matched: matched}
	}
	return verdict{matched: matched, blame: &c.part}
}

// not holds where a clause fails.
func not(path string, of *clause) *clause {
	c := &clause{part: of.part}
	c.path = path
	switch {
	case of.subject != "":
		c.object = "not " + of.object
		c.wants = of.subject + " is not " + strings.TrimPrefix(of.wants, of.subject+" is ")
	case of.wants == "anything":
		c.wants = "nothing: no request matches"
	default:
		c.wants = "not " + of.wants
	}
	c.decide = func(s *traffic.Stream) verdict { return c.whole(of.decide(s).matched.Not()) }
	return c
}

// all holds where each of them does.
func all(path string, of []*clause) *clause {
	if principal := requestPrincipal(path, of); principal != nil {
		return principal
	}
	c := &clause{part: bothOf(path, of)}
	c.decide = func(s *traffic.Stream) verdict {
		out := verdict{matched: traffic.Known(true)}
		for _, one := range of {
			v := one.decide(s)
			if v.matched.Fails() {
				return verdict{v.matched, v.blame, out.held + v.held}
			}
			if out.blame == nil {
				out.blame = v.blame
				out.held += 1 + v.held
			}
			out.matched = out.matched.And(v.matched)
		}
		return out
	}
	return c
}

// and holds where both clauses of a rule do.
func (c *clause) and(s *traffic.Stream, o *clause) verdict {
	first := c.decide(s)
	if first.matched.Fails() {
		return first
	}
	second := o.decide(s)
	if second.matched.Fails() || first.blame == nil {
		return second
	}
	first.matched = first.matched.And(second.matched)
	return first
}

// some holds where any of them does.
func some(path string, of []*clause) *clause {
	if len(of) == 1 {
		return of[0]
	}
	c := &clause{part: oneOf(path, of)}
	c.decide = func(s *traffic.Stream) verdict {
		var out verdict
		open := []traffic.Condition(nil)
		for _, one := range of {
			v := one.decide(s)
			if v.matched.Holds() {
				return verdict{matched: v.matched}
			}
			if v.matched.Open() {
				open = append(open, v.matched)
			}
			out = out.better(v)
		}
		if out.matched = traffic.Any(open); c.subject != "" || out.blame == nil {
			out.blame = &c.part
		}
		return out
	}
	return c
}

// better returns the one of two verdicts that came nearer to holding, the first of equal ones.
func (v verdict) better(o verdict) verdict {
	nearer := o.held > v.held
	if o.matched.Open() != v.matched.Open() {
		nearer = o.matched.Open()
	}
	if v.blame == nil || nearer {
		return o
	}
	return v
}
