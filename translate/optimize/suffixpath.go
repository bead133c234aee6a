package optimize

import (
	"strings"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
)

// suffixPaths finds atoms by how a path ends, from a dot on.
//
//	path ends with ".php" and …  ─▶  names over the path: "*.php" → …
//
// The matcher was made for names of servers, and knows nothing of them: it cuts a text at each of its dots and looks up what is behind,
// the longest first, to the letter, and goes on where nothing under it decides. So each atom is asked with whose end, from a dot on,
// the path ends, and the key says all of the condition. An end that does not begin with a dot it cannot find, and an
// asterisk it refuses.
//
// Of several rules that match Envoy reports one with the longest end.
func suffixPaths() *index {
	return &index{
		name: "suffix-paths", state: pathState(), weight: 1, bucket: 64, encode: domains,
		find: func(c condition) (key, bool) {
			path := c.permission.GetUrlPath().GetPath()
			end := path.GetSuffix()
			return key{text: end}, len(end) > 1 && end[0] == '.' && !strings.Contains(end, "*") && !path.GetIgnoreCase()
		},
		section: func(content []byte) *xdsmatcherv3.Matcher {
			names := withContent(&xdsmatcherv3.ServerNameMatcher{}, content)
			return lookup(pathState(), &xdsmatcherv3.Matcher_MatcherTree{TreeType: &xdsmatcherv3.Matcher_MatcherTree_CustomMatch{CustomMatch: extension(names)}})
		},
	}
}

func domains(entries []entry) []byte {
	var out []byte
	for _, e := range entries {
		one := appendField(appendField(nil, domainField, []byte("*"+e.key)), domainNextField, e.onMatch())
		out = appendField(out, domainsField, one)
	}
	return out
}
