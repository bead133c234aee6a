package route

import (
	"cmp"
	"fmt"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// Looked is a route that was looked at, and why it is taken or not.
type Looked struct {
	traffic.Finding
	// HostIndex and RouteIndex are its place in the configuration.
	HostIndex, RouteIndex int
}

// Looked tells of the routes that Envoy looks at until one is taken, in order, and of no more than most: the
// first condition of each that is not known to hold. It costs more than Choose, for a person who reads it.
func (t *Table) Looked(s *traffic.Stream, most int) []Looked {
	authority, known := s.Headers.First(":authority")
	h := t.domains.find(authority, known)
	if h == nil || !h.redirectsToTLS(s).Fails() {
		return nil
	}
	var out []Looked
	a := newAsked(s)
	for _, e := range h.entries {
		if len(out) == most {
			break
		}
		one := Looked{e.finding(a), h.index, e.index}
		if out = append(out, one); one.Matched.Holds() {
			break
		}
	}
	return out
}

// finding says why a route is taken or not. Clause is the condition's place in the route's message.
func (e *entry) finding(a *asked) traffic.Finding {
	out := traffic.Finding{
		Filter: "envoy.filters.http.router", Kind: traffic.Routes, Matched: e.matches(a),
		Rule: cmp.Or(e.message.GetName(), fmt.Sprintf("%s route %d", e.host.message.GetName(), e.index)),
	}
	// One that fails says more than one that is open.
	for _, asksFailing := range []bool{true, false} {
		for _, c := range e.conditions {
			if got := c.decide(a); got.Fails() || !asksFailing && got.Open() {
				out.Clause, out.Wants, out.Saw = c.clause, c.wants, c.saw(a)
				return out
			}
		}
	}
	return out
}
