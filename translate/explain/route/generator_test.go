package route_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	uritemplatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/path/match/uri_template/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// generator makes route configurations, and requests around their boundaries.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator { return generator{rand.New(rand.NewPCG(seed, 14))} } //nolint:gosec // a test

func pick[T any](g generator, of ...T) T { return of[g.IntN(len(of))] }

// some says yes once in n times.
func (g generator) some(n int) bool { return g.IntN(n) == 0 }

func (g generator) config() *routev3.RouteConfiguration {
	out := &routev3.RouteConfiguration{
		Name: "routes", ValidateClusters: wrapperspb.Bool(false), IgnorePortInHostMatching: g.some(2), MostSpecificHeaderMutationsWins: g.some(2),
		RequestHeadersToAdd: g.add(), RequestHeadersToRemove: g.remove(), ResponseHeadersToAdd: g.add(), ResponseHeadersToRemove: g.remove(),
	}
	domains := []string{"a.b", "*.b", "a.*", "x.a.b", "*.a.b", "*a.b", "A.C", "a.b:80", "*:80", "[::1]", "a.b.*", "*.c"}
	if g.some(2) {
		domains = append(domains, "*")
	}
	g.Shuffle(len(domains), func(i, j int) { domains[i], domains[j] = domains[j], domains[i] })
	for i := 0; i+2 < len(domains); i += 2 {
		host := &routev3.VirtualHost{
			Name: fmt.Sprintf("h%d", i), Domains: domains[i : i+2],
			RequestHeadersToAdd: g.add(), RequestHeadersToRemove: g.remove(), ResponseHeadersToAdd: g.add(), ResponseHeadersToRemove: g.remove(),
		}
		if g.some(6) {
			host.RequireTls = routev3.VirtualHost_ALL
		}
		for k := range 1 + g.IntN(6) {
			host.Routes = append(host.Routes, g.route(fmt.Sprintf("h%d-r%d", i, k)))
		}
		if last := host.GetRoutes()[len(host.GetRoutes())-1]; g.some(2) { // which takes what is left
			last.Match = &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}}
		}
		out.VirtualHosts = append(out.VirtualHosts, host)
	}
	return out
}

func (g generator) route(name string) *routev3.Route {
	out := &routev3.Route{
		Name: name, Match: g.match(),
		RequestHeadersToAdd: g.add(), RequestHeadersToRemove: g.remove(), ResponseHeadersToAdd: g.add(), ResponseHeadersToRemove: g.remove(),
	}
	switch g.IntN(3) {
	case 0:
		out.Action = &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{
			Status: pick[uint32](g, 200, 201, 302, 404, 503), Body: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: name}},
		}}
	case 1:
		out.Action = &routev3.Route_Redirect{Redirect: g.redirect()}
	default:
		out.Action = &routev3.Route_Route{Route: g.forward(out.GetMatch())}
	}
	return out
}

func (g generator) path() string {
	return "/" + pick(g, "", "", "a", "b", "A", "a/", "a/b", "ab", "aB", "a%2fb", "a.b", "a;b", "12", "a//b", "b/a/b")
}

func (g generator) match() *routev3.RouteMatch {
	out := &routev3.RouteMatch{}
	switch g.IntN(6) {
	case 0:
		out.PathSpecifier = &routev3.RouteMatch_Path{Path: g.path()}
	case 1:
		out.PathSpecifier = &routev3.RouteMatch_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: pick(g, "/[ab]", "/.*", "/a.b", "/(a|b)/?", "/[0-9]+", "(?i)/a.*")}}
	case 2:
		out.PathSpecifier = &routev3.RouteMatch_PathSeparatedPrefix{PathSeparatedPrefix: "/" + pick(g, "a", "b", "A", "a/b")}
	case 3:
		template := match.Any(&uritemplatev3.UriTemplateMatchConfig{PathTemplate: "/" + pick(g, "*", "**", "a/*", "a/**", "*/b", "**/b")})
		out.PathSpecifier = &routev3.RouteMatch_PathMatchPolicy{PathMatchPolicy: &corev3.TypedExtensionConfig{
			Name: "envoy.path.match.uri_template.uri_template_matcher", TypedConfig: template,
		}}
	default:
		out.PathSpecifier = &routev3.RouteMatch_Prefix{Prefix: g.path()}
	}
	if g.some(3) && out.GetSafeRegex() == nil {
		out.CaseSensitive = wrapperspb.Bool(false)
	}
	if g.some(3) {
		out.Headers = append(out.Headers, g.header())
	}
	if g.some(3) {
		out.QueryParameters = append(out.QueryParameters, g.parameter())
	}
	if g.some(12) {
		out.Grpc = &routev3.RouteMatch_GrpcRouteMatchOptions{}
	}
	if g.some(8) {
		out.RuntimeFraction = &corev3.RuntimeFractionalPercent{DefaultValue: &typev3.FractionalPercent{Numerator: pick[uint32](g, 0, 100, 100)}}
	}
	return out
}

