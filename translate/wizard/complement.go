package wizard

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
)

// maxTerms bounds the rules that a complement may take. Envoy tries them one after the
// other on every request that they do not refuse, and nobody can review more of them.
const maxTerms = 64

// kind says what a constraint looks at.
type kind uint8

const (
	hosts kind = iota
	paths
	methods
	ports
	header
)

// constraint is one list of a rule: it holds when any value matches.
type constraint struct {
	kind kind
	// name is the header's name as written; empty for the other kinds.
	name   string
	values []string
}

// key returns the key of an AuthorizationPolicy condition.
func (c constraint) key() string { return "request.headers[" + c.name + "]" }

// same reports whether both look at the same part of a request. Header names have no case.
func (c constraint) same(o constraint) bool {
	return c.kind == o.kind && strings.EqualFold(c.name, o.name)
}

// within reports whether all values of c are values of o.
func (c constraint) within(o constraint) bool {
	return !slices.ContainsFunc(c.values, func(v string) bool { return !slices.Contains(o.values, v) })
}

// term is a list of constraints that are taken together: a rule, where all of them hold, or
// a part of a complement, where none of them holds.
type term []constraint

// termOf returns the constraints of a rule in the order of Istio's operation: hosts, paths,
// methods, ports, then the headers in the order of the file.
func termOf(rule *portreevev1alpha1.Rule) term {
	var out term
	add := func(k kind, name string, values []string) {
		if len(values) > 0 {
			out = append(out, constraint{kind: k, name: name, values: values})
		}
	}
	add(hosts, "", rule.GetHosts())
	add(paths, "", rule.GetPaths())
	add(methods, "", rule.GetMethods())
	add(ports, "", decimal(rule.GetPorts()))
	for _, h := range rule.GetHeaders() {
		add(header, h.GetName(), h.GetValues())
	}
	return out
}

func decimal(numbers []uint32) []string {
	out := make([]string, 0, len(numbers))
	for _, n := range numbers {
		out = append(out, strconv.FormatUint(uint64(n), 10))
	}
	return out
}

// complement returns terms of which at least one has no constraint that holds, exactly for
// the requests that none of the rules matches. It reports false when that takes more than
// maxTerms terms, counted after each rule.
//
// A rule fails when one of its constraints does, so all rules fail when, for some choice of
// one constraint from each, all chosen ones do. The terms are these choices, without those
// that another choice makes superfluous. Rules with few constraints go first, since they
// keep the product small.
func complement(rules []*portreevev1alpha1.Rule) ([]term, bool) {
	remaining := minimal(allOf(rules), covers)
	slices.SortStableFunc(remaining, func(a, b term) int { return cmp.Compare(len(a), len(b)) })
	terms := []term{nil}
	for _, rule := range remaining {
		var next []term
		for _, t := range terms {
			for _, c := range rule {
				next = append(next, t.with(c))
			}
		}
		terms = minimal(next, absorbs)
		if len(terms) > maxTerms {
			return nil, false
		}
	}
	return terms, true
}

// with returns the term with one more constraint that must not hold. Two on the same part
// of a request become one with the values of both: neither matches when no value does.
func (t term) with(c constraint) term {
	i := slices.IndexFunc(t, c.same)
	if i < 0 {
		out := append(slices.Clip(slices.Clone(t)), c)
		slices.SortStableFunc(out, func(a, b constraint) int { return cmp.Compare(a.kind, b.kind) })
		return out
	}
	out := slices.Clone(t)
	out[i].values = slices.Clone(t[i].values)
	for _, v := range c.values {
		if !slices.Contains(out[i].values, v) {
			out[i].values = append(out[i].values, v)
		}
	}
	return out
}

// covers reports whether rule a matches every request that rule b matches, as far as the
// written values tell: each constraint of a is at least as wide as one of b.
func covers(a, b term) bool {
	return !slices.ContainsFunc(a, func(wide constraint) bool {
		return !slices.ContainsFunc(b, func(c constraint) bool { return c.same(wide) && c.within(wide) })
	})
}

// absorbs reports whether no constraint of a holds wherever none of b holds, so that b adds
// nothing: all that a excludes, b excludes too.
func absorbs(a, b term) bool {
	return !slices.ContainsFunc(a, func(narrow constraint) bool {
		return !slices.ContainsFunc(b, func(c constraint) bool { return c.same(narrow) && narrow.within(c) })
	})
}

// minimal returns the terms that no other term makes superfluous, in order; of equal ones the
// first stays.
func minimal(terms []term, superfluous func(by, t term) bool) []term {
	var out []term
	for _, t := range terms {
		if slices.ContainsFunc(out, func(kept term) bool { return superfluous(kept, t) }) {
			continue
		}
		out = slices.DeleteFunc(out, func(kept term) bool { return superfluous(t, kept) })
		out = append(out, t)
	}
	return out
}
