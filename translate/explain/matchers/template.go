package matchers

import (
	"fmt"
	"regexp"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	uritemplatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/path/match/uri_template/v3"
)

// pathCharacter is what a template takes for a character of a path.
const pathCharacter = `a-zA-Z0-9\-._~%!$&'()*+,;:@=`

// Template is a URI template, which Envoy turns into a regular expression over the path without its query.
func Template(m *corev3.TypedExtensionConfig) (func(path string) bool, error) {
	_, matches, err := template(m)
	return matches, err
}

func template(m *corev3.TypedExtensionConfig) (string, func(path string) bool, error) {
	config := &uritemplatev3.UriTemplateMatchConfig{}
	if err := m.GetTypedConfig().UnmarshalTo(config); err != nil {
		return "", nil, fmt.Errorf("read a template: %w", err)
	}
	written := config.GetPathTemplate()
	// Named variables are never rendered.
	if !strings.HasPrefix(written, "/") || strings.ContainsAny(written, "{}") {
		return "", nil, notUnderstood(m)
	}
	matches, err := whole(templateExpression(written))
	if err != nil {
		return "", nil, err
	}
	return written, func(path string) bool { return matches(PathOnly(path)) }, nil
}

// templateExpression has `*` take one segment that is not empty, and `**` the rest of the path, which may be.
func templateExpression(written string) string {
	var out strings.Builder
	for rest := written; rest != ""; {
		switch {
		case strings.HasPrefix(rest, "**"):
			out.WriteString("[" + pathCharacter + "/]*")
			rest = rest[2:]
		case rest[0] == '*':
			out.WriteString("[" + pathCharacter + "]+")
			rest = rest[1:]
		default:
			end := strings.IndexByte(rest, '*')
			if end < 0 {
				end = len(rest)
			}
			out.WriteString(regexp.QuoteMeta(rest[:end]))
			rest = rest[end:]
		}
	}
	return out.String()
}
