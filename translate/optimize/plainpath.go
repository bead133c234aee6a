package optimize

import (
	"slices"
	"strings"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	matchingv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/matching/v3"
	actionv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/matcher/action/v3"
	headertometadatav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_to_metadata/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/policy"
)

// PlainPathFilter is the name of the filter that works out a path without parameters. It is there where a tree
// looks at one.
const PlainPathFilter = "portreeve.plain_path"

const plainPathsName = "plain-paths"

// plainPaths finds atoms by a path that they deny to the letter and with parameters behind its segments.
//
//	path is "/a/b", or has ; or % and matches "/a⟨parameters⟩/b⟨parameters⟩", and …  ─▶  map over the path without parameters: "/a/b" → …
//
// The path without parameters is what remains when, in each segment, all is cut off from the first ; or %3b on. A path matches the
// expression exactly where each of its segments is the one of the value, with nothing or with parameters behind it; so exactly where
// the value remains of it, as long as there are none in the value itself. That is why this is only done for values without any
// character for which the expression has other spellings too. So the key says all of the condition, and Envoy need not
// compile an expression for each value.
//
// Of a path of which 8 KiB or more remain nothing is cut off, and no value is as long (match.PathAliases).
//
// Of rules for one path Envoy reports the first by name; of others that match too, the one by this path.
func plainPaths() *index {
	return &index{
		name: plainPathsName, state: plainPathState(), weight: 1, bucket: 64, encode: mapEntries,
		find: func(c condition) (key, bool) { return key{text: c.plainPath}, c.plainPath != "" },
		section: func(content []byte) *xdsmatcherv3.Matcher {
			return lookup(plainPathState(), &xdsmatcherv3.Matcher_MatcherTree{TreeType: &xdsmatcherv3.Matcher_MatcherTree_ExactMatchMap{ExactMatchMap: matchMap(content)}})
		},
	}
}

// parametersOrQuery is what is cut off of a path: all of a query, whatever bytes it has. What remained of it would make
// another path.
const parametersOrQuery = `(?s)(?:;|%3[Bb])[^/?#]*|[?#].*`

// plainPathState is the path itself, where it has nothing that could be cut off.
func plainPathState() *state {
	return &state{key: "portreeve.plain_path", formats: []string{pathFormat, "%DYNAMIC_METADATA(portreeve:plain_path)%"}, source: plainPathFilter}
}

// plainPathFilter works out the path without parameters, where it has ; or %: for most requests that costs more than all else. It
// takes it from the path alone, whatever else a client sends.
func plainPathFilter() policy.Filter {
	works := &headertometadatav3.Config{RequestRules: []*headertometadatav3.Config_Rule{{
		Header: ":path",
		OnHeaderPresent: &headertometadatav3.Config_KeyValuePair{
			MetadataNamespace: "portreeve", Key: "plain_path",
			RegexValueRewrite: &matcherv3.RegexMatchAndSubstitute{Pattern: &matcherv3.RegexMatcher{Regex: parametersOrQuery}},
		},
	}}}
	return policy.Filter{Name: PlainPathFilter, Config: &matchingv3.ExtensionWithMatcher{
		ExtensionConfig: &corev3.TypedExtensionConfig{Name: PlainPathFilter, TypedConfig: match.Any(works)},
		XdsMatcher: &xdsmatcherv3.Matcher{
			MatcherType: &xdsmatcherv3.Matcher_MatcherList_{MatcherList: &xdsmatcherv3.Matcher_MatcherList{Matchers: []*fieldMatcher{{
				Predicate: &predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_NotMatcher{NotMatcher: mayBeSpelled()}},
				OnMatch:   &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Action{Action: extension(&actionv3.SkipFilter{})}},
			}}}},
		},
	}}
}

// mayBeSpelled holds where the path, or the query, has ; or %.
func mayBeSpelled() *predicate {
	in := extension(&matcherv3.HttpRequestHeaderMatchInput{HeaderName: ":path"})
	var either []*predicate
	for _, c := range []string{";", "%"} {
		one, _ := value(in, &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Contains{Contains: c}})
		either = append(either, one)
	}
	return &predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_OrMatcher{OrMatcher: &predicateList{Predicate: either}}}
}

// withoutParameters returns alternatives that say the same, in which a path to the letter and the expression for its other spellings are
// one, where these only differ in parameters.
func withoutParameters(alternatives []condition) []condition {
	i := slices.IndexFunc(alternatives, func(c condition) bool { return len(c.spelled()) > 0 })
	if i < 0 {
		return alternatives
	}
	left := map[string]bool{}
	for _, c := range alternatives[i].spelled() {
		left[c.pathExpression()] = true
	}
	out := slices.Clone(alternatives)
	for j, c := range out {
		value := c.permission.GetUrlPath().GetPath().GetExact()
		expression, ok := match.PathAliases(value)
		if ok && left[expression] && plain(value) {
			out[j] = condition{plainPath: value}
			delete(left, expression)
		}
	}
	if len(left) == 0 {
		return slices.Delete(out, i, i+1)
	}
	out[i] = out[i].onlySpelled(left)
	return out
}

// plain reports whether a path has no character of which there are other spellings.
func plain(path string) bool {
	return !strings.ContainsFunc(path, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._~/", r)
	})
}

// onlySpelled returns the condition about other spellings with some of its expressions alone.
func (c condition) onlySpelled(expressions map[string]bool) condition {
	var rules []*rbacv3.Permission
	for _, one := range c.spelled() {
		if expressions[one.pathExpression()] {
			rules = append(rules, one.permission)
		}
	}
	either := &rbacv3.Permission{Rule: &rbacv3.Permission_OrRules{OrRules: &rbacv3.Permission_Set{Rules: rules}}}
	guard := c.permission.GetAndRules().GetRules()[0]
	return condition{permission: &rbacv3.Permission{Rule: &rbacv3.Permission_AndRules{AndRules: &rbacv3.Permission_Set{Rules: []*rbacv3.Permission{guard, either}}}}}
}
