package resource

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/portreeve/portreeve/internal/diag"
)

func (c *checker) addresses(path Path, values []string) {
	for i, v := range values {
		_, single := netip.ParseAddr(v)
		_, block := netip.ParsePrefix(v)
		if single != nil && block != nil {
			c.add(diag.CodeAddress, path.Field(i), "%q is neither an IP address nor a block", v).WithHint("for example 10.1.2.3 or 10.0.0.0/8")
		}
	}
}

func (c *checker) ports(path Path, values []string) {
	for i, v := range values {
		if _, err := strconv.ParseUint(v, 10, 16); err != nil {
			c.add(diag.CodePort, path.Field(i), "%q is not a port", v).WithHint("0 to 65535")
		}
	}
}

func (c *checker) serviceAccounts(path Path, values []string) {
	if len(values) > 16 {
		c.add(diag.CodeServiceAccount, path, "there are %d service accounts", len(values)).WithHint("at most 16")
	}
	for i, v := range values {
		parts := strings.Split(v, "/")
		wrong := len(v) > 320 || strings.Contains(v, "*") || len(parts) > 2 || parts[0] == "" || parts[len(parts)-1] == ""
		if wrong {
			c.add(diag.CodeServiceAccount, path.Field(i), "%q is not a service account", v).WithHint("name or namespace/name, without wildcards")
		}
	}
}

func (c *checker) trustDomains(path Path, values []string) {
	for i, v := range values {
		inner := strings.TrimSuffix(strings.TrimPrefix(v, "*"), "*")
		if v == "" || strings.Count(v, "*") > 1 || strings.ContainsAny(inner, "*/") || strings.Contains(v, "/") {
			c.add(diag.CodeTrustDomain, path.Field(i), "%q is not a trust domain", v).WithHint("a name with at most one *, first or last, and no /")
		}
	}
}

var templateSegment = regexp.MustCompile(`^[a-zA-Z0-9\-._~%!$&'()+,;:@=]+$`)

func (c *checker) paths(path Path, values []string) {
	c.nonEmpty(path, values)
	for i, v := range values {
		if reason := pathTemplateError(v); reason != "" {
			c.add(diag.CodePathTemplate, path.Field(i), "%q %s", v, reason).WithHint("whole segments {*} (one) and {**} (any number, last), for example /users/{*}/{**}")
		}
	}
}

// pathTemplateError says what is wrong with the operators {*} and {**} in a path, or "".
func pathTemplateError(v string) string {
	if !strings.ContainsAny(v, "{}") {
		return ""
	}
	open := false
	for _, segment := range strings.Split(strings.TrimPrefix(v, "/"), "/") {
		switch {
		case segment == "{*}" || segment == "{**}":
			if open {
				return "has an operator after {**}"
			}
			open = segment == "{**}"
		case strings.ContainsAny(segment, "{}"):
			return "has braces that are not a whole segment {*} or {**}"
		case !templateSegment.MatchString(segment):
			return "has a segment that a path template cannot have: " + strconv.Quote(segment)
		}
	}
	if !strings.HasPrefix(v, "/") {
		return "does not start with /"
	}
	return ""
}
