package resource

import (
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
)

// shadowed warns of a path that another entry of the list matches already: mostly one of the
// two was meant otherwise.
func (c ruleValueChecker) shadowed(path Path, field string, values []string) {
	wides := widesOf(values)
	for i, v := range values {
		if j := wides.covering(v, values); v != "" && j >= 0 {
			c.add(diag.CodePathShadowed, path.Field(field, i), "whatever matches %q matches %s[%d] %q already", v, field, j, values[j]).
				WithHint("take %q out, which changes nothing, or write it as it is meant", v)
		}
	}
}

// The ways in which a value can match what another one does.
const (
	wideNever = iota
	widePrefix
	wideSuffix
)

// wides finds those values of a list that can match more than one path by the text that they have
// in common with what they cover: a list may have thousands.
type wides struct {
	first   map[wideKey]int
	lengths map[int][]int
}

type wideKey struct {
	way      int
	template bool
	text     string
}

func widesOf(values []string) wides {
	out := wides{map[wideKey]int{}, map[int][]int{}}
	for i, v := range values {
		key := wideOf(v)
		if _, has := out.first[key]; has || key.way == wideNever {
			continue
		}
		out.first[key] = i
		if !slices.Contains(out.lengths[key.way], len(key.text)) {
			out.lengths[key.way] = append(out.lengths[key.way], len(key.text))
		}
	}
	return out
}

func wideOf(v string) wideKey {
	if strings.ContainsAny(v, "{}") {
		base, open := strings.CutSuffix(v, "{**}")
		if !open {
			return wideKey{}
		}
		return wideKey{widePrefix, true, base}
	}
	switch w := readWildcard(v); {
	case w.before:
		return wideKey{wideSuffix, false, w.text}
	case w.after:
		return wideKey{widePrefix, false, w.text}
	default:
		return wideKey{}
	}
}

// covering returns the first of the values, none equal to v, that covers it, or -1.
func (w wides) covering(v string, values []string) int {
	out := -1
	for way, lengths := range w.lengths {
		for _, n := range lengths {
			if n > len(v) {
				continue
			}
			text := v[:n]
			if way == wideSuffix {
				text = v[len(v)-n:]
			}
			for _, template := range []bool{false, true} {
				j, has := w.first[wideKey{way, template, text}]
				if has && (out < 0 || j < out) && values[j] != v && coversPath(values[j], v) {
					out = j
				}
			}
		}
	}
	return out
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