func (g generator) text() *matcherv3.StringMatcher {
	v := pick(g, "a", "b", "ab", "a,b")
	out := &matcherv3.StringMatcher{IgnoreCase: g.some(3)}
	switch g.IntN(5) {
	case 0:
		out.MatchPattern = &matcherv3.StringMatcher_Exact{Exact: pick(g, v, "")}
	case 1:
		out.MatchPattern = &matcherv3.StringMatcher_Prefix{Prefix: v}
	case 2:
		out.MatchPattern = &matcherv3.StringMatcher_Suffix{Suffix: v}
	case 3:
		out.MatchPattern = &matcherv3.StringMatcher_Contains{Contains: v}
	default:
		out.IgnoreCase = false
		out.MatchPattern = &matcherv3.StringMatcher_SafeRegex{SafeRegex: &matcherv3.RegexMatcher{Regex: pick(g, "a.*", "[ab]", ".+", ".*", "a,b")}}
	}
	return out
}

func (g generator) header() *routev3.HeaderMatcher {
	out := &routev3.HeaderMatcher{Name: pick(g, "x-t-a", "x-t-b", "X-T-A", ":method", ":authority"), InvertMatch: g.some(3), TreatMissingHeaderAsEmpty: g.some(3)}
	if g.some(3) {
		out.HeaderMatchSpecifier = &routev3.HeaderMatcher_PresentMatch{PresentMatch: g.some(2)}
		return out
	}
	out.HeaderMatchSpecifier = &routev3.HeaderMatcher_StringMatch{StringMatch: g.text()}
	return out
}

func (g generator) parameter() *routev3.QueryParameterMatcher {
	out := &routev3.QueryParameterMatcher{Name: pick(g, "q", "r", "%71")}
	switch g.IntN(4) {
	case 0:
		out.QueryParameterMatchSpecifier = &routev3.QueryParameterMatcher_PresentMatch{PresentMatch: g.some(2)}
	case 1: // nothing is asked for
	default:
		out.QueryParameterMatchSpecifier = &routev3.QueryParameterMatcher_StringMatch{StringMatch: g.text()}
	}
	return out
}

func (g generator) redirect() *routev3.RedirectAction {
	out := &routev3.RedirectAction{
		HostRedirect: pick(g, "", "", "new.host", "new.host:81"), PortRedirect: pick[uint32](g, 0, 0, 80, 443, 8443), StripQuery: g.some(3),
		ResponseCode: pick(g, routev3.RedirectAction_MOVED_PERMANENTLY, routev3.RedirectAction_FOUND, routev3.RedirectAction_SEE_OTHER, routev3.RedirectAction_TEMPORARY_REDIRECT, routev3.RedirectAction_PERMANENT_REDIRECT),
	}
	switch g.IntN(4) {
	case 0:
		out.SchemeRewriteSpecifier = &routev3.RedirectAction_HttpsRedirect{HttpsRedirect: true}
	case 1:
		out.SchemeRewriteSpecifier = &routev3.RedirectAction_SchemeRedirect{SchemeRedirect: pick(g, "http", "https")}
	}
	switch g.IntN(4) {
	case 0:
		out.PathRewriteSpecifier = &routev3.RedirectAction_PathRedirect{PathRedirect: pick(g, "/new", "new", "/new?x=y")}
	case 1:
		out.PathRewriteSpecifier = &routev3.RedirectAction_RegexRewrite{RegexRewrite: g.substitution()}
	}
	return out
}

// substitution leaves a path that begins with a slash, which the backend asks for.
func (g generator) substitution() *matcherv3.RegexMatchAndSubstitute {
	pair := pick(g, [2]string{"/(a)?(b)?", `/n\1-\2`}, [2]string{"b*", `\0\0`}, [2]string{"/([a-z]*)", "/$1"}, [2]string{"a", "$"}, [2]string{"^/(.*)$", `/\1/\0`})
	return &matcherv3.RegexMatchAndSubstitute{Pattern: &matcherv3.RegexMatcher{Regex: pair[0]}, Substitution: pair[1]}
}

