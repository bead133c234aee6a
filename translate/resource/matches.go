package resource

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
)

// Matches finds, among matches of HTTP routes that come first, one that takes every request of a
// later one. It sees the plain cases: the same match, and a path within one that has no further
// condition or the same ones. A question costs what the path is long, not what there is before.
type Matches[T any] struct{ byRest map[string]*pathMatches[T] }

// pathMatches are the matches with equal further conditions, by their paths.
type pathMatches[T any] struct {
	all                     *T
	prefixes, exact, regexp map[string]T
}

// NewMatches returns no matches.
func NewMatches[T any]() *Matches[T] { return &Matches[T]{map[string]*pathMatches[T]{}} }

// Add puts a match, which may be nil, behind those that there are. Of those that take the same
// the first is found.
func (m *Matches[T]) Add(match *networkingv1alpha3.HTTPMatchRequest, is T) {
	key := restOf(match)
	of := m.byRest[key]
	if of == nil {
		of = &pathMatches[T]{prefixes: map[string]T{}, exact: map[string]T{}, regexp: map[string]T{}}
		m.byRest[key] = of
	}
	keep := func(in map[string]T, path string) {
		if _, has := in[path]; !has {
			in[path] = is
		}
	}
	switch uri := match.GetUri().GetMatchType().(type) {
	case *networkingv1alpha3.StringMatch_Exact:
		keep(of.exact, uri.Exact)
	case *networkingv1alpha3.StringMatch_Prefix:
		keep(of.prefixes, uri.Prefix)
	case *networkingv1alpha3.StringMatch_Regex:
		keep(of.regexp, uri.Regex)
	}
	if everyPath(match) && of.all == nil {
		of.all = &is
	}
}

// Taking returns the match that takes every request of a later one, which may be nil.
func (m *Matches[T]) Taking(later *networkingv1alpha3.HTTPMatchRequest) (T, bool) {
	rest := restOf(later)
	for _, key := range slices.Compact([]string{rest, restOf(&networkingv1alpha3.HTTPMatchRequest{IgnoreUriCase: later.GetIgnoreUriCase()}), restOf(nil)}) {
		of := m.byRest[key]
		switch {
		case of == nil:
			continue
		case of.all != nil:
			return *of.all, true
		case key == restOf(nil) && later.GetIgnoreUriCase():
			// Without regard to case a path is more than what an earlier one takes.
			continue
		}
		if found, ok := of.taking(later); ok {
			return found, true
		}
	}
	var none T
	return none, false
}

// taking returns the match whose path takes that of a later one.
func (p *pathMatches[T]) taking(later *networkingv1alpha3.HTTPMatchRequest) (T, bool) {
	var none T
	var path string
	switch uri := later.GetUri().GetMatchType().(type) {
	case *networkingv1alpha3.StringMatch_Exact:
		if found, ok := p.exact[uri.Exact]; ok {
			return found, true
		}
		path = uri.Exact
	case *networkingv1alpha3.StringMatch_Prefix:
		path = uri.Prefix
	case *networkingv1alpha3.StringMatch_Regex:
		found, ok := p.regexp[uri.Regex]
		return found, ok
	default:
		return none, false
	}
	for i := range len(path) + 1 {
		if found, ok := p.prefixes[path[:i]]; ok {
			return found, true
		}
	}
	return none, false
}

// everyPath reports a match that says nothing of the path.
func everyPath(m *networkingv1alpha3.HTTPMatchRequest) bool {
	switch uri := m.GetUri().GetMatchType().(type) {
	case nil:
		return true
	case *networkingv1alpha3.StringMatch_Prefix:
		return uri.Prefix == "/"
	case *networkingv1alpha3.StringMatch_Regex:
		return uri.Regex == ".*"
	default:
		return false
	}
}

// restOf is the conditions of a match beside its path, as a text that is equal for equal ones.
func restOf(m *networkingv1alpha3.HTTPMatchRequest) string {
	var b strings.Builder
	write := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(strconv.Quote(p))
		}
		b.WriteByte('\n')
	}
	for _, named := range []struct {
		name  string
		value *networkingv1alpha3.StringMatch
	}{{"method", m.GetMethod()}, {"authority", m.GetAuthority()}, {"scheme", m.GetScheme()}} {
		if named.value != nil {
			write(named.name, textOf(named.value))
		}
	}
	for _, named := range []struct {
		name   string
		values map[string]*networkingv1alpha3.StringMatch
	}{{"headers", m.GetHeaders()}, {"withoutHeaders", m.GetWithoutHeaders()}, {"queryParams", m.GetQueryParams()}} {
		for _, key := range slices.Sorted(maps.Keys(named.values)) {
			write(named.name, key, textOf(named.values[key]))
		}
	}
	if m.GetIgnoreUriCase() {
		write("ignoreUriCase")
	}
	if m.GetPort() != 0 {
		write("port", strconv.FormatUint(uint64(m.GetPort()), 10))
	}
	if len(m.GetGateways()) > 0 {
		write(append([]string{"gateways"}, slices.Sorted(slices.Values(m.GetGateways()))...)...)
	}
	for _, key := range slices.Sorted(maps.Keys(m.GetSourceLabels())) {
		write("sourceLabels", key, m.GetSourceLabels()[key])
	}
	if m.GetSourceNamespace() != "" {
		write("sourceNamespace", m.GetSourceNamespace())
	}
	return b.String()
}

func textOf(s *networkingv1alpha3.StringMatch) string {
	switch m := s.GetMatchType().(type) {
	case *networkingv1alpha3.StringMatch_Exact:
		return "exact:" + m.Exact
	case *networkingv1alpha3.StringMatch_Prefix:
		return "prefix:" + m.Prefix
	case *networkingv1alpha3.StringMatch_Regex:
		return "regex:" + m.Regex
	default:
		return "any"
	}
}
