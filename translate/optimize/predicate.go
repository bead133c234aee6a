package optimize

import (
	"strconv"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	networkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/common_inputs/network/v3"
	ipv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/input_matchers/ip/v3"
	metadatav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/input_matchers/metadata/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

// The predicates below hold exactly where their conditions do. What a match tree looks at may be missing; then nothing matches it,
// as in rules, and its opposite does.

// all returns a predicate that holds where all conditions do; there is one at least. It is false where a matcher
// cannot say one of them exactly.
func all(conditions []condition) (*predicate, bool) {
	parts, ok := each(conditions)
	if !ok || len(parts) == 1 {
		return first(parts), ok
	}
	return &predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_AndMatcher{AndMatcher: &predicateList{Predicate: parts}}}, true
}

type predicateList = xdsmatcherv3.Matcher_MatcherList_Predicate_PredicateList

func each(conditions []condition) ([]*predicate, bool) {
	out := make([]*predicate, 0, len(conditions))
	for _, c := range conditions {
		p, ok := c.predicate()
		if !ok {
			return nil, false
		}
		out = append(out, p)
	}
	return out, len(out) > 0
}

func first(parts []*predicate) *predicate {
	if len(parts) == 0 {
		return nil
	}
	return parts[0]
}

// predicate returns what says the same in a match tree. It is false where nothing does: the header of a client is one text there,
// however many lines it has.
func (c condition) predicate() (*predicate, bool) {
	if of, is := c.not(); is {
		p, ok := of.predicate()
		return &predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_NotMatcher{NotMatcher: p}}, ok
	}
	if parts, is := c.and(); is {
		return all(parts)
	}
	if parts, is := c.or(); is {
		return anyPredicate(parts)
	}
	if c.principal != nil {
		return ofPrincipal(c.principal)
	}
	return ofPermission(c.permission)
}

func anyPredicate(conditions []condition) (*predicate, bool) {
	parts, ok := each(conditions)
	if !ok || len(parts) == 1 {
		return first(parts), ok
	}
	return &predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_OrMatcher{OrMatcher: &predicateList{Predicate: parts}}}, true
}

func ofPermission(p *rbacv3.Permission) (*predicate, bool) {
	switch p := p.GetRule().(type) {
	case *rbacv3.Permission_UrlPath:
		return value(pathState().input(), p.UrlPath.GetPath())
	case *rbacv3.Permission_UriTemplate:
		e, ok := templateExpression(p.UriTemplate)
		out, _ := value(pathState().input(), match.Regex(e.text()))
		return out, ok
	case *rbacv3.Permission_Header:
		return header(p.Header)
	case *rbacv3.Permission_DestinationIp:
		return within(&networkv3.DestinationIPInput{}, p.DestinationIp), true
	case *rbacv3.Permission_DestinationPort:
		return value(extension(&networkv3.DestinationPortInput{}), match.Exact(strconv.Itoa(int(p.DestinationPort))))
	case *rbacv3.Permission_RequestedServerName:
		return value(extension(&networkv3.ServerNameInput{}), p.RequestedServerName)
	case *rbacv3.Permission_SourcedMetadata:
		return metadata(p.SourcedMetadata)
	default:
		return nil, false
	}
}

func ofPrincipal(p *rbacv3.Principal) (*predicate, bool) {
	switch p := p.GetIdentifier().(type) {
	case *rbacv3.Principal_Header:
		return header(p.Header)
	case *rbacv3.Principal_RemoteIp:
		return within(&networkv3.SourceIPInput{}, p.RemoteIp), true
	case *rbacv3.Principal_DirectRemoteIp:
		return within(&networkv3.DirectSourceIPInput{}, p.DirectRemoteIp), true
	case *rbacv3.Principal_SourcedMetadata:
		return metadata(p.SourcedMetadata)
	default: // identities in certificates: rules look at each name, an input at all of them as one text
		return nil, false
	}
}

