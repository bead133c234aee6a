package token

import (
	"fmt"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// guard is a condition of a rule on something else than the path.
type guard func(*world) bool

// guardsOf makes ready what a match asks of headers and of parameters.
func (f *Filter) guardsOf(m *routev3.RouteMatch) ([]guard, error) {
	var out []guard
	for _, h := range m.GetHeaders() {
		g, err := f.headerGuard(h)
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	for _, q := range m.GetQueryParameters() {
		present, asksPresence := q.GetQueryParameterMatchSpecifier().(*routev3.QueryParameterMatcher_PresentMatch)
		if !asksPresence {
			return nil, fmt.Errorf("a match of a parameter's value is not understood")
		}
		out = append(out, parameterGuard(q.GetName(), present.PresentMatch))
	}
	return out, nil
}

// headerGuard asks a matcher. What is not known of a header, a token may decide that is taken to stand in it.
func (f *Filter) headerGuard(m *routev3.HeaderMatcher) (guard, error) {
	ready, err := matchers.Header(m)
	if err != nil {
		return nil, err
	}
	found := f.foundBy(m)
	return func(w *world) bool {
		decided := ready.Decide(w.seen())
		if decided.Open() && slices.ContainsFunc(found, w.ask) {
			return !m.GetInvertMatch()
		}
		return decided.Given(w.ask)
	}, nil
}

// foundBy returns the facts each of which has a matcher find what it asks for, inverted or not: that a token stands in
// the header, for one that asks for presence or for a text that comes before the token.
func (f *Filter) foundBy(m *routev3.HeaderMatcher) []string {
	text := m.GetStringMatch().GetContains()
	if !m.GetPresentMatch() && text == "" {
		return nil
	}
	var out []string
	for _, p := range f.providers {
		for _, at := range p.places {
			if before, there := at.before(strings.ToLower(m.GetName())); there && strings.Contains(before, text) {
				out = append(out, at.holdsToken())
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// parameterGuard asks whether a parameter is there, by the name that is written. Where the query is not known, that is
// whether a token is taken to stand in it.
func parameterGuard(name string, present bool) guard {
	at := namedPlace(inParameter, "parameter ", name)
	return func(w *world) bool {
		path, _ := w.headers.First(":path")
		_, query, _ := strings.Cut(path, "?")
		for one := range strings.SplitSeq(query, "&") {
			if n, _, _ := strings.Cut(one, "="); n == name && one != "" {
				return present
			}
		}
		if w.stream.QueryUnknown && !w.gone[at.short] && !slices.Contains(w.stream.AbsentParameters, name) {
			return w.ask(at.holdsToken()) == present
		}
		return !present
	}
}

// seen is the request as the filter has changed it so far.
func (w *world) seen() *traffic.Stream {
	out := *w.stream
	out.Headers = w.headers
	return &out
}

// before is what comes before a token in a header; it is false where the place is not in that header.
func (p *place) before(header string) (string, bool) {
	switch {
	case p.kind == inHeader && p.name == header:
		return p.prefix, true
	case p.kind == inCookie && header == "cookie":
		return p.name + "=", true
	default:
		return "", false
	}
}

// holdsToken is the fact that a token stands in a place.
func (p *place) holdsToken() string { return "a token in " + p.title }
