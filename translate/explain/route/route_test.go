package route_test

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/translate/explain/route"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// table makes a route configuration ready that is written as YAML.
func table(t testing.TB, text string) *route.Table {
	t.Helper()
	var from any
	if err := yaml.Unmarshal([]byte(text), &from); err != nil {
		t.Fatal(err)
	}
	out, err := route.New(decoded(t, from))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// stream is a request from its first line and headers: `GET http://host/path`, `x-user: alice`.
func stream(t testing.TB, line string, headers ...string) *traffic.Stream {
	t.Helper()
	method, url, _ := strings.Cut(line, " ")
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		t.Fatalf("%q is no request", line)
	}
	authority, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	lines := []traffic.Header{{Name: ":method", Value: method}, {Name: ":authority", Value: authority}, {Name: ":scheme", Value: scheme}, {Name: "x-forwarded-proto", Value: scheme}}
	if path != "" {
		lines = append(lines, traffic.Header{Name: ":path", Value: path})
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		lines = append(lines, traffic.Header{Name: name, Value: value})
	}
	return &traffic.Stream{Headers: traffic.NewHeaders(lines, traffic.NoOthers)}
}

// chosen names the routes that may be taken, with what they depend on.
func chosen(candidates []route.Candidate) string {
	var out []string
	for _, c := range candidates {
		name := "none"
		switch {
		case c.Route != nil:
			name = c.VirtualHost.GetName() + "/" + c.Route.GetName()
		case c.VirtualHost != nil:
			name = c.VirtualHost.GetName() + " to TLS"
		}
		if !c.If.Holds() {
			name += " if " + c.If.String()
		}
		out = append(out, name)
	}
	return strings.Join(out, "; ")
}

// TestHostsAreFoundAsEnvoyFindsThem holds the order in which domains are searched, case and ports.
func TestHostsAreFoundAsEnvoyFindsThem(t *testing.T) {
	const hosts = `
virtualHosts:
- {name: exact, domains: [a.example.org, "[::1]"], routes: [{match: {prefix: /}, directResponse: {status: 200}}]}
- {name: long, domains: ["*.a.example.org"], routes: [{match: {prefix: /}, directResponse: {status: 200}}]}
- {name: short, domains: ["*.example.org", "*-x.example.org"], routes: [{match: {prefix: /}, directResponse: {status: 200}}]}
- {name: begins, domains: ["a.*", "a.example.*"], routes: [{match: {prefix: /}, directResponse: {status: 200}}]}
- {name: port, domains: ["b.net:8080"], routes: [{match: {prefix: /}, directResponse: {status: 200}}]}
`
	withPort, ignoring := table(t, hosts), table(t, hosts+"ignorePortInHostMatching: true\n")
	for authority, want := range map[string][2]string{
		"a.example.org":      {"exact/", "exact/"},
		"A.EXAMPLE.ORG":      {"exact/", "exact/"},
		"a.example.org:80":   {"begins/", "exact/"},
		"x.a.example.org":    {"long/", "long/"},
		".a.example.org":     {"short/", "short/"}, // an asterisk stands for one character at least
		"y-x.example.org":    {"short/", "short/"},
		".example.org":       {"none", "none"},
		"a.example.net":      {"begins/", "begins/"},
		"a.":                 {"none", "none"},
		"[::1]":              {"exact/", "exact/"},
		"[::1]:80":           {"none", "exact/"},
		"b.net:8080":         {"port/", "none"},
		"a.example.org:port": {"begins/", "exact/"},
		"a.example.org:":     {"begins/", "exact/"},
		"":                   {"none", "none"},
	} {
		for i, table := range []*route.Table{withPort, ignoring} {
			if got := chosen(table.Choose(stream(t, "GET http://"+authority+"/"))); got != want[i] {
				t.Errorf("%q, ports ignored %t: %s, want %s", authority, i == 1, got, want[i])
			}
		}
	}
}

