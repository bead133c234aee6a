package resource

import (
	"strings"

	"github.com/portreeve/portreeve/internal/diag"
)

// shadowed warns of a path that another entry of the list matches already: mostly one of the
// two was meant otherwise.
func (c *checker) shadowed(path Path, field string, values []string) {
	for i, v := range values {
		for j, wide := range values {
			if v != wide && v != "" && coversPath(wide, v) {
				c.add(diag.CodePathShadowed, path.Field(field, i), "whatever matches %q matches %s[%d] %q already", v, field, j, wide).
					WithHint("take %q out, which changes nothing, or write it as it is meant", v)
				break
			}
		}
	}
}

// coversPath reports whether all that a value matches is matched by another, different one. It
// says yes only where that is so for every request: who takes the value out trusts it.
func coversPath(wide, v string) bool {
	if strings.ContainsAny(wide, "{}") {
		return templateCovers(wide, v)
	}
	if strings.ContainsAny(v, "{}") {
		// Whatever comes from the first operator on, the path begins with what is before it.
		before, _, _ := strings.Cut(v, "{")
		_, mistake := templateMistake(v)
		w := readWildcard(wide)
		return mistake == "" && w.after && strings.HasPrefix(before, w.text)
	}
	return readWildcard(wide).covers(readWildcard(v))
}

// templateCovers is coversPath for a template that ends with {**} and has no other operator.
// It matches only the characters that a template knows, so never all of what a value with a
// wildcard does.
func templateCovers(wide, v string) bool {
	base, open := strings.CutSuffix(wide, "{**}")
	_, mistake := templateMistake(v)
	if !open || strings.ContainsAny(base, "{}") || mistake != "" || !strings.HasPrefix(v, base) {
		return false
	}
	w := readWildcard(v)
	for segment := range strings.SplitSeq(strings.TrimPrefix(v, base), "/") {
		if segment != "" && segment != "{*}" && segment != "{**}" && !isTemplateSegment(segment) {
			return false
		}
	}
	return !w.before && !w.after
}

// wildcardValue is a value as Istio reads it: text with a * before it or after it, which stands
// for anything. Any other * is text.
type wildcardValue struct {
	text          string
	before, after bool
}

func readWildcard(v string) wildcardValue {
	if text, ok := strings.CutPrefix(v, "*"); ok {
		return wildcardValue{text: text, before: true}
	}
	text, ok := strings.CutSuffix(v, "*")
	return wildcardValue{text: text, after: ok}
}

// covers reports whether every text that the other stands for is one that this stands for.
func (w wildcardValue) covers(o wildcardValue) bool {
	switch {
	case w.text == "" && (w.before || w.after):
		return true
	case w.before:
		return !o.after && strings.HasSuffix(o.text, w.text)
	case w.after:
		return !o.before && strings.HasPrefix(o.text, w.text)
	default:
		return false
	}
}
