package optimize

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

const (
	// guarded is how many expressions are guarded together in front of atoms, at most, and covered how many of such guards
	// there are behind one. A request is held against all of the latter; where it has one of their texts, against the
	// former, and then against the atoms: a few dozens in all of 10,000.
	guarded = 48
	covered = 32
	// guardWeight is what a guard costs, in lookups.
	guardWeight = 4
)

// guard puts one expression in front of many atoms: those of which no map knows where a request has them.
//
//	path ~ a and …, path ~ b and …  ─▶  where the path matches (?:a|b|…): where it matches (?:a|b): the list of these
//
// Equal, because an atom stands behind expressions that match whatever it asks of the text (index.find gives such a
// key), asks all of that itself, and the list goes on where nothing behind an expression decides.
type guard struct {
	// asks says an expression of what the guard looks at.
	asks func(*matcherv3.StringMatcher) *predicate
}

// guardOf is a guard that looks at an input.
func guardOf(input *xdscorev3.TypedExtensionConfig) guard {
	return guard{func(m *matcherv3.StringMatcher) *predicate {
		p, _ := value(input, m)
		return p
	}}
}

// key names an expression. Two that are told apart by nothing have one.
func (e expression) key() string {
	return strings.Join([]string{e.middle, e.begin, e.end, strconv.FormatBool(e.anyCase)}, "\x00")
}

// keyed reads the expression that a key names. No part of it has a NUL (printable).
func keyed(key string, from int) expression {
	parts := strings.Split(key, "\x00")
	return expression{middle: parts[0], begin: parts[1], end: parts[2], anyCase: parts[3] == "true", from: from}
}

// encode returns the guards of the entries of a bucket, as fields of a list.
func (g guard) encode(entries []entry) []byte {
	expressions := make([]expression, 0, len(entries))
	for i, e := range entries {
		expressions = append(expressions, keyed(e.key, i))
	}
	byKind := kinds(expressions)
	var out []byte
	for _, k := range slices.SortedFunc(maps.Keys(byKind), kind.compare) {
		for _, chunk := range chunks(byKind[k]) {
			out = g.guarded(out, k, chunk, entries)
		}
	}
	return out
}

// guarded appends the guard of expressions of a kind, in front of their leaves.
func (g guard) guarded(to []byte, k kind, of []expression, entries []entry) []byte {
	var leaves []byte
	for _, e := range of {
		leaves = append(leaves, listed(entries[e.from:e.from+1])...)
	}
	if len(of) == 1 { // its leaves ask all of it
		return append(to, leaves...)
	}
	return append(listHead(to, marshal(g.asks(match.Regex(k.alternation(of)))), len(leaves)), leaves...)
}

// cover returns what stands in front of the guards of several buckets, of that size: they are only looked at where the text
// is one of the keys of these.
func (g guard) cover(keys []string, size int) []byte {
	expressions := make([]expression, 0, len(keys))
	for i, key := range keys {
		expressions = append(expressions, keyed(key, i))
	}
	var either []*predicate
	for _, m := range alternations(expressions, 1, map[int]bool{}) {
		either = append(either, g.asks(m))
	}
	p := either[0]
	if len(either) > 1 {
		p = &predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_OrMatcher{OrMatcher: &predicateList{Predicate: either}}}
	}
	return listHead(nil, marshal(p), size)
}

// listHead appends what an encoded FieldMatcher begins with that leads, where a predicate holds, to a list of that size. All
// that follows is the list, which is large: so it is written once.
func listHead(to, predicate []byte, inner int) []byte {
	const predicateField, onMatchField, matcherField, matcherListField = 1, 2, 1, 1
	around := appendField(nil, predicateField, predicate)
	outer := 1 + protowire.SizeBytes(inner)             // a Matcher
	next := 1 + protowire.SizeBytes(outer)              // an OnMatch
	size := len(around) + 1 + protowire.SizeBytes(next) // a FieldMatcher
	to = slices.Grow(to, 1+protowire.SizeBytes(size))   // a field of a list, with what it holds
	to = appendHead(to, matchersField, size)
	to = append(to, around...)
	to = appendHead(to, onMatchField, next)
	to = appendHead(to, matcherField, outer)
	return appendHead(to, matcherListField, inner)
}

// appendHead appends what a field begins with whose value is that long.
func appendHead(to []byte, number protowire.Number, size int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(to, number, protowire.BytesType), uint64(size)) //nolint:gosec // not negative
}

// listTree is a tree of an encoded list.
func listTree(content []byte) *xdsmatcherv3.Matcher {
	list := withContent(&xdsmatcherv3.Matcher_MatcherList{}, content)
	return &xdsmatcherv3.Matcher{MatcherType: &xdsmatcherv3.Matcher_MatcherList_{MatcherList: list}}
}

// behind is a tree of an encoded list, of which nothing is looked at where a text does not match an expression.
func behind(input *xdscorev3.TypedExtensionConfig, expression string, content []byte) *xdsmatcherv3.Matcher {
	p, _ := value(input, match.Regex(expression))
	list := &xdsmatcherv3.Matcher_MatcherList{Matchers: []*fieldMatcher{{Predicate: p, OnMatch: follows(listTree(content))}}}
	return &xdsmatcherv3.Matcher{MatcherType: &xdsmatcherv3.Matcher_MatcherList_{MatcherList: list}}
}