// TestRoutesAreChosenInOrder holds every kind of match.
func TestRoutesAreChosenInOrder(t *testing.T) {
	routes := table(t, `
virtualHosts:
- name: h
  domains: ["*"]
  routes:
  - {name: exact, match: {path: /exact}, directResponse: {status: 200}}
  - {name: folded, match: {path: /Folded, caseSensitive: false}, directResponse: {status: 200}}
  - {name: regex, match: {safeRegex: {regex: "/[0-9]+"}}, directResponse: {status: 200}}
  - {name: separated, match: {pathSeparatedPrefix: /api}, directResponse: {status: 200}}
  - {name: connect, match: {connectMatcher: {}}, directResponse: {status: 200}}
  - {name: grpc, match: {prefix: /grpc, grpc: {}}, directResponse: {status: 200}}
  - {name: header, match: {prefix: /h, headers: [{name: x-user, stringMatch: {exact: alice}}]}, directResponse: {status: 200}}
  - {name: query, match: {prefix: /q, queryParameters: [{name: v, stringMatch: {exact: "1"}}]}, directResponse: {status: 200}}
  - {name: present, match: {prefix: /p, queryParameters: [{name: v, presentMatch: true}]}, directResponse: {status: 200}}
  - {name: absent, match: {prefix: /p, queryParameters: [{name: w, presentMatch: false}]}, directResponse: {status: 200}}
  - {name: claim, match: {prefix: /c, dynamicMetadata: [{filter: jwt, path: [{key: sub}], value: {stringMatch: {exact: alice}}}]}, directResponse: {status: 200}}
  - {name: certificate, match: {prefix: /t, tlsContext: {presented: true}}, directResponse: {status: 200}}
  - {name: never, match: {prefix: /, runtimeFraction: {defaultValue: {numerator: 0}}}, directResponse: {status: 200}}
  - {name: prefix, match: {prefix: /z}, directResponse: {status: 200}}
`)
	for name, c := range map[string]struct {
		line    string
		headers []string
		want    string
	}{
		"exact":                      {line: "GET http://h/exact", want: "h/exact"},
		"exact with query":           {line: "GET http://h/exact?a=b", want: "h/exact"},
		"exact is no prefix":         {line: "GET http://h/exact/", want: "none"},
		"case counts":                {line: "GET http://h/EXACT", want: "none"},
		"case does not count":        {line: "GET http://h/fOLDED", want: "h/folded"},
		"regex of the whole path":    {line: "GET http://h/12?x", want: "h/regex"},
		"regex of a part":            {line: "GET http://h/12a", want: "none"},
		"separated alone":            {line: "GET http://h/api?x", want: "h/separated"},
		"separated with more":        {line: "GET http://h/api/v1", want: "h/separated"},
		"not separated":              {line: "GET http://h/apiv1", want: "none"},
		"connect without a path":     {line: "CONNECT http://h", want: "h/connect"},
		"connect with a path":        {line: "CONNECT http://h/exact", want: "h/exact"},
		"grpc":                       {line: "POST http://h/grpc", headers: []string{"content-type: application/grpc+proto"}, want: "h/grpc"},
		"not grpc":                   {line: "POST http://h/grpc", headers: []string{"content-type: application/grpc-web"}, want: "none"},
		"header":                     {line: "GET http://h/h", headers: []string{"x-user: alice"}, want: "h/header"},
		"another header":             {line: "GET http://h/h", headers: []string{"x-user: bob"}, want: "none"},
		"query":                      {line: "GET http://h/q?a=b&v=1", want: "h/query"},
		"the first of two counts":    {line: "GET http://h/q?v=2&v=1", want: "none"},
		"query is not decoded":       {line: "GET http://h/q?v=%31", want: "none"},
		"a fragment is of the query": {line: "GET http://h/q?v=1#x", want: "none"},
		"present":                    {line: "GET http://h/p?v", want: "h/present"},
		"absent":                     {line: "GET http://h/p?x=v", want: "h/absent"},
		"neither":                    {line: "GET http://h/p?w", want: "none"},
		"prefix":                     {line: "GET http://h/zz", want: "h/prefix"},
	} {
		if got := chosen(routes.Choose(stream(t, c.line, c.headers...))); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	s := stream(t, "GET http://h/c")
	s.Metadata = map[string]traffic.Object{"jwt": {Fields: map[string]any{"sub": "alice"}}}
	if got := chosen(routes.Choose(s)); got != "h/claim" {
		t.Errorf("by claim: %s", got)
	}
	s = stream(t, "GET http://h/t")
	s.Mutual = true
	if got := chosen(routes.Choose(s)); got != "h/certificate" {
		t.Errorf("by certificate: %s", got)
	}
}
