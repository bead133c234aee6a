package optimize

import (
	"slices"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

// spellings is what package policy asks first of a path that some server takes for one that is denied.
const spellings = ".*[;%].*"

// otherSpellings finds atoms by the other spellings of a path that they deny, those with ; or %.
//
//	path matches ".*[;%].*" and any of these, and …  ─▶  where the path matches ".*[;%].*": a list of these, and …
//
// What all of them ask first is asked once, in front of them, so that no other request is held against any. Each keeps
// what it asks beyond that.
//
// Of several rules that match Envoy reports the first by name, unless another index finds one.
func otherSpellings() *index {
	return &index{
		name: "other-spellings", state: pathState(), weight: 1, bucket: 32, encode: listed,
		find: func(c condition) (key, bool) {
			if spelled := c.spelled(); len(spelled) > 0 {
				// Any key will do: nothing is looked up by it.
				return key{text: spelled[0].pathExpression(), rest: []condition{{permission: c.permission.GetAndRules().GetRules()[1]}}}, true
			}
			return key{}, false
		},
		section: func(content []byte) *xdsmatcherv3.Matcher {
			guard, _ := value(pathState().input(), match.Regex(spellings))
			list := &xdsmatcherv3.Matcher_MatcherList{}
			within := &xdsmatcherv3.Matcher{MatcherType: &xdsmatcherv3.Matcher_MatcherList_{MatcherList: withContent(list, content)}}
			return &xdsmatcherv3.Matcher{MatcherType: &xdsmatcherv3.Matcher_MatcherList_{MatcherList: &xdsmatcherv3.Matcher_MatcherList{
				Matchers: []*fieldMatcher{{Predicate: guard, OnMatch: follows(within)}},
			}}}
		},
	}
}

// spelled returns, of a condition about the other spellings of paths, those that match one of these each; of any other
// condition nothing.
func (c condition) spelled() []condition {
	parts, is := c.and()
	if !is || len(parts) != 2 || parts[0].pathExpression() != spellings {
		return nil
	}
	out := parts[1].alternatives()
	if slices.ContainsFunc(out, func(one condition) bool { return one.pathExpression() == "" }) {
		return nil
	}
	return out
}

// pathExpression returns the expression by which the condition matches the whole path, if that is what it does.
func (c condition) pathExpression() string {
	return c.permission.GetUrlPath().GetPath().GetSafeRegex().GetRegex()
}

// listed encodes entries as a list, in which every leaf asks for itself. Only leaves that ask something can stand in it.
func listed(entries []entry) []byte {
	var out []byte
	for _, e := range entries {
		for _, l := range e.leaves {
			out = appendField(out, matchersField, l.encoded)
		}
	}
	return out
}
