package route_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate/explain/route"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

const outcomes = `
mostSpecificHeaderMutationsWins: true
requestHeadersToAdd: [{header: {key: x-level, value: configuration}, appendAction: OVERWRITE_IF_EXISTS_OR_ADD}]
virtualHosts:
- name: h
  domains: ["*"]
  requestHeadersToAdd: [{header: {key: x-level, value: host}, appendAction: OVERWRITE_IF_EXISTS_OR_ADD}]
  responseHeadersToAdd: [{header: {key: x-frame, value: deny}}]
  routes:
  - {name: direct, match: {path: /direct}, directResponse: {status: 503, body: {inlineString: closed}}}
  - {name: created, match: {path: /created}, directResponse: {status: 201}}
  - {name: file, match: {path: /file}, directResponse: {status: 200, body: {filename: /etc/hosts}}}
  - {name: redirect, match: {prefix: /old}, redirect: {prefixRewrite: /new, portRedirect: 8443, schemeRedirect: https, responseCode: FOUND}}
  - {name: stripped, match: {path: /strip}, redirect: {hostRedirect: b.org, stripQuery: true}}
  - name: one
    match: {prefix: /one/}
    requestHeadersToAdd:
    - {header: {key: x-level, value: "%REQ(x-level)%-route"}, appendAction: OVERWRITE_IF_EXISTS_OR_ADD}
    - {header: {key: x-sub, value: "%DYNAMIC_METADATA(jwt:sub)%"}, appendAction: OVERWRITE_IF_EXISTS_OR_ADD, keepEmptyValue: true}
    - {header: {key: x-sum, value: "%BYTES_RECEIVED%"}, appendAction: OVERWRITE_IF_EXISTS_OR_ADD}
    requestHeadersToRemove: [x-gone]
    route: {cluster: c, prefixRewrite: /, hostRewriteLiteral: inner.org, appendXForwardedHost: true}
  - name: two
    match: {prefix: /two}
    route:
      regexRewrite: {pattern: {regex: "^/two/([^/]*)"}, substitution: '/\1'}
      weightedClusters:
        clusters:
        - {name: a, weight: 90, hostRewriteLiteral: a.org, requestHeadersToAdd: [{header: {key: x-to, value: a}}]}
        - {name: b, weight: 10, responseHeadersToAdd: [{header: {key: x-to, value: b}}]}
        - {name: never, weight: 0}
`

// taken is the only route that a request may take.
func taken(t testing.TB, table *route.Table, s *traffic.Stream) route.Candidate {
	t.Helper()
	got := table.Choose(s)
	if len(got) != 1 {
		t.Fatalf("%d candidates: %s", len(got), chosen(got))
	}
	return got[0]
}

// TestRoutesAnswer holds what routes answer themselves.
func TestRoutesAnswer(t *testing.T) {
	table := table(t, outcomes)
	frame := traffic.Header{Name: "x-frame", Value: "deny"}
	location := func(to string) []traffic.Header { return []traffic.Header{{Name: "location", Value: to}, frame} }
	for path, want := range map[string]route.Outcome{
		"/direct":    {Reply: &traffic.Reply{Status: 503, Body: "closed", Headers: []traffic.Header{frame}, Details: "direct_response"}},
		"/created":   {Reply: &traffic.Reply{Status: 201, Headers: location("http://a.org:80/created"), Details: "direct_response"}},
		"/file":      {Reply: &traffic.Reply{Status: 200, Headers: []traffic.Header{frame}, Details: "direct_response"}, NotKnown: []string{"the body, which stands on the gateway's disk or in its environment"}},
		"/old/a?b=c": {Reply: &traffic.Reply{Status: 302, Headers: location("https://a.org:8443/new/a?b=c"), Details: "direct_response"}},
		"/strip?b=c": {Reply: &traffic.Reply{Status: 301, Headers: location("http://b.org/strip"), Details: "direct_response"}},
		"/none":      {Reply: &traffic.Reply{Status: 404, Details: "route_not_found", Flags: "NR"}},
	} {
		s := stream(t, "GET http://a.org:80"+path)
		if diff := cmp.Diff(want, taken(t, table, s).Outcome(s)); diff != "" {
			t.Errorf("%s (- want, + got):\n%s", path, diff)
		}
	}
}

// seen is what a backend sees, but for what tests do not set.
func seen(b route.Backend) string {
	out := []string{b.Cluster, b.Authority + b.Path}
	for _, l := range b.Headers.Lines() {
		if strings.HasPrefix(l.Name, "x-") && l.Name != "x-forwarded-proto" {
			out = append(out, l.Name+"="+l.Value)
		}
	}
	return strings.Join(out, " ")
}

