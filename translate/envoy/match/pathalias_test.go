package match_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

// TestPathAliases holds which paths the expression of a value matches; Envoy matches whole values.
func TestPathAliases(t *testing.T) {
	for value, c := range map[string]struct{ is, not string }{
		"/a":          {"/a /a; /a;b /a%3b /a%3Bc=d", "/ /b /a/ /a;b/c /ab; x/a"},
		"/a/b":        {"/a/b /a;x/b /a%3bx/b;y", "/a/;/b /a/b/c /a;x/y/b"},
		"/a/b*":       {"/a/b /a;x/bc /a;x/b;y/z", "/a;x/c"},
		"*.php":       {"/x.php /a/x.php;y", "/x.phps /x.php;y/z"},
		"*/a/b":       {"/a/b /x/a;y/b;z", "/x/a;y/c"},
		"/a/{*}/b":    {"/a/1/b /a;x/1;y/b;z", "/a//b /a/1/2/b"},
		"/a/{**}":     {"/a/1/2 /a;x/1", "/b;x/1"},
		"/{**}/b":     {"/1/2/b;x", "/1/2/c;x"},
		"/u@h":        {"/u@h /u%40h", "/u%41h"},
		"/%c3%A9":     {"/%C3%a9 /%c3%A9;x", "/%c3%A8"},
		"/é":          {"/%C3%a9", "/e"},
		"/a.b":        {"/a.b;", "/axb;"},
		"/a/*/users":  {"/a/*/users;x /a/%2a/users", "/a/1/users"},
		"/100%":       {"/100% /100%25", "/100"},
		"/a(b|c)[d]+": {"/a(b|c)[d]+ /a%28b%7Cc%29%5Bd%5d%2b", "/abd"},
	} {
		expression, ok := match.PathAliases(value)
		if !ok {
			t.Errorf("%s has no aliases", value)
			continue
		}
		whole := regexp.MustCompile("^(?:" + expression + ")$")
		for _, path := range strings.Fields(c.is) {
			if !whole.MatchString(path) {
				t.Errorf("%s does not see %s: %s", value, path, expression)
			}
		}
		for _, path := range strings.Fields(c.not) {
			if whole.MatchString(path) {
				t.Errorf("%s sees %s: %s", value, path, expression)
			}
		}
	}
}

// TestPathsWithoutAliases holds what has none, and that an expression does not grow without bound.
func TestPathsWithoutAliases(t *testing.T) {
	for _, value := range []string{"*", "/a*", "/*", strings.Repeat("/a", 400), "/" + strings.Repeat("@", 1000)} {
		if expression, ok := match.PathAliases(value); ok {
			t.Errorf("%.20s has the expression %.40s", value, expression)
		}
	}
	for c := range 256 {
		if expression, _ := match.PathAliases("/a" + string([]byte{byte(c)}) + "b"); regexp.MustCompile(expression) == nil {
			t.Errorf("%x", c)
		}
	}
}
