package matchers

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// Regex is a regular expression that has to match all of a string, as Envoy has RE2 do it: byte by byte. The
// dot takes any byte but a newline, so that no encoding hides a value from an expression; a letter that is no
// ASCII is as many characters as it has bytes, both in a value and in the expression. One thing differs: where
// case does not count, Envoy folds ASCII alone, and this also such a byte of an expression as is a letter in
// Latin-1.
func Regex(m *matcherv3.RegexMatcher) (func(string) bool, error) { return whole(m.GetRegex()) }

func whole(text string) (func(string) bool, error) {
	text = characters(text)
	// First as it is written, so that nothing in it ends the group that is put around it.
	if _, err := regexp.Compile(text); err != nil {
		return nil, fmt.Errorf("read a regular expression: %w", err)
	}
	expression, err := regexp.Compile(`\A(?:` + text + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("read a regular expression: %w", err)
	}
	return func(v string) bool { return expression.MatchString(characters(v)) }, nil
}

// characters makes a character of each byte.
func characters(v string) string {
	if strings.IndexFunc(v, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return v
	}
	var out strings.Builder
	for i := range len(v) {
		out.WriteRune(rune(v[i]))
	}
	return out.String()
}
