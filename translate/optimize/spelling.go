package optimize

import (
	"slices"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
)

// spellings is what package policy asks first of a path that some server takes for one that is denied.
const spellings = ".*[;%].*"

// otherSpellings finds atoms by the other spellings of a path that they deny, those with ; or %.
//
//	path matches ".*[;%].*" and any of these, and …  ─▶  where the path matches ".*[;%].*": guards over the path
//
// What all of them ask first is asked once, in front of them, so that no other request is held against any. Each
// is then guarded and asked by itself.
//
// Of several rules that match Envoy reports the first by value among those that are guarded together, unless another
// index finds one.
func otherSpellings() *index {
	input := pathState().input()
	g := guardOf(input)
	return &index{
		name: "other-spellings", state: pathState(), weight: 1, bucket: guarded, encode: g.encode, cover: g.cover, covered: covered,
		find: func(c condition) (key, bool) {
			spelled := c.spelled()
			if len(spelled) != 1 {
				return key{}, false
			}
			e, ok := expressionOf(spelled[0].permission.GetUrlPath().GetPath())
			return key{text: e.key(), rest: spelled}, ok
		},
		section: func(content []byte) *xdsmatcherv3.Matcher { return behind(input, spellings, content) },
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

// eachSpelling returns alternatives that say the same, in which each of the other spellings is one.
func eachSpelling(alternatives []condition) []condition {
	var out []condition
	for _, c := range alternatives {
		spelled := c.spelled()
		if len(spelled) < 2 {
			out = append(out, c)
			continue
		}
		for _, one := range spelled {
			out = append(out, c.onlySpelled(map[string]bool{one.pathExpression(): true}))
		}
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
