package resource

import (
	"strconv"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
)

// pathTemplate checks a path that has braces.
func (c ruleValueChecker) pathTemplate(path Path, v string) {
	code, reason := templateMistake(v)
	if reason == "" {
		return
	}
	c.add(code, path, "the path %q %s", v, reason).WithHint("{*} is one segment and {**} any number of them, for example /users/{*}/{**}")
}

// maxTemplate is the length of a template, with its braces taken off, that Envoy takes.
const maxTemplate = 256

// templateMistake says what is wrong with a path template, or "". The operators are whole
// segments; no operator may follow {**}; the other segments have only characters that
// Envoy's templates have, of which * is none. This decides more than a verdict: Envoy 1.40
// aborts, and does not merely refuse, when an RBAC filter has a template that it cannot read.
func templateMistake(v string) (diag.Code, string) {
	rest, rooted := strings.CutPrefix(v, "/")
	segments := strings.Split(rest, "/")
	open := false
	for i, segment := range segments {
		switch {
		case segment == "{*}" || segment == "{**}":
			if open {
				return diag.CodePathTemplate, "has an operator behind {**}"
			}
			open = segment == "{**}"
		case strings.ContainsAny(segment, "{}"):
			return diag.CodePathBraces, "has braces that are not the whole segment {*} or {**}"
		case segment == "" && i == len(segments)-1 && i > 0:
			// A slash at the end.
		case !isTemplateSegment(segment):
			return diag.CodePathTemplate, "is a template and has the segment " + strconv.Quote(segment)
		}
	}
	if n := len(strings.NewReplacer("{*}", "*", "{**}", "**").Replace(v)); n > maxTemplate {
		return diag.CodePathTemplate, "is a template of " + strconv.Itoa(n) + " characters; Envoy takes 256"
	}
	if !rooted {
		return diag.CodePathTemplate, "is a template and does not begin with /"
	}
	return "", ""
}

func isTemplateSegment(s string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && strings.IndexByte("-._~%!$&'()+,;:@=", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}
