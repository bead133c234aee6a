package optimize

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// expression is a full-match RE2 expression: what it begins and ends with, where these can be said once for
// several expressions, and what stands between them.
type expression struct {
	begin, middle, end string
	// anyCase says that the case of ASCII letters does not count.
	anyCase bool
	// from says which of several it is.
	from int
}

// rest stands for whatever follows, newlines too: values of claims can have some.
const rest = "(?s:.*)"

// expressionOf returns what a matcher of strings asks as an expression. It is false where RE2 cannot say the
// same, or where this package is not sure: the matcher then stays.
func expressionOf(m *matcherv3.StringMatcher) (expression, bool) {
	out := expression{anyCase: m.GetIgnoreCase()}
	var literal string
	switch p := m.GetMatchPattern().(type) {
	case *matcherv3.StringMatcher_Exact:
		literal = p.Exact
	case *matcherv3.StringMatcher_Prefix:
		literal, out.end = p.Prefix, rest
	case *matcherv3.StringMatcher_Suffix:
		literal, out.begin = p.Suffix, rest
	case *matcherv3.StringMatcher_SafeRegex:
		return readExpression(p.SafeRegex.GetRegex())
	}
	out.middle = regexp.QuoteMeta(literal)
	return out, literal != "" && printable(literal) && (!out.anyCase || ascii(literal)) && out.fits()
}

// printable reports whether an expression says a text without doubt: it has no control characters.
func printable(text string) bool {
	return strings.IndexFunc(text, unicode.IsControl) < 0
}

// ascii reports whether a text has nothing else. Where case does not count Envoy folds nothing else.
func ascii(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// readExpression takes an expression apart. It is false for what it does not know, such as alternatives that
// stand in no group, and for what RE2 refuses: put together with others that could become something else.
func readExpression(text string) (expression, bool) {
	text, anyCase := strings.CutPrefix(text, "(?i)")
	out := expression{anyCase: anyCase}
	if text == "" || !printable(text) || anyCase && !ascii(text) {
		return out, false
	}
	last, first := 0, true
	for at := 0; at < len(text); {
		n, literal := piece(text[at:])
		if n == 0 {
			return out, false
		}
		switch at += n; {
		case literal:
			last = at
		case first && at < len(text):
			out.begin = text[:at]
			fallthrough
		default:
			first = false
		}
	}
	out.end = text[max(last, len(out.begin)):]
	out.middle = text[len(out.begin) : len(text)-len(out.end)]
	return out, out.fits()
}

// text is the expression without what it says of case.
func (e expression) text() string { return e.begin + e.middle + e.end }

// fits reports whether an expression is not too large for an alternation.
func (e expression) fits() bool { return programSize(e.text()) <= maxAlternation }

// programSize returns an upper bound of what an expression of package policy takes of an RE2 program: an instruction for
// each character, but for what takes all characters except a few.
func programSize(text string) int {
	return len(text) + 4*(strings.Count(text, ".*")+strings.Count(text, ".+")+strings.Count(text, "[^"))
}

// piece returns how long the first piece of an expression is, a character, group or class with what repeats it,
// or 0 where it is not known; and whether it is a character that stands for itself.
func piece(text string) (n int, literal bool) {
	n, literal = undivided(text)
	if 0 < n && n < len(text) && strings.IndexByte("*+?", text[n]) >= 0 {
		return n + 1, false
	}
	return n, literal
}

// undivided returns how long what cannot be divided is with which an expression begins, or 0 where it is not known.
func undivided(text string) (n int, literal bool) {
	switch text[0] {
	case '(':
		return group(text), false
	case '[':
		return class(text), false
	case '.':
		return 1, false
	case '\\':
		return escape(text), true
	case ')', ']', '{', '}', '|', '*', '+', '?', '^', '$':
		return 0, false
	default:
		_, n := utf8.DecodeRuneInString(text)
		return n, true
	}
}

// escape knows the escapes of regexp.QuoteMeta alone.
func escape(text string) int {
	if len(text) > 1 && (strings.IndexByte(`\.+*?()|[]{}^$-`, text[1]) >= 0) {
		return len(`\.`)
	}
	return 0
}

// class returns how long a class of characters is.
func class(text string) int {
	if strings.HasPrefix(text, "[]") || strings.HasPrefix(text, "[^]") {
		return 0
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case ']':
			return i + 1
		case '[':
			return 0
		case '\\':
			if escape(text[i:]) == 0 {
				return 0
			}
			i++
		}
	}
	return 0
}

// group returns how long a group is, with all that is in it.
func group(text string) int {
	i := 1
	for _, flags := range []string{"(?:", "(?i:", "(?s:"} {
		if strings.HasPrefix(text, flags) {
			i = len(flags)
		}
	}
	for i < len(text) {
		switch text[i] {
		case ')':
			return i + 1
		case '|':
			i++
		default:
			n, _ := piece(text[i:])
			if n == 0 {
				return 0
			}
			i += n
		}
	}
	return 0
}
