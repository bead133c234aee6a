package matchers

import (
	"encoding/json"
	"strconv"

	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// valueMatcher is a matcher of a value of metadata.
type valueMatcher struct {
	// decide takes a value, absent or traffic.Unknown.
	decide func(v any) traffic.Condition
	// objects says what it asks for, an alternative each.
	objects []string
	// kinds says which kinds of values can match, where that explains why others do not.
	kinds string
}

// reader makes matchers of values ready. What it is about goes into the facts that they depend on.
type reader struct {
	// subject begins the facts: `claim groups`.
	subject string
	// text and within tell a value that has to be a text, and one in a list, from one that may be either.
	text, within string
}

// valueOf makes a matcher of values ready. Text, or a list with that text, is what Istio asks of a claim,
// and so has the plainest words.
func valueOf(subject string, m *matcherv3.ValueMatcher) (valueMatcher, error) {
	if either, ok := textOrList(m); ok {
		out, err := reader{subject: subject}.read(either)
		decide := out.decide
		out.decide = func(v any) traffic.Condition {
			if elements, ok := v.([]any); ok {
				return anyOf(elements, decide)
			}
			return decide(v)
		}
		out.kinds = "; only text and lists of text match"
		return out, err
	}
	out, err := reader{subject: subject, text: "the text "}.read(m)
	if m.GetStringMatch() != nil {
		out.kinds = "; only text matches"
	}
	return out, err
}

// textOrList recognizes a matcher of texts that also takes a list with such a text in it.
func textOrList(m *matcherv3.ValueMatcher) (*matcherv3.ValueMatcher, bool) {
	either := m.GetOrMatch().GetValueMatchers()
	if len(either) != 2 || !onlyTexts(either[1]) {
		return nil, false
	}
	return either[1], proto.Equal(either[0].GetListMatch().GetOneOf(), either[1])
}

func onlyTexts(m *matcherv3.ValueMatcher) bool {
	for _, one := range m.GetOrMatch().GetValueMatchers() {
		if one.GetStringMatch() == nil {
			return false
		}
	}
	return m.GetStringMatch() != nil || m.GetOrMatch() != nil
}

func (r reader) read(m *matcherv3.ValueMatcher) (valueMatcher, error) {
	switch p := m.GetMatchPattern().(type) {
	case *matcherv3.ValueMatcher_NullMatch_:
		return r.leaf("null", func(v any) bool { return v == nil }), nil
	case *matcherv3.ValueMatcher_BoolMatch:
		return r.leaf(strconv.FormatBool(p.BoolMatch), func(v any) bool { b, ok := v.(bool); return ok && b == p.BoolMatch }), nil
	case *matcherv3.ValueMatcher_PresentMatch:
		if !p.PresentMatch {
			// Envoy has it match nothing.
			return r.leaf("never matched", func(any) bool { return false }), nil
		}
		return r.leaf("there", func(v any) bool { return v != absent{} }), nil
	case *matcherv3.ValueMatcher_StringMatch:
		return r.string(p.StringMatch)
	case *matcherv3.ValueMatcher_DoubleMatch:
		return r.double(p.DoubleMatch)
	case *matcherv3.ValueMatcher_ListMatch:
		return r.list(p.ListMatch)
	case *matcherv3.ValueMatcher_OrMatch:
		return r.or(p.OrMatch)
	default:
		return valueMatcher{}, notUnderstood(m)
	}
}

// leaf makes a matcher of one value. Of a value that is not known its fact is.
func (r reader) leaf(object string, matches func(any) bool) valueMatcher {
	object = r.within + object
	unknown := traffic.DependsOn(r.subject + " is " + object)
	return valueMatcher{objects: []string{object}, decide: func(v any) traffic.Condition {
		if _, open := v.(traffic.Unknown); open {
			return unknown
		}
		return traffic.Known(matches(v))
	}}
}

func (r reader) string(m *matcherv3.StringMatcher) (valueMatcher, error) {
	matches, err := String(m)
	if err != nil {
		return valueMatcher{}, err
	}
	object := pattern(m, strconv.Quote)
	out := reader{subject: r.subject, within: r.within + r.text}.leaf(object, func(v any) bool { text, ok := v.(string); return ok && matches(text) })
	// In the words of a person text goes without saying.
	out.objects = []string{r.within + object}
	return out, nil
}

func (r reader) double(m *matcherv3.DoubleMatcher) (valueMatcher, error) {
	switch p := m.GetMatchPattern().(type) {
	case *matcherv3.DoubleMatcher_Exact:
		return r.leaf(decimal(p.Exact), func(v any) bool { n, ok := number(v); return ok && n == p.Exact }), nil
	case *matcherv3.DoubleMatcher_Range:
		start, end := p.Range.GetStart(), p.Range.GetEnd()
		return r.leaf("a number from "+decimal(start)+" to less than "+decimal(end), func(v any) bool {
			n, ok := number(v)
			return ok && start <= n && n < end
		}), nil
	default:
		return valueMatcher{}, notUnderstood(m)
	}
}

func decimal(n float64) string { return strconv.FormatFloat(n, 'g', -1, 64) }

// number returns a number as Envoy holds it.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case json.Number:
		n, err := v.Float64()
		return n, err == nil
	default:
		return 0, false
	}
}

func (r reader) list(m *matcherv3.ListMatcher) (valueMatcher, error) {
	if m.GetOneOf() == nil {
		return valueMatcher{}, notUnderstood(m)
	}
	r.within += "a list with "
	out, err := r.read(m.GetOneOf())
	element := out.decide
	out.decide = func(v any) traffic.Condition {
		switch v := v.(type) {
		case []any:
			return anyOf(v, element)
		case traffic.Unknown:
			return element(v)
		default:
			return traffic.Known(false)
		}
	}
	return out, err
}

func (r reader) or(m *matcherv3.OrMatcher) (valueMatcher, error) {
	var out valueMatcher
	var alternatives []func(any) traffic.Condition
	for _, one := range m.GetValueMatchers() {
		alternative, err := r.read(one)
		if err != nil {
			return valueMatcher{}, err
		}
		out.objects = append(out.objects, alternative.objects...)
		alternatives = append(alternatives, alternative.decide)
	}
	out.decide = func(v any) traffic.Condition {
		var c traffic.Condition
		for _, alternative := range alternatives {
			if c = c.Or(alternative(v)); c.Holds() {
				return c
			}
		}
		return c
	}
	return out, nil
}

// anyOf returns whether any element of a list matches. A list has no absent elements.
func anyOf(elements []any, decide func(any) traffic.Condition) traffic.Condition {
	var c traffic.Condition
	for _, element := range elements {
		if c = c.Or(decide(element)); c.Holds() {
			return c
		}
	}
	return c
}