// header matches the host or the method, of which a request has one. Of other headers it may have several lines.
func header(h *routev3.HeaderMatcher) (*predicate, bool) {
	if h.GetName() != ":authority" && h.GetName() != ":method" || h.GetInvertMatch() || h.GetTreatMissingHeaderAsEmpty() {
		return nil, false
	}
	in := extension(&matcherv3.HttpRequestHeaderMatchInput{HeaderName: h.GetName()})
	switch m := h.GetHeaderMatchSpecifier().(type) {
	case *routev3.HeaderMatcher_StringMatch:
		return value(in, m.StringMatch)
	case *routev3.HeaderMatcher_PresentMatch:
		return value(in, match.Regex("(?s).*"))
	default:
		return nil, false
	}
}

// value matches a text. A text that is missing is none to a tree, and empty to some rules: what matches an empty one is left to those.
func value(in *xdscorev3.TypedExtensionConfig, m *matcherv3.StringMatcher) (*predicate, bool) {
	out, ok := text(m)
	single := &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate{Input: in, Matcher: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_ValueMatch{ValueMatch: out}}
	return &predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_{SinglePredicate: single}}, ok
}

// text returns a matcher of texts in the message of match trees, which has the same fields. None with an empty
// value is among those that are made of policy.
func text(m *matcherv3.StringMatcher) (*xdsmatcherv3.StringMatcher, bool) {
	out := &xdsmatcherv3.StringMatcher{IgnoreCase: m.GetIgnoreCase()}
	var value string
	switch p := m.GetMatchPattern().(type) {
	case *matcherv3.StringMatcher_Exact:
		value, out.MatchPattern = p.Exact, &xdsmatcherv3.StringMatcher_Exact{Exact: p.Exact}
	case *matcherv3.StringMatcher_Prefix:
		value, out.MatchPattern = p.Prefix, &xdsmatcherv3.StringMatcher_Prefix{Prefix: p.Prefix}
	case *matcherv3.StringMatcher_Suffix:
		value, out.MatchPattern = p.Suffix, &xdsmatcherv3.StringMatcher_Suffix{Suffix: p.Suffix}
	case *matcherv3.StringMatcher_Contains:
		value, out.MatchPattern = p.Contains, &xdsmatcherv3.StringMatcher_Contains{Contains: p.Contains}
	case *matcherv3.StringMatcher_SafeRegex:
		value, out.MatchPattern = p.SafeRegex.GetRegex(), &xdsmatcherv3.StringMatcher_SafeRegex{SafeRegex: &xdsmatcherv3.RegexMatcher{
			EngineType: &xdsmatcherv3.RegexMatcher_GoogleRe2{GoogleRe2: &xdsmatcherv3.RegexMatcher_GoogleRE2{}}, Regex: p.SafeRegex.GetRegex(),
		}}
	}
	return out, value != ""
}

// addressPrefix is that of the statistics of matchers of addresses.
const addressPrefix = "portreeve"

// within matches an address in a block.
func within(input proto.Message, block *corev3.CidrRange) *predicate {
	return custom(input, &ipv3.Ip{CidrRanges: []*corev3.CidrRange{block}, StatPrefix: addressPrefix})
}

// metadata matches what a filter has left of a request, of whatever type it is.
func metadata(m *rbacv3.SourcedMetadata) (*predicate, bool) {
	if m.GetMetadataSource() != rbacv3.MetadataSource_DYNAMIC {
		return nil, false
	}
	of := m.GetMetadataMatcher()
	in := &networkv3.DynamicMetadataInput{Filter: of.GetFilter()}
	for _, s := range of.GetPath() {
		in.Path = append(in.Path, &networkv3.DynamicMetadataInput_PathSegment{Segment: &networkv3.DynamicMetadataInput_PathSegment_Key{Key: s.GetKey()}})
	}
	return custom(in, &metadatav3.Metadata{Value: of.GetValue(), Invert: of.GetInvert()}), true
}

func custom(input, m proto.Message) *predicate {
	single := &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate{
		Input:   extension(input),
		Matcher: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_CustomMatch{CustomMatch: extension(m)},
	}
	return &predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_{SinglePredicate: single}}
}
