package envoy

import (
	"cmp"
	"maps"
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/policy"
	"github.com/portreeve/portreeve/translate/resource"
)

// routeMatch renders the condition of a route. Conditions on headers are in the order of
// their names, then come the method, the host and the scheme.
func routeMatch(m *networkingv1alpha3.HTTPMatchRequest) *routev3.RouteMatch {
	out := &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}}
	switch uri := m.GetUri().GetMatchType().(type) {
	case *networkingv1alpha3.StringMatch_Exact:
		out.PathSpecifier = &routev3.RouteMatch_Path{Path: uri.Exact}
	case *networkingv1alpha3.StringMatch_Prefix:
		out.PathSpecifier = &routev3.RouteMatch_Prefix{Prefix: uri.Prefix}
	case *networkingv1alpha3.StringMatch_Regex:
		out.PathSpecifier = &routev3.RouteMatch_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: uri.Regex}}
	}
	if m.GetIgnoreUriCase() {
		out.CaseSensitive = wrapperspb.Bool(false)
	}
	headerMatches(out, m)
	for _, name := range slices.Sorted(maps.Keys(m.GetQueryParams())) {
		out.QueryParameters = append(out.QueryParameters, queryMatch(name, m.GetQueryParams()[name]))
	}
	return out
}

func headerMatches(out *routev3.RouteMatch, m *networkingv1alpha3.HTTPMatchRequest) {
	for _, name := range slices.Sorted(maps.Keys(m.GetHeaders())) {
		if path := resource.RoutingClaim(name); path != nil {
			out.DynamicMetadata = append(out.DynamicMetadata, claimMatch(path, m.GetHeaders()[name]))
		} else {
			out.Headers = append(out.Headers, headerMatch(name, m.GetHeaders()[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.GetWithoutHeaders())) {
		without := m.GetWithoutHeaders()[name]
		if path := resource.RoutingClaim(name); path != nil {
			out.DynamicMetadata = append(out.DynamicMetadata, inverted(claimMatch(path, without)))
			continue
		}
		h := headerMatch(name, without)
		h.InvertMatch = true
		// A header that is not there is without the value too.
		h.TreatMissingHeaderAsEmpty = h.GetStringMatch() != nil
		out.Headers = append(out.Headers, h)
	}
	slices.SortStableFunc(out.Headers, func(a, b *routev3.HeaderMatcher) int { return cmp.Compare(a.GetName(), b.GetName()) })
	for _, pseudo := range []struct {
		name string
		m    *networkingv1alpha3.StringMatch
	}{{":method", m.GetMethod()}, {":authority", m.GetAuthority()}, {":scheme", m.GetScheme()}} {
		if pseudo.m != nil {
			out.Headers = append(out.Headers, headerMatch(pseudo.name, pseudo.m))
		}
	}
}

func headerMatch(name string, m *networkingv1alpha3.StringMatch) *routev3.HeaderMatcher {
	if s := text(m); s != nil {
		return &routev3.HeaderMatcher{Name: name, HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: s}}
	}
	return &routev3.HeaderMatcher{Name: name, HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}}
}

func queryMatch(name string, m *networkingv1alpha3.StringMatch) *routev3.QueryParameterMatcher {
	if s := text(m); s != nil {
		return &routev3.QueryParameterMatcher{Name: name, QueryParameterMatchSpecifier: &routev3.QueryParameterMatcher_StringMatch{StringMatch: s}}
	}
	return &routev3.QueryParameterMatcher{Name: name, QueryParameterMatchSpecifier: &routev3.QueryParameterMatcher_PresentMatch{PresentMatch: true}}
}

// text matches a text, or is nil where any will do: that is what Istio means by no kind of
// match at all, and by the regular expression "*", which is none.
func text(m *networkingv1alpha3.StringMatch) *matcherv3.StringMatcher {
	switch m := m.GetMatchType().(type) {
	case *networkingv1alpha3.StringMatch_Exact:
		return match.Exact(m.Exact)
	case *networkingv1alpha3.StringMatch_Prefix:
		return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: m.Prefix}}
	case *networkingv1alpha3.StringMatch_Regex:
		if m.Regex != "*" {
			return match.Regex(m.Regex)
		}
	}
	return nil
}

// claimMatch matches a claim of the token that jwt_authn has verified, or a list with such a
// claim in it. Only jwt_authn writes that metadata, so nothing that a client sends but a
// valid token can make it match; without one it does not, and its inversion does.
func claimMatch(path []string, m *networkingv1alpha3.StringMatch) *matcherv3.MetadataMatcher {
	s := text(m)
	if s == nil {
		// Validation excludes it. What matches nothing opens no route.
		s = match.Regex("[^\\s\\S]")
	}
	return policy.ClaimMatcher(path, match.StringValue(s))
}

func inverted(m *matcherv3.MetadataMatcher) *matcherv3.MetadataMatcher {
	m.Invert = true
	return m
}
