package optimize

import (
	"slices"
	"strings"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	networkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/common_inputs/network/v3"
	metadatav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/input_matchers/metadata/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

// claims finds atoms by a text that they ask for as a claim of a token: a map for each claim.
//
//	claim sub is "a" and …  ─▶  state %DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:sub)%
//	                            where sub is a text: map over the state: "a" → …
//
// A claim that is a text is the state, byte for byte, whatever it holds. What is none may be the same state: the number 5 is spelled
// like the text "5", a list like the text that spells it. So the map is asked for texts alone, and there the key says
// all of the condition. The empty text is no state, and not found by this. The state is set behind jwt_authn, which
// alone writes what it is made of.
//
// Of several rules that match Envoy reports one of the claim that comes first, and of these the first by name.
func claims() *index {
	return &index{name: "claims", find: func(c condition) (key, bool) {
		v, path, ok := claimAsked(c)
		text := v.GetStringMatch().GetExact()
		if !ok || text == "" || v.GetStringMatch().GetIgnoreCase() {
			return key{}, false
		}
		return key{text: text, by: claimMap(path)}, true
	}}
}

// claimMap looks up the text of a claim.
func claimMap(path string) *index {
	s := claimState(path)
	return &index{
		name: "claims " + path, part: path, state: s, weight: 2, bucket: 64, encode: mapEntries,
		section: func(content []byte) *xdsmatcherv3.Matcher {
			texts := lookup(s, &xdsmatcherv3.Matcher_MatcherTree{TreeType: &xdsmatcherv3.Matcher_MatcherTree_ExactMatchMap{ExactMatchMap: matchMap(content)}})
			isText := &fieldMatcher{Predicate: claimIs(path, match.StringValue(match.Regex("(?s).+"))), OnMatch: follows(texts)}
			return listTree(appendField(nil, matchersField, marshal(isText)))
		},
	}
}

// claimState is the text of a claim, and of a claim that is no text how it is spelled.
func claimState(path string) *state {
	return &state{key: "portreeve.claim." + path, formats: []string{"%DYNAMIC_METADATA(" + tokenNamespace + ":" + path + ")%"}}
}

// tokenNamespace is where jwt_authn leaves the payloads of tokens, and nothing else writes.
const tokenNamespace = "envoy.filters.http.jwt_authn"

// claimAsked returns what a condition asks of a claim of a token, and the way to the claim.
func claimAsked(c condition) (*matcherv3.ValueMatcher, string, bool) {
	m := c.principal.GetSourcedMetadata()
	path, ok := claimPath(m.GetMetadataMatcher())
	return m.GetMetadataMatcher().GetValue(), path, ok && m.GetMetadataSource() == rbacv3.MetadataSource_DYNAMIC && !m.GetMetadataMatcher().GetInvert()
}

// claimPath returns the way to a claim as Envoy's formatter reads it. A name with a character that it may read in
// another way has none: it fails open to look for a claim where it is not.
func claimPath(m *matcherv3.MetadataMatcher) (string, bool) {
	if m.GetFilter() != tokenNamespace || len(m.GetPath()) < 2 {
		return "", false
	}
	var names []string
	for _, segment := range m.GetPath() {
		name := segment.GetKey()
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !plainInFormat(r) }) {
			return "", false
		}
		names = append(names, name)
	}
	return strings.Join(names, ":"), true
}

// plainInFormat reports whether a character stands for itself in what a format asks for.
func plainInFormat(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./@", r)
}

// values returns conditions of which one holds exactly where this one does: for a claim that may have one of
// several values, or be a list with one of them, one for each. It is false where that is nothing new.
func (c condition) values() ([]condition, bool) {
	m := c.principal.GetSourcedMetadata()
	if m == nil || m.GetMetadataMatcher().GetInvert() {
		return nil, false
	}
	values := eachValue(m.GetMetadataMatcher().GetValue())
	if alwaysText(m.GetMetadataMatcher()) {
		values = slices.DeleteFunc(values, func(v *matcherv3.ValueMatcher) bool { return v.GetListMatch() != nil })
	}
	if len(values) == 0 || len(values) == 1 && values[0] == m.GetMetadataMatcher().GetValue() {
		return nil, false
	}
	out := make([]condition, 0, len(values))
	for _, v := range values {
		out = append(out, condition{principal: &rbacv3.Principal{Identifier: &rbacv3.Principal_SourcedMetadata{SourcedMetadata: &rbacv3.SourcedMetadata{
			MetadataMatcher: &matcherv3.MetadataMatcher{Filter: m.GetMetadataMatcher().GetFilter(), Path: m.GetMetadataMatcher().GetPath(), Value: v},
			MetadataSource:  m.GetMetadataSource(),
		}}}})
	}
	return out, true
}

// alwaysText reports whether a claim is never a list: of a token whose issuer or subject is one jwt_authn leaves nothing, but
// refuses it.
func alwaysText(m *matcherv3.MetadataMatcher) bool {
	path, ok := claimPath(m)
	_, claim, _ := strings.Cut(path, ":")
	return ok && (claim == "iss" || claim == "sub")
}

// eachValue returns matchers of which one matches exactly where this one does: those of an OR, and those of an OR
// within a list, since an element that is either is one or the other.
func eachValue(v *matcherv3.ValueMatcher) []*matcherv3.ValueMatcher {
	var out []*matcherv3.ValueMatcher
	switch of := v.GetMatchPattern().(type) {
	case *matcherv3.ValueMatcher_OrMatch:
		for _, one := range of.OrMatch.GetValueMatchers() {
			out = append(out, eachValue(one)...)
		}
	case *matcherv3.ValueMatcher_ListMatch:
		inside := eachValue(of.ListMatch.GetOneOf())
		if len(inside) == 1 {
			return []*matcherv3.ValueMatcher{v}
		}
		for _, one := range inside {
			out = append(out, match.InList(one))
		}
	default:
		return []*matcherv3.ValueMatcher{v}
	}
	return out
}

// claimIs asks for a claim by its value, whatever its type.
func claimIs(path string, value *matcherv3.ValueMatcher) *predicate {
	in := &networkv3.DynamicMetadataInput{Filter: tokenNamespace}
	for _, name := range strings.Split(path, ":") {
		in.Path = append(in.Path, &networkv3.DynamicMetadataInput_PathSegment{Segment: &networkv3.DynamicMetadataInput_PathSegment_Key{Key: name}})
	}
	return custom(in, &metadatav3.Metadata{Value: value})
}
