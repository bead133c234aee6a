package matchers

import (
	"fmt"
	"regexp"
	"regexp/syntax"
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
	written, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("read a regular expression: %w", err)
	}
	expression, err := regexp.Compile(`\A(?:` + text + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("read a regular expression: %w", err)
	}
	if among := somewhere(text); among != nil {
		return func(v string) bool { return strings.IndexFunc(characters(v), among) >= 0 && !strings.Contains(v, "\n") }, nil
	}
	// Most values are told apart by how they begin, and that takes no expression.
	prefix, _ := written.LiteralPrefix()
	return func(v string) bool {
		v = characters(v)
		return strings.HasPrefix(v, prefix) && expression.MatchString(v)
	}, nil
}

// somewhere returns which characters an expression asks for that only asks for one of them anywhere in a
// line, as in `.*[;%].*`, and nil of any other expression.
func somewhere(text string) func(rune) bool {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil || tree.Op != syntax.OpConcat || len(tree.Sub) != 3 || !anything(tree.Sub[0]) || !anything(tree.Sub[2]) {
		return nil
	}
	class := tree.Sub[1]
	among := func(r rune) bool {
		for i := 0; i < len(class.Rune); i += 2 {
			if class.Rune[i] <= r && r <= class.Rune[i+1] {
				return true
			}
		}
		return false
	}
	if class.Op != syntax.OpCharClass || among('\n') {
		return nil
	}
	return among
}

func anything(of *syntax.Regexp) bool {
	return of.Op == syntax.OpStar && of.Sub[0].Op == syntax.OpAnyCharNotNL
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
