package optimize

import (
	"cmp"
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
)

// tokenSource is a part of requests in which tokens may stand, of which a matcher can say that it has none.
type tokenSource struct {
	kind tokenSourceKind
	// name is in lower case where it is a header's.
	name string
	// providers are those that read it, in their order.
	providers []string
	// prefixes are those behind which a header is read.
	prefixes []string
}

type tokenSourceKind int

const (
	inHeader tokenSourceKind = iota
	inParameter
	inCookie
)

// mostSources bounds the rules, of which there is one for each source, with a condition for each.
const mostSources = 8

// sourcesOf returns the sources of tokens, in order. It is false where they are too many, or where one is not
// understood.
func sourcesOf(providers map[string]*jwtauthnv3.JwtProvider, names []string) ([]tokenSource, bool) {
	var out []tokenSource
	for _, name := range names {
		out = append(out, readBy(name, providers[name])...)
	}
	slices.SortStableFunc(out, func(a, b tokenSource) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), strings.Compare(a.name, b.name))
	})
	out = joinedSources(out)
	strange := slices.ContainsFunc(out, func(s tokenSource) bool {
		// A cookie is told apart from others by its name; of a pseudo-header that is a token's place nothing is known.
		return s.name == "" || s.kind == inHeader && (s.name == "cookie" || strings.HasPrefix(s.name, ":"))
	})
	return out, !strange && len(out) <= mostSources
}

// readBy returns the sources of one provider, Envoy's own where it names none.
func readBy(name string, p *jwtauthnv3.JwtProvider) []tokenSource {
	var out []tokenSource
	add := func(kind tokenSourceKind, in, prefix string) {
		out = append(out, tokenSource{kind: kind, name: in, providers: []string{name}, prefixes: []string{prefix}})
	}
	for _, h := range p.GetFromHeaders() {
		add(inHeader, strings.ToLower(h.GetName()), h.GetValuePrefix())
	}
	for _, in := range p.GetFromParams() {
		add(inParameter, in, "")
	}
	for _, in := range p.GetFromCookies() {
		add(inCookie, in, "")
	}
	if len(out) == 0 {
		add(inHeader, "authorization", "Bearer ")
		add(inParameter, "access_token", "")
	}
	return out
}

// joinedSources makes one of sources that are the same.
func joinedSources(sorted []tokenSource) []tokenSource {
	var out []tokenSource
	for _, s := range sorted {
		last := len(out) - 1
		if last < 0 || out[last].kind != s.kind || out[last].name != s.name {
			out = append(out, s)
			continue
		}
		if !slices.Contains(out[last].providers, s.providers[0]) {
			out[last].providers = append(out[last].providers, s.providers[0])
		}
		if !slices.Contains(out[last].prefixes, s.prefixes[0]) {
			out[last].prefixes = append(out[last].prefixes, s.prefixes[0])
		}
	}
	return out
}

// single reports whether a source that once matches has one token at most. Of parameters and cookies of one name Envoy
// reads the first. A header has a token in each line, and one for each prefix in it; lines cannot be counted, but
// those of authorization are joined before any filter sees them.
func (s tokenSource) single() bool {
	return s.kind != inHeader || s.name == "authorization" && len(s.prefixes) == 1
}

// once asks that a source have one token at most, if it is single.
func (s tokenSource) once(m *routev3.RouteMatch) {
	if s.kind == inHeader && s.single() {
		// Joined lines have a comma in between.
		m.Headers = append(m.Headers, withoutText(s.name, ","))
	}
}

// empty asks that no token be in a source. It fails closed: what might be one is taken for one.
func (s tokenSource) empty(m *routev3.RouteMatch) {
	switch s.kind {
	case inHeader:
		m.Headers = append(m.Headers, &routev3.HeaderMatcher{
			Name: s.name, HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}, InvertMatch: true,
		})
	case inParameter:
		m.QueryParameters = append(m.QueryParameters, &routev3.QueryParameterMatcher{
			Name: s.name, QueryParameterMatchSpecifier: &routev3.QueryParameterMatcher_PresentMatch{PresentMatch: false},
		})
		if len(m.GetQueryParameters()) == 1 {
			m.Headers = append(m.Headers, plainParameters())
		}
	case inCookie:
		m.Headers = append(m.Headers, withoutText("cookie", s.name))
	}
}

// withoutText matches a header that is not there, or in no line of which a text is.
func withoutText(name, text string) *routev3.HeaderMatcher {
	return &routev3.HeaderMatcher{
		Name: name, InvertMatch: true, TreatMissingHeaderAsEmpty: true,
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_Contains{Contains: text},
		}},
	}
}

// plainParameters matches paths in which no name of a parameter is encoded: matchers compare names as they are
// written, but tokens are looked for by what names are once decoded. A path that is no UTF-8 does not match.
func plainParameters() *routev3.HeaderMatcher {
	const one = `[^=&%]*(=[^&]*)?`
	return &routev3.HeaderMatcher{
		Name: ":path",
		HeaderMatchSpecifier: &routev3.HeaderMatcher_StringMatch{StringMatch: &matcherv3.StringMatcher{
			MatchPattern: &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{
				Regex: `[^?]*(\?` + one + `(&` + one + `)*)?`,
			}},
		}},
	}
}
