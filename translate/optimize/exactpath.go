package optimize

import (
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
)

// exactPaths finds atoms by a path that they ask for to the letter.
//
//	path is "/a" and …  ─▶  map over the path: "/a" → …
//
// The map finds what a request has as its path: the same text that the rule compares. So the key says all of the
// condition, and each atom is held against requests for its own path alone.
//
// Of rules for one path Envoy reports the first by name; of others that match too, the one by this path.
func exactPaths() *index {
	return &index{
		name: "exact-paths", state: pathState(), weight: 1, bucket: 64, encode: mapEntries,
		find: func(c condition) (key, bool) {
			path := c.permission.GetUrlPath().GetPath()
			return key{text: path.GetExact()}, path.GetExact() != "" && !path.GetIgnoreCase()
		},
		section: func(content []byte) *xdsmatcherv3.Matcher {
			return lookup(pathState(), &xdsmatcherv3.Matcher_MatcherTree{TreeType: &xdsmatcherv3.Matcher_MatcherTree_ExactMatchMap{ExactMatchMap: matchMap(content)}})
		},
	}
}

func matchMap(content []byte) *xdsmatcherv3.Matcher_MatcherTree_MatchMap {
	return withContent(&xdsmatcherv3.Matcher_MatcherTree_MatchMap{}, content)
}

// lookup looks a state up in a tree.
func lookup(s *state, in *xdsmatcherv3.Matcher_MatcherTree) *xdsmatcherv3.Matcher {
	in.Input = s.input()
	return &xdsmatcherv3.Matcher{MatcherType: &xdsmatcherv3.Matcher_MatcherTree_{MatcherTree: in}}
}
