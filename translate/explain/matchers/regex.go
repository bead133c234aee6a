package matchers

import (
	"fmt"
	"regexp"
	"unicode/utf8"

	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// Regex is a regular expression that has to match all of a string, as RE2 has it: the dot takes no newline,
// and what is no UTF-8 is matched by nothing.
func Regex(m *matcherv3.RegexMatcher) (func(string) bool, error) { return whole(m.GetRegex()) }

func whole(text string) (func(string) bool, error) {
	// First as it is written, so that nothing in it ends the group that is put around it.
	if _, err := regexp.Compile(text); err != nil {
		return nil, fmt.Errorf("read a regular expression: %w", err)
	}
	expression, err := regexp.Compile(`\A(?:` + text + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("read a regular expression: %w", err)
	}
	return func(v string) bool { return utf8.ValidString(v) && expression.MatchString(v) }, nil
}
