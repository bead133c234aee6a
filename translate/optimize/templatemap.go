package optimize

import (
	"strings"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	uritemplatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/path/match/uri_template/v3"
)

// templates finds atoms by how the paths begin that a template matches.
//
//	path is like "/x/{*}/y" and …  ─▶  prefix map over the path: "/x/" → path ~ "/x/[…]+/y" and …
//
// Every path that a template matches begins as the template does up to its first operator. Each atom asks for the
// template itself, as the expression that Envoy makes of it (templateExpression). Where many begin alike a guard
// is cheaper: otherPaths finds them too, and the fewest decide.
//
// Of several rules that match Envoy reports one with the longest beginning.
func templates() *index {
	return &index{
		name: "templates", state: pathState(), weight: 2, bucket: 64, encode: mapEntries,
		find: func(c condition) (key, bool) {
			begin := templateBegin(c)
			return key{text: begin, rest: []condition{c}}, len(begin) > 1
		},
		section: func(content []byte) *xdsmatcherv3.Matcher {
			return lookup(pathState(), &xdsmatcherv3.Matcher_MatcherTree{TreeType: &xdsmatcherv3.Matcher_MatcherTree_PrefixMatchMap{PrefixMatchMap: matchMap(content)}})
		},
	}
}

// templateBegin returns what a template has before its first operator.
func templateBegin(c condition) string {
	config := &uritemplatev3.UriTemplateMatchConfig{}
	if t := c.permission.GetUriTemplate(); t == nil || t.GetTypedConfig().UnmarshalTo(config) != nil {
		return ""
	}
	begin, _, _ := strings.Cut(config.GetPathTemplate(), "*")
	return begin
}
