package matchers

import (
	"regexp"
	"testing"
)

// TestShortCutsMatchAsTheExpression holds what is decided without an expression against the expression.
func TestShortCutsMatchAsTheExpression(t *testing.T) {
	values := []string{"", ";", "a;b", "a%2fb", "/a", "/a/b", "/ab", "a\n;", ";\n", "\n", "x", "é;", "A", "/A"}
	for _, expression := range []string{
		`.*[;%].*`, `.*[^;%].*`, `.*[;\n].*`, `(?s).*[;%].*`, `(?i).*[a;].*`, `.*[;%]`, `[;%].*`, `.+[;%].*`, `.*;.*`, `.*[é;].*`,
		`/a`, `/a.*`, `/a|;`, `(?i)/a.*`, `/a?`, `(/a)+.*`, `/a{0}b*`,
	} {
		matches, err := whole(expression)
		if err != nil {
			t.Fatal(err)
		}
		written := regexp.MustCompile(`\A(?:` + characters(expression) + `)\z`)
		for _, v := range values {
			if got, want := matches(v), written.MatchString(characters(v)); got != want {
				t.Errorf("%s on %q: %v, want %v", expression, v, got, want)
			}
		}
	}
}
