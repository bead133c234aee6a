package route

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// rewrite changes the path of a request; its query stays.
type rewrite struct {
	// matched says how much of the path prefix stands for.
	matched func(path string) int
	prefix  string
	regex   *substitution
}

// rewriteOf makes a rewrite of the path ready. It is nil where there is none.
func rewriteOf(m *routev3.RouteMatch, prefix string, regex *matcherv3.RegexMatchAndSubstitute) (*rewrite, error) {
	switch {
	case regex != nil:
		s, err := substitutionOf(regex)
		return &rewrite{regex: s}, err
	case prefix == "":
		return nil, nil //nolint:nilnil // that there is none is no error
	}
	return &rewrite{prefix: prefix, matched: matchedBy(m)}, nil
}

// matchedBy says how long the part of a path is that a route was chosen by.
func matchedBy(m *routev3.RouteMatch) func(string) int {
	length := 0
	switch p := m.GetPathSpecifier().(type) {
	case *routev3.RouteMatch_Prefix:
		length = len(p.Prefix)
	case *routev3.RouteMatch_Path:
		length = len(p.Path)
	case *routev3.RouteMatch_PathSeparatedPrefix:
		length = len(p.PathSeparatedPrefix)
	default:
		return func(path string) int { return len(matchers.PathOnly(path)) }
	}
	return func(path string) int { return min(length, len(path)) }
}

// apply rewrites the path in the headers. What it returns is not known afterwards, and taken out.
func (r *rewrite) apply(headers *traffic.Headers) []string {
	path, has := headers.First(":path")
	if !has {
		return nil
	}
	if r.regex == nil {
		headers.Set(":path", r.prefix+path[r.matched(path):])
		return nil
	}
	bare := matchers.PathOnly(path)
	rewritten, ok := r.regex.replace(bare)
	if !ok {
		headers.Remove(func(name string) bool { return name == ":path" })
		return []string{"the path after its rewrite"}
	}
	headers.Set(":path", rewritten+path[len(bare):])
	return nil
}

// substitution replaces all that an expression finds.
type substitution struct {
	expression *regexp.Regexp
	template   string
}

func substitutionOf(m *matcherv3.RegexMatchAndSubstitute) (*substitution, error) {
	expression, err := regexp.Compile(m.GetPattern().GetRegex())
	if err != nil {
		return nil, err
	}
	out := &substitution{expression: expression}
	out.template, err = template(m.GetSubstitution(), expression.NumSubexp())
	return out, err
}

// template turns a replacement as RE2 writes it, with \1 for a group, into Go's.
func template(replacement string, groups int) (string, error) {
	var out strings.Builder
	for i := 0; i < len(replacement); i++ {
		c := replacement[i]
		switch {
		case c == '$':
			out.WriteString("$$")
			continue
		case c != '\\':
			out.WriteByte(c)
			continue
		}
		i++
		switch {
		case i < len(replacement) && replacement[i] == '\\':
			out.WriteByte('\\')
		case i < len(replacement) && '0' <= replacement[i] && int(replacement[i]-'0') <= groups:
			fmt.Fprintf(&out, "${%c}", replacement[i])
		default:
			return "", fmt.Errorf("the replacement %q refers to no group", replacement)
		}
	}
	return out.String(), nil
}

// replace is false for a text of which RE2 and Go could think differently.
func (s *substitution) replace(text string) (string, bool) {
	if !utf8.ValidString(text) {
		return "", false
	}
	return s.expression.ReplaceAllString(text, s.template), true
}
