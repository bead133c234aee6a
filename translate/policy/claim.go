package policy

import (
	"strings"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/resource"
)

// payloadKey is where jwt_authn leaves the verified token's payload, in its own namespace
// of the request's metadata. The names are wire format between jwt_authn and RBAC.
const (
	payloadNamespace = "envoy.filters.http.jwt_authn"
	payloadKey       = "payload"
)

// metadata matches a value of the request's metadata. Where it is missing nothing matches.
func metadata(m *matcherv3.MetadataMatcher) *rbacv3.Principal {
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_SourcedMetadata{SourcedMetadata: &rbacv3.SourcedMetadata{MetadataMatcher: m}}}
}

// payload matches a value in the payload of a verified token, or all of it.
func payload(path []string, value *matcherv3.ValueMatcher) *rbacv3.Principal {
	return metadata(match.Metadata(payloadNamespace, path, value))
}

// ClaimMatcher matches a claim of a verified token that the matcher takes, or a list with such a
// claim in it. Only jwt_authn writes that metadata, so nothing that a client sends but a valid
// token can make it match. Where there may be several tokens, see ClaimOf.
func ClaimMatcher(path []string, value *matcherv3.ValueMatcher) *matcherv3.MetadataMatcher {
	return match.Metadata(payloadNamespace, append([]string{payloadKey}, path...), match.AnyValue(match.InList(value), value))
}

// ClaimOf returns a matcher of claims for the token whose payload is left under a key, see
// JWTRules.PayloadKeys. Any other matcher of metadata it returns as it is.
func ClaimOf(m *matcherv3.MetadataMatcher, key string) *matcherv3.MetadataMatcher {
	out := proto.CloneOf(m)
	if m.GetFilter() == payloadNamespace {
		out.Path[0] = &matcherv3.MetadataMatcher_PathSegment{Segment: &matcherv3.MetadataMatcher_PathSegment_Key{Key: key}}
	}
	return out
}

// claim matches a claim that is one of the values, or a list with one of them in it.
// Numbers and booleans never match, as under Istio.
func claim(path []string, values []string) *rbacv3.Principal {
	matchers := make([]*matcherv3.ValueMatcher, 0, len(values))
	for _, v := range values {
		matchers = append(matchers, match.StringValue(match.String(v)))
	}
	v := matchers[0]
	if len(matchers) > 1 {
		v = match.AnyValue(matchers...)
	}
	return metadata(ClaimMatcher(path, v))
}

// requestPrincipals matches issuer/subject, split at the last slash.
func requestPrincipals(values []string) *rbacv3.Principal {
	ids := make([]*rbacv3.Principal, 0, len(values))
	for _, v := range values {
		issuer, subject := requestPrincipal(v)
		ids = append(ids, allIDs(
			payload([]string{payloadKey, "iss"}, match.StringValue(issuer)),
			payload([]string{payloadKey, "sub"}, match.StringValue(subject)),
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
	p := resource.ReadRequestPrincipal(v)
	switch {
	case v == "*":
		return present, present
	case strings.HasPrefix(v, "*") && !p.Slash:
		return present, match.String(v)
	case strings.HasPrefix(v, "*"):
		return match.String(p.Issuer), match.Exact(p.Subject)
	case strings.HasSuffix(v, "*") && !p.Slash:
		return match.String(v), present
	case strings.HasSuffix(v, "*"):
		return match.Exact(p.Issuer), match.String(p.Subject)
	default:
		return match.Exact(p.Issuer), match.Exact(p.Subject)
	}
}
