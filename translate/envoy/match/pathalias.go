package match

import (
	"fmt"
	"regexp"
	"strings"
)

// maxExpression bounds an expression for the aliases of a path, so that Envoy takes it: it
// refuses all policy over one that compiles to too much.
const maxExpression = 8 << 10

// parameters may stand behind a segment. Many servers cut them off, before or after they decode.
const parameters = `(?:(?:;|%3[Bb])[^/]*)?`

// PathAliases returns an RE2 expression for the paths that some server takes for one that is
// matched by Path, or by a template: with parameters behind segments, and with escapes in upper or
// lower case, also for what need not be escaped. It is false where nothing is left to add, and
// where the expression would be too long; the value then means what is written.
func PathAliases(v string) (string, bool) {
	var begin, end string
	literal := v
	if _, template := Template(v); template {
		end = parameters
	} else if suffix, ok := strings.CutPrefix(v, "*"); ok {
		begin, literal, end = ".*", suffix, parameters
	} else if prefix, ok := strings.CutSuffix(v, "*"); ok {
		literal, end = prefix, ".*"
	} else {
		end = parameters
	}
	out := begin + aliased(literal) + end
	return out, literal != "" && out != regexp.QuoteMeta(literal)+".*" && len(out) <= maxExpression
}

// aliased returns an expression for a path, or a part of one.
func aliased(literal string) string {
	var out strings.Builder
	for i := 0; i < len(literal); i++ {
		rest := literal[i:]
		switch c := literal[i]; {
		case strings.HasPrefix(rest, "{**}"):
			out.WriteString(".*")
			i += len("{**}") - 1
		case strings.HasPrefix(rest, "{*}"):
			out.WriteString("[^/]+")
			i += len("{*}") - 1
		case c == '/':
			if i > 0 {
				out.WriteString(parameters)
			}
			out.WriteByte(c)
		case unreserved(c):
			out.WriteString(regexp.QuoteMeta(rest[:1]))
		case escaped(rest):
			out.WriteString("(?i:" + rest[:3] + ")")
			i += 2
		case c < 0x80:
			fmt.Fprintf(&out, "(?:%s|(?i:%%%02x))", regexp.QuoteMeta(rest[:1]), c)
		default:
			fmt.Fprintf(&out, "(?i:%%%02x)", c)
		}
	}
	return out.String()
}

// unreserved characters are never escaped where rules see the path.
func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// escaped reports whether a text begins with an escape.
func escaped(s string) bool {
	return len(s) >= 3 && s[0] == '%' && isHex(s[1]) && isHex(s[2])
}

func isHex(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }
