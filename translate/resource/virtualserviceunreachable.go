package resource

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/internal/diag"
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

// maxCompared bounds the matches that each match is compared with.
const maxCompared = 100

// earlier is a match that stands before others.
type earlier struct {
	at    Path
	match *networkingv1alpha3.HTTPMatchRequest
	// all says that it takes every request, and prefix is that of a path which is its only condition.
	all    bool
	prefix string
}

// unreachable warns of matches that an earlier one leaves nothing for.
func (c *checker) unreachable(routes []*networkingv1alpha3.HTTPRoute) {
	var before []earlier
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
			if k := slices.IndexFunc(before, func(e earlier) bool { return e.takes(m) }); k >= 0 {
				c.add(diag.CodeRouteUnreachable, at, "no request gets to %s: %s takes them all", at, before[k].at).WithHint("put it before the other, or take it out")
			}
			// What a delegate makes of the match can be less.
			if r.GetDelegate() == nil && len(before) < maxCompared {
				before = append(before, newEarlier(at, m))
			}
		}
	}
}

func newEarlier(at Path, m *networkingv1alpha3.HTTPMatchRequest) earlier {
	out := earlier{at: at, match: bare(m)}
	if restricted(m) {
		return out
	}
	out.all = CatchAll(m)
	if uri, ok := m.GetUri().GetMatchType().(*networkingv1alpha3.StringMatch_Prefix); ok && !m.GetIgnoreUriCase() {
		rest := proto.Clone(m).(*networkingv1alpha3.HTTPMatchRequest)
		if rest.Uri = nil; CatchAll(rest) {
			out.prefix = uri.Prefix
		}
	}
	return out
}

// takes reports whether the match takes every request that a later one would. It sees the
// plain cases: the same match twice, and a path within one that has no other condition.
func (e earlier) takes(later *networkingv1alpha3.HTTPMatchRequest) bool {
	if e.all {
		return true
	}
	if e.prefix != "" && !later.GetIgnoreUriCase() {
		path := later.GetUri().GetExact() + later.GetUri().GetPrefix()
		return strings.HasPrefix(path, e.prefix)
	}
	return proto.Equal(e.match.GetUri(), later.GetUri()) && proto.Equal(e.match, bare(later))
}

// restricted reports a match that is not for every gateway and port.
func restricted(m *networkingv1alpha3.HTTPMatchRequest) bool {
	return m.GetPort() != 0 || len(m.GetGateways())+len(m.GetSourceLabels()) > 0 || m.GetSourceNamespace() != ""
}

// bare is a match without what names it.
func bare(m *networkingv1alpha3.HTTPMatchRequest) *networkingv1alpha3.HTTPMatchRequest {
	if m == nil {
		return &networkingv1alpha3.HTTPMatchRequest{}
	}
	if m.GetName() == "" && m.GetStatPrefix() == "" {
		return m
	}
	out := proto.Clone(m).(*networkingv1alpha3.HTTPMatchRequest)
	out.Name, out.StatPrefix = "", ""
	return out
}
