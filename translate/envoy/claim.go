package envoy

import (
	"strings"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

// payloadKey is where jwt_authn leaves the verified token's payload, in its own namespace
// of the request's metadata. The names are wire format between jwt_authn and RBAC.
const (
	payloadNamespace = "envoy.filters.http.jwt_authn"
	payloadKey       = "payload"
)

// metadataAt matches a value of the request's metadata. Where it is missing nothing matches.
func metadataAt(namespace string, path []string, value *matcherv3.ValueMatcher) *rbacv3.Principal {
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_SourcedMetadata{SourcedMetadata: &rbacv3.SourcedMetadata{
		MetadataMatcher: metadataMatcher(namespace, path, value),
	}}}
}

func metadataMatcher(namespace string, path []string, value *matcherv3.ValueMatcher) *matcherv3.MetadataMatcher {
	out := &matcherv3.MetadataMatcher{Filter: namespace, Value: value}
	for _, key := range path {
		out.Path = append(out.Path, &matcherv3.MetadataMatcher_PathSegment{Segment: &matcherv3.MetadataMatcher_PathSegment_Key{Key: key}})
	}
	return out
}

func stringValue(m *matcherv3.StringMatcher) *matcherv3.ValueMatcher {
	return &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_StringMatch{StringMatch: m}}
}

func anyOf(values ...*matcherv3.ValueMatcher) *matcherv3.ValueMatcher {
	return &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_OrMatch{OrMatch: &matcherv3.OrMatcher{ValueMatchers: values}}}
}

func inList(v *matcherv3.ValueMatcher) *matcherv3.ValueMatcher {
	return &matcherv3.ValueMatcher{MatchPattern: &matcherv3.ValueMatcher_ListMatch{
		ListMatch: &matcherv3.ListMatcher{MatchPattern: &matcherv3.ListMatcher_OneOf{OneOf: v}},
	}}
}

// claim matches a claim that is one of the values, or a list with one of them in it.
// Numbers and booleans never match, as under Istio.
func claim(path []string, values []string) *rbacv3.Principal {
	matchers := make([]*matcherv3.ValueMatcher, 0, len(values))
	for _, v := range values {
		matchers = append(matchers, stringValue(match.String(v)))
	}
	v := matchers[0]
	if len(matchers) > 1 {
		v = anyOf(matchers...)
	}
	return metadataAt(payloadNamespace, append([]string{payloadKey}, path...), anyOf(inList(v), v))
}

// requestPrincipals matches issuer/subject, split at the last slash.
func requestPrincipals(values []string) *rbacv3.Principal {
	ids := make([]*rbacv3.Principal, 0, len(values))
	for _, v := range values {
		issuer, subject := requestPrincipal(v)
		ids = append(ids, allIDs(
			metadataAt(payloadNamespace, []string{payloadKey, "iss"}, stringValue(issuer)),
			metadataAt(payloadNamespace, []string{payloadKey, "sub"}, stringValue(subject)),
		))
	}
	if len(ids) == 1 {
		return ids[0]
	}
	return anyID(ids...)
}

// requestPrincipal reads one value, the first form that fits: a wildcard at the start
// belongs to the issuer (or, without a slash, leaves a suffix of the subject), one at the
// end to the subject (or, without a slash, leaves a prefix of the issuer).
func requestPrincipal(v string) (issuer, subject *matcherv3.StringMatcher) {
	present := match.Regex(".+")
	slash := strings.LastIndex(v, "/")
	iss, sub := v, ""
	if slash >= 0 {
		iss, sub = v[:slash], v[slash+1:]
	}
	switch {
	case v == "*":
		return present, present
	case strings.HasPrefix(v, "*") && slash < 0:
		return present, match.String(v)
	case strings.HasPrefix(v, "*"):
		return match.String(iss), match.Exact(sub)
	case strings.HasSuffix(v, "*") && slash < 0:
		return match.String(v), present
	case strings.HasSuffix(v, "*"):
		return match.Exact(iss), match.String(sub)
	default:
		return match.Exact(iss), match.Exact(sub)
	}
}