// TestBackendsSeeWhatRoutesMake holds rewrites and headers, and that the client's request stays as it was.
func TestBackendsSeeWhatRoutesMake(t *testing.T) {
	table := table(t, outcomes)
	s := stream(t, "GET http://a.org/one/x?y", "x-gone: 1", "x-sub: mallory", "x-sum: 7", "x-forwarded-host: z")
	s.Metadata = map[string]traffic.Object{"jwt": {Fields: map[string]any{"sub": "alice"}}}
	before := s.Headers.Lines()
	got := taken(t, table, s).Outcome(s)
	if want := "c inner.org/x?y x-sub=alice x-forwarded-host=z,a.org x-level=host-route"; len(got.Backends) != 1 || seen(got.Backends[0]) != want {
		t.Errorf("got %s, want %s", seen(got.Backends[0]), want)
	}
	if diff := cmp.Diff([]string{"header x-sum: %BYTES_RECEIVED%"}, got.NotKnown); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, s.Headers.Lines()); diff != "" {
		t.Errorf("the request has changed:\n%s", diff)
	}
	s.Metadata = nil
	if got := seen(taken(t, table, s).Outcome(s).Backends[0]); !strings.Contains(got, "x-sub= ") {
		t.Errorf("without a token the client's header stays: %s", got)
	}
	s = stream(t, "GET http://h/two/x/y")
	got = taken(t, table, s).Outcome(s)
	if len(got.Backends) != 2 || seen(got.Backends[0]) != "a a.org/x/y x-to=a x-level=host" || seen(got.Backends[1]) != "b h/x/y x-level=host" {
		t.Errorf("two clusters: %+v", got.Backends)
	}
}

// TestRefusalsGetTheHeadersOfTheirRoute holds that the answer of a filter gets what the route does to headers of answers,
// unless the route answers itself or the cluster decides.
func TestRefusalsGetTheHeadersOfTheirRoute(t *testing.T) {
	table := table(t, outcomes)
	for path, want := range map[string]int{"/one/": 1, "/direct": 0, "/two": 0, "/none": 0} {
		s := stream(t, "GET http://h"+path)
		reply, notKnown := taken(t, table, s).Answered(s, traffic.Reply{Status: 403})
		if len(reply.Headers) != want || (path == "/two") != (len(notKnown) == 1) {
			t.Errorf("%s: %v, not known %v", path, reply.Headers, notKnown)
		}
	}
}

// TestWhatIsNotKnownLeavesRoutesOpen holds that headers, queries, claims, shares and hosts that are not known
// are never guessed.
func TestWhatIsNotKnownLeavesRoutesOpen(t *testing.T) {
	table := table(t, `
virtualHosts:
- name: h
  domains: [h]
  routes:
  - {name: header, match: {prefix: /a, headers: [{name: x-user, stringMatch: {exact: alice}}]}, route: {cluster: c}}
  - {name: query, match: {prefix: /a, queryParameters: [{name: v, stringMatch: {exact: "1"}}]}, route: {cluster: c}}
  - {name: absent, match: {prefix: /b, queryParameters: [{name: v, presentMatch: false}]}, route: {cluster: c}}
  - {name: claim, match: {prefix: /a, dynamicMetadata: [{filter: jwt, path: [{key: sub}], value: {stringMatch: {exact: alice}}}]}, route: {cluster: c}}
  - {name: share, match: {prefix: /a, runtimeFraction: {defaultValue: {numerator: 20}}}, route: {cluster: c}}
  - {name: certificate, match: {prefix: /a, tlsContext: {presented: false}}, route: {cluster: c}}
  - {name: rest, match: {prefix: /}, redirect: {hostRedirect: n}}
- {name: tls, domains: [tls], requireTls: ALL, routes: [{match: {prefix: /}, route: {cluster: c}}]}
`)
	s := stream(t, "GET http://h/a")
	s.Headers = traffic.NewHeaders(s.Headers.Lines(), traffic.OthersUnknown)
	s.QueryUnknown, s.CertificateUnknown = true, true
	s.Metadata = map[string]traffic.Object{"jwt": {Open: true}}
	var got []string
	for _, c := range table.Choose(s) {
		got = append(got, c.Route.GetName()+" if "+c.If.String())
	}
	want := []string{
		`header if header x-user is "alice"`, `query if query parameter v is "1"`, `claim if metadata jwt[sub] is the text "alice"`,
		"share if the request is one of the 20 in 100 that are drawn", "certificate if not (the client has a certificate)", "rest if holds",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(- want, + got):\n%s", diff)
	}
	s.Headers.Set(":path", "/a?w") // a query that is given is all of it
	if got := chosen(table.Choose(s)); strings.Contains(got, "query") {
		t.Error(got)
	}
	s.Headers.Set(":path", "/b")
	if got := chosen(table.Choose(s)); got != "h/absent if not (query parameter v is there); h/rest" {
		t.Error(got)
	}
	rest := table.Choose(s)[1].Outcome(s)
	if diff := cmp.Diff([]string{"the query of the location"}, rest.NotKnown); diff != "" {
		t.Error(diff)
	}
	s.Headers = traffic.NewHeaders([]traffic.Header{{Name: ":path", Value: "/x"}, {Name: ":method", Value: "GET"}}, traffic.OthersUnknown)
	got = strings.Split(chosen(table.Choose(s)), "; ")
	want = []string{
		"h/rest if host leads to h",
		`tls to TLS if (host leads to tls and not (header x-forwarded-proto is "https"))`, "tls/ if host leads to tls", "none",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("no host (- want, + got):\n%s", diff)
	}
}

