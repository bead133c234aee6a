package traffic

import (
	"slices"
	"strings"
)

// Condition is what is known of a condition: that it holds, that it does not, or on what it depends.
// The zero value does not hold. It is immutable.
type Condition struct {
	holds bool
	// open is nil where the condition is known.
	open *expression
}

// expression is what an unknown condition depends on, in a form that is the same for equal conditions.
type expression struct {
	// word is "and", "or" or "not"; it is empty for a fact.
	word string
	// fact is what the request does not say: `header x-user`, `claim groups`.
	fact string
	of   []*expression
}

// Known returns a condition that holds or does not.
func Known(holds bool) Condition { return Condition{holds: holds} }

// DependsOn returns a condition that a fact decides which the request does not say. The fact says all
// by which the condition is decided, so that equal facts decide equally: `claim groups is "admin"`.
func DependsOn(fact string) Condition { return Condition{open: &expression{fact: fact}} }

// Holds reports whether it is known to hold.
func (c Condition) Holds() bool { return c.open == nil && c.holds }

// Fails reports whether it is known not to hold.
func (c Condition) Fails() bool { return c.open == nil && !c.holds }

// Open reports whether it is not known.
func (c Condition) Open() bool { return c.open != nil }

// Not returns the opposite.
func (c Condition) Not() Condition {
	switch {
	case c.open == nil:
		return Condition{holds: !c.holds}
	case c.open.word == "not":
		return Condition{open: c.open.of[0]}
	default:
		return Condition{open: &expression{word: "not", of: []*expression{c.open}}}
	}
}

// And returns whether both hold. One that fails decides, whatever the other depends on.
func (c Condition) And(o Condition) Condition {
	switch {
	case c.Fails() || o.Holds():
		return c
	case o.Fails() || c.Holds():
		return o
	default:
		return joined("and", c, o)
	}
}

// Or returns whether either holds. One that holds decides, whatever the other depends on.
func (c Condition) Or(o Condition) Condition {
	switch {
	case c.Holds() || o.Fails():
		return c
	case o.Holds() || c.Fails():
		return o
	default:
		return joined("or", c, o)
	}
}

// Then returns one condition where this one holds, and another where it fails.
func (c Condition) Then(holds, fails Condition) Condition {
	switch {
	case holds.Holds():
		return c.Or(fails)
	case holds.Fails():
		return c.Not().And(fails)
	default:
		return c.And(holds).Or(c.Not().And(fails))
	}
}

func joined(word string, a, b Condition) Condition {
	out := &expression{word: word}
	for _, e := range []*expression{a.open, b.open} {
		if e.word == word {
			out.of = append(out.of, e.of...)
			continue
		}
		out.of = append(out.of, e)
	}
	return Condition{open: out}
}

// Facts returns the facts that it depends on, each once, in order of their names; none where it is known.
func (c Condition) Facts() []string {
	var out []string
	c.open.each(func(fact string) { out = append(out, fact) })
	slices.Sort(out)
	return slices.Compact(out)
}

// Given returns whether it holds where the facts do for which holds says so, in the order in which it asks.
func (c Condition) Given(holds func(fact string) bool) bool {
	if c.open == nil {
		return c.holds
	}
	return c.open.given(holds)
}

// String returns `holds`, `fails`, or the expression: equal texts are decided equally.
func (c Condition) String() string {
	switch {
	case c.open != nil:
		return c.open.String()
	case c.holds:
		return "holds"
	default:
		return "fails"
	}
}

func (e *expression) each(visit func(fact string)) {
	if e == nil {
		return
	}
	if e.word == "" {
		visit(e.fact)
	}
	for _, of := range e.of {
		of.each(visit)
	}
}

func (e *expression) given(holds func(fact string) bool) bool {
	switch e.word {
	case "and":
		return !slices.ContainsFunc(e.of, func(of *expression) bool { return !of.given(holds) })
	case "or":
		return slices.ContainsFunc(e.of, func(of *expression) bool { return of.given(holds) })
	case "not":
		return !e.of[0].given(holds)
	default:
		return holds(e.fact)
	}
}

func (e *expression) String() string {
	switch e.word {
	case "":
		return e.fact
	case "not":
		return "not (" + e.of[0].String() + ")"
	default:
		parts := make([]string, 0, len(e.of))
		for _, of := range e.of {
			parts = append(parts, of.String())
		}
		slices.Sort(parts)
		if parts = slices.Compact(parts); len(parts) == 1 {
			return parts[0]
		}
		return "(" + strings.Join(parts, " "+e.word+" ") + ")"
	}
}

// Any returns whether any of them holds.
func Any(of []Condition) Condition {
	if i := slices.IndexFunc(of, Condition.Holds); i >= 0 {
		return of[i]
	}
	if !slices.ContainsFunc(of, Condition.Open) {
		return Condition{} // most rules: nothing is made for them
	}
	out, seen := &expression{word: "or"}, map[string]bool{}
	for _, c := range of {
		if !c.Open() {
			continue
		}
		for _, e := range c.open.alternatives() {
			if text := e.String(); !seen[text] {
				seen[text] = true
				out.of = append(out.of, e)
			}
		}
	}
	if len(out.of) == 1 {
		return Condition{open: out.of[0]}
	}
	return Condition{open: out}
}

func (e *expression) alternatives() []*expression {
	if e.word == "or" {
		return e.of
	}
	return []*expression{e}
}
