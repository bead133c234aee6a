package resource

import (
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// CatchAll reports whether a match, which may be nil, takes every request of a port that it
// is for: no condition but the prefix "/" or the regular expression ".*".
func CatchAll(m *networkingv1alpha3.HTTPMatchRequest) bool {
	if len(m.GetHeaders())+len(m.GetQueryParams())+len(m.GetWithoutHeaders()) > 0 || m.GetMethod() != nil || m.GetAuthority() != nil || m.GetScheme() != nil {
		return false
	}
	switch uri := m.GetUri().GetMatchType().(type) {
	case nil:
		return true
	case *networkingv1alpha3.StringMatch_Prefix:
		return uri.Prefix == "/"
	case *networkingv1alpha3.StringMatch_Regex:
		return uri.Regex == ".*"
	default:
		return false
	}
}

// maxCompared bounds the matches of connections that each match is compared with.
const maxCompared = 100

// unreachable warns of matches that an earlier one leaves nothing for.
func (c virtualServiceChecker) unreachable(routes []*networkingv1alpha3.HTTPRoute) {
	before := NewMatches[Path]()
	for i, r := range routes {
		matches := r.GetMatch()
		if len(matches) == 0 {
			matches = []*networkingv1alpha3.HTTPMatchRequest{nil}
		}
		for j, m := range matches {
			at := Path{"spec", "http", i}
			if m != nil {
				at = at.Field("match", j)
			}
			if first, taken := before.Taking(m); taken {
				c.add(diag.CodeRouteUnreachable, at, "no request gets to %s: %s takes them all", at, first).WithHint("put it before the other, or take it out")
			}
			// What a delegate makes of the match can be less.
			if r.GetDelegate() == nil {
				before.Add(m, at)
			}
		}
	}
}
