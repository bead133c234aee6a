package rbac

import (
	"net/netip"
	"strconv"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	ipv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/input_matchers/ip/v3"
	metadatav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/input_matchers/metadata/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// predicate is a condition in a match tree.
type predicate func(s *traffic.Stream) traffic.Condition

// Predicate makes a condition of a match tree of requests ready.
func Predicate(m *xdsmatcherv3.Matcher_MatcherList_Predicate) (func(*traffic.Stream) traffic.Condition, error) {
	return reader{header: matchers.Header}.predicate(m)
}

func (r reader) predicate(m *xdsmatcherv3.Matcher_MatcherList_Predicate) (predicate, error) {
	switch kind := m.GetMatchType().(type) {
	case *xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_:
		return r.single(kind.SinglePredicate)
	case *xdsmatcherv3.Matcher_MatcherList_Predicate_NotMatcher:
		of, err := r.predicate(kind.NotMatcher)
		return func(s *traffic.Stream) traffic.Condition { return of(s).Not() }, err
	case *xdsmatcherv3.Matcher_MatcherList_Predicate_AndMatcher:
		of, err := r.predicates(kind.AndMatcher)
		return allHold(of), err
	case *xdsmatcherv3.Matcher_MatcherList_Predicate_OrMatcher:
		of, err := r.predicates(kind.OrMatcher)
		return anyHolds(of), err
	default:
		return nil, notUnderstood(m)
	}
}

func (r reader) predicates(m *xdsmatcherv3.Matcher_MatcherList_Predicate_PredicateList) ([]predicate, error) {
	var out []predicate
	for _, one := range m.GetPredicate() {
		p, err := r.predicate(one)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

func allHold(of []predicate) predicate {
	return func(s *traffic.Stream) traffic.Condition {
		c := traffic.Known(true)
		for _, p := range of {
			if c = c.And(p(s)); c.Fails() {
				break
			}
		}
		return c
	}
}

func anyHolds(of []predicate) predicate {
	return func(s *traffic.Stream) traffic.Condition {
		c := traffic.Known(false)
		for _, p := range of {
			if c = c.Or(p(s)); c.Holds() {
				break
			}
		}
		return c
	}
}

func (r reader) single(m *xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate) (predicate, error) {
	in, err := r.input(m.GetInput())
	if err != nil {
		return nil, err
	}
	switch kind := m.GetMatcher().(type) {
	case *xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_ValueMatch:
		value := ofEnvoy(kind.ValueMatch)
		matches, err := matchers.String(value)
		return in.matched(matchers.Asks(value), matches), err
	case *xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_CustomMatch:
		config := kind.CustomMatch.GetTypedConfig()
		if block := (&ipv3.Ip{}); config.UnmarshalTo(block) == nil {
			return in.within(block)
		}
		if value := (&metadatav3.Metadata{}); in.metadata != nil && config.UnmarshalTo(value) == nil {
			m, err := matchers.Metadata(&matcherv3.MetadataMatcher{
				Filter: in.metadata.GetFilter(), Path: in.metadata.GetPath(), Value: value.GetValue(), Invert: value.GetInvert(),
			})
			return m.Decide, err
		}
		return nil, notUnderstood(kind.CustomMatch)
	default:
		return nil, notUnderstood(m)
	}
}

// ofEnvoy returns a matcher of strings in Envoy's message, which has the same fields.
func ofEnvoy(m *xdsmatcherv3.StringMatcher) *matcherv3.StringMatcher {
	out := &matcherv3.StringMatcher{IgnoreCase: m.GetIgnoreCase()}
	switch p := m.GetMatchPattern().(type) {
	case *xdsmatcherv3.StringMatcher_Exact:
		out.MatchPattern = &matcherv3.StringMatcher_Exact{Exact: p.Exact}
	case *xdsmatcherv3.StringMatcher_Prefix:
		out.MatchPattern = &matcherv3.StringMatcher_Prefix{Prefix: p.Prefix}
	case *xdsmatcherv3.StringMatcher_Suffix:
		out.MatchPattern = &matcherv3.StringMatcher_Suffix{Suffix: p.Suffix}
	case *xdsmatcherv3.StringMatcher_Contains:
		out.MatchPattern = &matcherv3.StringMatcher_Contains{Contains: p.Contains}
	case *xdsmatcherv3.StringMatcher_SafeRegex:
		out.MatchPattern = &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: p.SafeRegex.GetRegex()}}
	}
	return out
}

// within matches an address by blocks.
func (in input) within(m *ipv3.Ip) (predicate, error) {
	var blocks []func(netip.Addr) bool
	wants := "in any of"
	for _, block := range m.GetCidrRanges() {
		wants += " " + block.GetAddressPrefix() + "/" + strconv.Itoa(int(block.GetPrefixLen().GetValue()))
		contains, err := matchers.CIDR(block)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, contains)
	}
	return in.matched(wants, func(text string) bool {
		address, err := netip.ParseAddr(text)
		for _, contains := range blocks {
			if err == nil && contains(address) {
				return true
			}
		}
		return false
	}), nil
}
