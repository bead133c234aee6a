package optimize

import (
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

// claimLists finds atoms by a text that they ask for in a claim that is a list.
//
//	claim groups is a list with "a" in it, and …  ─▶  where groups is a list: guards over what is in it
//
// A list has several texts, so no map can look it up. A guard asks whether any of them is one of those behind it, and a list with
// the text of an atom has one; the atom asks for its own text again. What is in front of the guards is true for
// every list that has anything in it. Tokens whose claim is a text, or is not there, pay for that alone.
//
// Of several rules that match Envoy reports the first by text among those that are guarded together.
func claimLists() *index {
	return &index{name: "claim-lists", find: func(c condition) (key, bool) {
		v, path, ok := claimAsked(c)
		of := v.GetListMatch().GetOneOf().GetStringMatch()
		if !ok || of == nil {
			return key{}, false
		}
		e, ok := expressionOf(of)
		return key{text: e.key(), rest: []condition{c}, by: claimListGuards(path)}, ok
	}}
}

func claimListGuards(path string) *index {
	g := guard{func(m *matcherv3.StringMatcher) *predicate { return claimIs(path, match.InList(match.StringValue(m))) }}
	return &index{
		name: "claim-lists " + path, part: path, weight: guardWeight, bucket: guarded, encode: g.encode, cover: g.cover, covered: covered / 4,
		section: func(content []byte) *xdsmatcherv3.Matcher {
			anything := &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_PresentMatch{PresentMatch: true}}
			isList := &fieldMatcher{Predicate: claimIs(path, match.InList(anything)), OnMatch: follows(listTree(content))}
			return listTree(appendField(nil, matchersField, marshal(isList)))
		},
	}
}

// claimPatterns finds atoms by how the text of a claim begins or ends, or by an expression for it.
//
//	claim email ends with "@a.example" and …  ─▶  guards over the claim
//
// A guard matches every text that an atom behind it asks for, and the atom asks for its own again.
//
// Of several rules that match Envoy reports the first by pattern among those that are guarded together.
func claimPatterns() *index {
	return &index{name: "claim-patterns", find: func(c condition) (key, bool) {
		v, path, ok := claimAsked(c)
		if !ok || v.GetStringMatch() == nil || v.GetStringMatch().GetExact() != "" {
			return key{}, false
		}
		e, ok := expressionOf(v.GetStringMatch())
		return key{text: e.key(), rest: []condition{c}, by: claimPatternGuards(path)}, ok
	}}
}

func claimPatternGuards(path string) *index {
	g := guard{func(m *matcherv3.StringMatcher) *predicate { return claimIs(path, match.StringValue(m)) }}
	return &index{name: "claim-patterns " + path, part: path, weight: guardWeight, bucket: guarded, encode: g.encode, cover: g.cover, covered: covered / 4, section: listTree}
}
