package matchers

import (
	"strconv"
	"strings"

	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// String is a matcher of a string.
func String(m *matcherv3.StringMatcher) (func(string) bool, error) {
	same := func(a, b string) bool { return a == b }
	if m.GetIgnoreCase() {
		same = equalFold
	}
	switch p := m.GetMatchPattern().(type) {
	case *matcherv3.StringMatcher_Exact:
		return func(v string) bool { return same(v, p.Exact) }, nil
	case *matcherv3.StringMatcher_Prefix:
		n := len(p.Prefix)
		return func(v string) bool { return len(v) >= n && same(v[:n], p.Prefix) }, nil
	case *matcherv3.StringMatcher_Suffix:
		n := len(p.Suffix)
		return func(v string) bool { return len(v) >= n && same(v[len(v)-n:], p.Suffix) }, nil
	case *matcherv3.StringMatcher_Contains:
		if m.GetIgnoreCase() {
			part := lower(p.Contains)
			return func(v string) bool { return strings.Contains(lower(v), part) }, nil
		}
		return func(v string) bool { return strings.Contains(v, p.Contains) }, nil
	case *matcherv3.StringMatcher_SafeRegex:
		return Regex(p.SafeRegex)
	default:
		return nil, notUnderstood(m)
	}
}

// equalFold compares without regard to the case of ASCII letters, and of these alone, as Envoy does.
func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lowerByte(a[i]) != lowerByte(b[i]) {
			return false
		}
	}
	return true
}

func lowerByte(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func lower(v string) string {
	out := []byte(v)
	for i, c := range out {
		out[i] = lowerByte(c)
	}
	return string(out)
}

// Asks says what a matcher of strings asks, as a person reads it: `"a"*`. Equal texts ask the same.
func Asks(m *matcherv3.StringMatcher) string { return pattern(m, strconv.Quote) }

// pattern puts what a matcher of strings asks into words; literal writes a literal.
func pattern(m *matcherv3.StringMatcher, literal func(string) string) string {
	var out string
	switch p := m.GetMatchPattern().(type) {
	case *matcherv3.StringMatcher_Exact:
		out = literal(p.Exact)
	case *matcherv3.StringMatcher_Prefix:
		out = literal(p.Prefix) + "*"
	case *matcherv3.StringMatcher_Suffix:
		out = "*" + literal(p.Suffix)
	case *matcherv3.StringMatcher_Contains:
		out = "*" + literal(p.Contains) + "*"
	case *matcherv3.StringMatcher_SafeRegex:
		return expression(p.SafeRegex)
	}
	if m.GetIgnoreCase() {
		out += " in any case"
	}
	return out
}

// expression puts a regular expression into words. The one for which Istio writes an asterisk says only
// that there is something.
func expression(m *matcherv3.RegexMatcher) string {
	if m.GetRegex() == ".+" {
		return "not empty"
	}
	return "a match of " + m.GetRegex()
}

// plain writes a literal without quotes where it cannot be taken for anything else.
func plain(v string) string {
	if v == "" || strings.ContainsAny(v, "*\", ") || strconv.Quote(v) != `"`+v+`"` {
		return strconv.Quote(v)
	}
	return v
}
