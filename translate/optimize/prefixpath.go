package optimize

import (
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
)

// prefixPaths finds atoms by how a path begins.
//
//	path begins with "/a/" and …  ─▶  prefix map over the path: "/a/" → …
//
// The map tries every key with which the path begins, the longest first, and goes on where nothing under it
// decides. So each atom is asked whose beginning the path has, and the key says all of the condition.
//
// Of several rules that match Envoy reports one with the longest beginning.
func prefixPaths() *index {
	return &index{
		name: "prefix-paths", state: pathState(), weight: 1, bucket: 64, encode: mapEntries,
		find: func(c condition) (key, bool) {
			path := c.permission.GetUrlPath().GetPath()
			return key{text: path.GetPrefix()}, path.GetPrefix() != "" && !path.GetIgnoreCase()
		},
		section: func(content []byte) *xdsmatcherv3.Matcher {
			return lookup(pathState(), &xdsmatcherv3.Matcher_MatcherTree{TreeType: &xdsmatcherv3.Matcher_MatcherTree_PrefixMatchMap{PrefixMatchMap: matchMap(content)}})
		},
	}
}