// TestTLSIsAskedForFirst holds that no route is looked at before a virtual host's wish for TLS, and that the
// connection's header decides, not the scheme.
func TestTLSIsAskedForFirst(t *testing.T) {
	table := table(t, `
virtualHosts:
- {name: all, domains: [all], requireTls: ALL, responseHeadersToAdd: [{header: {key: x, value: y}}], routes: [{match: {prefix: /}, route: {cluster: c}}]}
- {name: outside, domains: [outside], requireTls: EXTERNAL_ONLY, routes: [{match: {prefix: /}, route: {cluster: c}}]}
`)
	for line, want := range map[string]string{
		"GET http://all/a":      "all to TLS",
		"GET https://all/a":     "all/",
		"GET http://outside/a":  "outside to TLS",
		"GET https://outside/a": "outside/",
	} {
		if got := chosen(table.Choose(stream(t, line))); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
	if got := chosen(table.Choose(stream(t, "GET http://outside/a", "x-envoy-internal: true"))); got != "outside/" {
		t.Errorf("from inside: %s", got)
	}
	all := taken(t, table, stream(t, "GET http://all/"))
	want := route.Outcome{Reply: &traffic.Reply{Status: 301, Details: "direct_response", Headers: []traffic.Header{{Name: "location", Value: "https://all:80/a?b"}}}}
	if diff := cmp.Diff(want, all.Outcome(stream(t, "GET http://all:80/a?b"))); diff != "" {
		t.Error(diff)
	}
}

// TestWhatBackendsSeeIsNotGuessed holds that a header, host or path that hangs on what is not known is left out and told.
func TestWhatBackendsSeeIsNotGuessed(t *testing.T) {
	table := table(t, `
virtualHosts:
- name: h
  domains: ["*"]
  requestHeadersToAdd:
  - {header: {key: x-path, value: "%REQ(:path)%"}}
  - {header: {key: x-there, value: "1"}, appendAction: ADD_IF_ABSENT}
  - {header: {key: x-other, value: "%REQ(x-other)%"}, appendAction: OVERWRITE_IF_EXISTS_OR_ADD}
  routes:
  - {match: {prefix: /host}, route: {cluster: c, hostRewriteHeader: x-host, appendXForwardedHost: true}}
  - {match: {prefix: /}, route: {cluster: c, regexRewrite: {pattern: {regex: "^/"}, substitution: /x/}}}
`)
	for path, want := range map[string]struct {
		seen     string
		notKnown []string
	}{
		"/host?q": {"c /host?q x-path=/host?q", []string{"header x-there: 1", "header x-other: %REQ(x-other)%", "the host, which is that of the header x-host"}},
		"/host":   {"c /host", []string{"header x-path: %REQ(:path)%", "header x-there: 1", "header x-other: %REQ(x-other)%", "the host, which is that of the header x-host"}},
		"/\xff?q": {"c h x-path=/\xff?q", []string{"header x-there: 1", "header x-other: %REQ(x-other)%", "the path after its rewrite"}},
	} {
		s := stream(t, "GET http://h"+path)
		s.Headers, s.QueryUnknown = traffic.NewHeaders(s.Headers.Lines(), traffic.OthersUnknown), true
		got := taken(t, table, s).Outcome(s)
		if seen(got.Backends[0]) != want.seen || !cmp.Equal(got.NotKnown, want.notKnown) {
			t.Errorf("%q: %q, not known %q\nwant %q, %q", path, seen(got.Backends[0]), got.NotKnown, want.seen, want.notKnown)
		}
	}
}

// TestAHostIsToldOnce holds that x-forwarded-host does not grow by the host that stands there last.
func TestAHostIsToldOnce(t *testing.T) {
	table := table(t, `virtualHosts: [{name: h, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: c, hostRewriteLiteral: new, appendXForwardedHost: true}}]}]`)
	for told, want := range map[string]string{"": "h", "z": "z,h", "z,h": "z,h", "h,z": "h,z,h", "z, h": "z, h,h"} {
		s := stream(t, "GET http://h/")
		if told != "" {
			s.Headers.Set("x-forwarded-host", told)
		}
		headers := taken(t, table, s).Outcome(s).Backends[0].Headers
		if got, _ := headers.First("x-forwarded-host"); got != want {
			t.Errorf("%q: %q, want %q", told, got, want)
		}
	}
}