// forward leads to the backend, straight or by the one of two clusters that has all the weight.
func (g generator) forward(m *routev3.RouteMatch) *routev3.RouteAction {
	out := &routev3.RouteAction{AppendXForwardedHost: g.some(2)}
	if g.some(2) {
		out.ClusterSpecifier = &routev3.RouteAction_Cluster{Cluster: "backend"}
	} else {
		cluster := &routev3.WeightedCluster_ClusterWeight{
			Name: "backend", Weight: wrapperspb.UInt32(10), RequestHeadersToAdd: g.add(), RequestHeadersToRemove: g.remove(),
		}
		if g.some(2) {
			cluster.HostRewriteSpecifier = &routev3.WeightedCluster_ClusterWeight_HostRewriteLiteral{HostRewriteLiteral: "cluster.host"}
		}
		none := &routev3.WeightedCluster_ClusterWeight{Name: "none", Weight: wrapperspb.UInt32(0)}
		out.ClusterSpecifier = &routev3.RouteAction_WeightedClusters{WeightedClusters: &routev3.WeightedCluster{
			Clusters: []*routev3.WeightedCluster_ClusterWeight{none, cluster},
		}}
	}
	switch g.IntN(5) {
	case 0:
		out.HostRewriteSpecifier = &routev3.RouteAction_HostRewriteLiteral{HostRewriteLiteral: "route.host"}
	case 1:
		out.HostRewriteSpecifier = &routev3.RouteAction_HostRewriteHeader{HostRewriteHeader: "X-T-a"}
	case 2:
		out.HostRewriteSpecifier = &routev3.RouteAction_HostRewritePathRegex{HostRewritePathRegex: &matcherv3.RegexMatchAndSubstitute{
			Pattern: &matcherv3.RegexMatcher{Regex: "/+([a-z]*).*"}, Substitution: `p\1.host`,
		}}
	}
	switch {
	case g.some(3):
		out.RegexRewrite = g.substitution()
	case g.some(2) && m.GetPathMatchPolicy() == nil:
		out.PrefixRewrite = pick(g, "/", "/new", "/new/")
	}
	return out
}

func (g generator) add() []*corev3.HeaderValueOption {
	var out []*corev3.HeaderValueOption
	for g.some(5) {
		out = append(out, &corev3.HeaderValueOption{
			Header: &corev3.HeaderValue{Key: pick(g, "x-t-a", "X-T-b", "x-t-c"), Value: pick(
				g, "plain", "100%%", "%REQ(X-T-A)%", "a-%REQ(x-t-b?x-t-c)%-b", "%REQ(:path):3%", "%REQ(:authority)%", "%REQ(x-t-none)%",
				"%DYNAMIC_METADATA(jwt:sub)%", "%DYNAMIC_METADATA(jwt:n)%", "%DYNAMIC_METADATA(jwt:yes)%", "%DYNAMIC_METADATA(jwt:in:k)%",
				"%DYNAMIC_METADATA(jwt:none)%", "%DYNAMIC_METADATA(none:sub)%", "%DYNAMIC_METADATA(jwt:sub:k)%", "%DYNAMIC_METADATA(jwt:empty)%", "%ROUTE_NAME%",
			)},
			AppendAction: corev3.HeaderValueOption_HeaderAppendAction(g.IntN(4)), KeepEmptyValue: g.some(2), //nolint:gosec // four of them
		})
	}
	return out
}

func (g generator) remove() []string {
	if g.some(6) {
		return []string{pick(g, "x-t-a", "X-T-B")}
	}
	return nil
}

func (g generator) request() request {
	out := request{
		method: pick(g, "GET", "POST"), scheme: pick(g, "http", "https"), path: g.path(),
		host: pick(g, "a.b", "A.b", "x.b", "x.a.b", "y.x.a.b", ".b", ".a.b", "xa.b", "a.c", "a.C:80", "a.b:80", "a.b:443", "q:80", "[::1]", "[::1]:443", "[::1]:80", "a.b.c", "a.", "c", "x.c:8080"),
	}
	if g.some(2) {
		out.path += pick(g, "?", "?q", "?q=a", "?q=b&q=a", "?r=ab&q=", "?%71=a", "?q=%61", "?q=a?b", "?&&q=A", "?=a&r", "?q=a=b")
	}
	for g.some(2) {
		out.headers = append(out.headers, traffic.Header{Name: pick(g, "x-t-a", "x-t-b", "x-t-c"), Value: pick(g, "", "a", "b", "AB", "a,b", "ab")})
	}
	if g.some(8) {
		out.headers = append(out.headers, traffic.Header{Name: "content-type", Value: pick(g, "application/grpc", "application/grpc+proto", "application/grpcx", "text/plain")})
	}
	if g.some(8) {
		out.headers = append(out.headers, traffic.Header{Name: "x-forwarded-host", Value: pick(g, "a.b", "b, a.b", ",", strings.ToUpper("a.b"))})
	}
	return out
}
