package test

import (
	"strings"
	"testing"
)

// matchCase is one match and requests that it takes and leaves. Each has a host of its own, which
// is that of its requests where they name none.
type matchCase struct {
	match         string
	takes, leaves []request
}

func matchCases() map[string]matchCase {
	at := func(path string, header ...string) request { return request{path: path, header: header} }
	by := func(method string) request { return request{method: method, path: "/"} }
	from := func(host string) request { return request{host: host, path: "/"} }
	return map[string]matchCase{
		"exact-folded":     {`uri: {exact: /Exact}, ignoreUriCase: true`, []request{at("/exact"), at("/EXACT?q")}, []request{at("/exact/"), at("/exac")}},
		"regex-not-folded": {`uri: {regex: "/[a-z]+"}, ignoreUriCase: true`, []request{at("/abc")}, []request{at("/ABC"), at("/abc1")}},
		"regex-whole":      {`uri: {regex: "/a|/b/c"}`, []request{at("/a"), at("/a?b=c"), at("/b/c")}, []request{at("/ab"), at("/x/a"), at("/b/c/d")}},
		"prefix-is-text":   {`uri: {prefix: /static}`, []request{at("/static"), at("/staticX"), at("/static/a")}, []request{at("/stati"), at("/Static"), at("/x/static")}},
		"no-uri":           {`headers: {x-a: {exact: a}}`, []request{at("/", "X-A", "a"), at("/any/path", "X-A", "a")}, []request{at("/")}},
		"method-regex":     {`method: {regex: "GET|PUT"}`, []request{by("GET"), by("PUT")}, []request{by("POST"), by("DELETE")}},
		"method-prefix":    {`method: {prefix: P}`, []request{by("POST"), by("PUT"), by("PATCH")}, []request{by("GET")}},
		// A port in Host does not keep a request from its virtual host, but is part of the authority.
		"authority-exact": {`authority: {exact: "authority-exact.test"}`, []request{from("authority-exact.test")}, []request{from("authority-exact.test:8080")}},
		"authority-regex": {`authority: {regex: "authority-regex[.]test:80+"}`, []request{from("authority-regex.test:80"), from("authority-regex.test:8000")}, []request{from("authority-regex.test"), from("authority-regex.test:81")}},
		"scheme":          {`scheme: {exact: http}`, []request{at("/"), at("/", "X-Forwarded-Proto", "https")}, nil},
		"scheme-other":    {`scheme: {prefix: https}`, nil, []request{at("/"), at("/", "X-Forwarded-Proto", "https")}},
		"header-exact":    {`headers: {X-Mixed: {exact: a}}`, []request{at("/", "x-mixed", "a"), at("/", "X-MIXED", "a")}, []request{at("/", "X-Mixed", "A"), at("/", "X-Mixed", "ab"), at("/")}},
		"header-prefix":   {`headers: {x-a: {prefix: a}}`, []request{at("/", "X-A", "a"), at("/", "X-A", "ab")}, []request{at("/", "X-A", "ba"), at("/", "X-A", ""), at("/")}},
		"header-regex":    {`headers: {x-a: {regex: "a+"}}`, []request{at("/", "X-A", "aaa")}, []request{at("/", "X-A", "aab"), at("/", "X-A", ""), at("/")}},
		"header-present":  {`headers: {x-a: {}}`, []request{at("/", "X-A", "x"), at("/", "X-A", "")}, []request{at("/"), at("/", "X-Ab", "x")}},
		"header-pseudo":   {`headers: {":path": {prefix: /x}, ":method": {exact: POST}}`, []request{{method: "POST", path: "/x/y"}}, []request{at("/x"), {method: "POST", path: "/"}}},
		"header-several":  {`headers: {x-a: {exact: a}, x-b: {exact: b}}`, []request{at("/", "X-A", "a", "X-B", "b")}, []request{at("/", "X-A", "a"), at("/", "X-B", "b")}},
		"without-exact":   {`withoutHeaders: {x-a: {exact: a}}`, []request{at("/"), at("/", "X-A", "b"), at("/", "X-A", "")}, []request{at("/", "X-A", "a")}},
		"without-prefix":  {`withoutHeaders: {x-a: {prefix: a}}`, []request{at("/"), at("/", "X-A", "ba")}, []request{at("/", "X-A", "ab")}},
		"without-regex":   {`withoutHeaders: {x-a: {regex: "a+"}}`, []request{at("/"), at("/", "X-A", "aab")}, []request{at("/", "X-A", "aa")}},
		"without-present": {`withoutHeaders: {x-a: {}}`, []request{at("/")}, []request{at("/", "X-A", "")}},
		"with-and-not":    {`headers: {x-a: {exact: a}}, withoutHeaders: {x-b: {}}`, []request{at("/", "X-A", "a")}, []request{at("/", "X-A", "a", "X-B", "b"), at("/")}},
		"query-exact":     {`queryParams: {q: {exact: "1"}}`, []request{at("/?q=1"), at("/?x=2&q=1")}, []request{at("/?q=12"), at("/?q="), at("/?qq=1"), at("/")}},
		"query-prefix":    {`queryParams: {q: {prefix: a}}`, []request{at("/?q=ab"), at("/?x=1&q=a")}, []request{at("/?q=ba"), at("/?Q=a"), at("/")}},
		"query-regex":     {`queryParams: {q: {regex: "[0-9]+"}}`, []request{at("/?q=12")}, []request{at("/?q=1a"), at("/?q="), at("/")}},
		"query-present":   {`queryParams: {q: {}}`, []request{at("/?q"), at("/?q=1")}, []request{at("/"), at("/?qq=1")}},
		"all-of-one": {`uri: {prefix: /a}, method: {exact: POST}, headers: {x-a: {exact: a}}, queryParams: {q: {exact: "1"}}`,
			[]request{{method: "POST", path: "/a?q=1", header: []string{"X-A", "a"}}},
			[]request{{method: "POST", path: "/b?q=1", header: []string{"X-A", "a"}}, {path: "/a?q=1", header: []string{"X-A", "a"}}, {method: "POST", path: "/a?q=1"}, {method: "POST", path: "/a", header: []string{"X-A", "a"}}}},
		"one-of-two":          {`uri: {exact: /a}}, {method: {exact: POST}`, []request{at("/a"), {method: "POST", path: "/b"}}, []request{at("/b")}},
		"source-labels":       {`sourceLabels: {istio: ingressgateway}, sourceNamespace: istio-system`, []request{at("/")}, nil},
		"source-other":        {`sourceLabels: {istio: ingressgateway, zone: b}}, {sourceNamespace: default`, nil, []request{at("/")}},
		"source-with-gateway": {`gateways: [front], sourceLabels: {istio: other}, sourceNamespace: other`, []request{at("/")}, nil}, // as in Istio
		"port-other":          {`port: 1`, nil, []request{at("/")}},
		"gateway-other":       {`gateways: [other]`, nil, []request{at("/")}},
	}
}

// TestEachKindOfMatchTakesItsRequestsOnly holds for each kind of match which requests it takes and
// which it leaves.
func TestEachKindOfMatchTakesItsRequestsOnly(t *testing.T) {
	var services []string
	for name, c := range matchCases() {
		services = append(services, strings.Replace(routes(name,
			`{match: [{`+c.match+`}], directResponse: {status: 200, body: {string: taken}}}`,
			`{directResponse: {status: 200, body: {string: left}}}`), `"*"`, name+".test", 1))
	}
	r := newRouter(t, names(t, "unused.test"), strings.Join(services, "---\n"), "")
	for name, c := range matchCases() {
		if len(c.takes)+len(c.leaves) == 0 {
			t.Errorf("%s has no request", name)
		}
		for want, requests := range map[string][]request{"taken": c.takes, "left": c.leaves} {
			for _, q := range requests {
				if q.host == "" {
					q.host = name + ".test"
				}
				if got := r.do(t, q); string(got.Body) != want {
					t.Errorf("%s: %s %s%s %v is %d %q, want %s", name, q.method, q.host, q.path, q.header, got.Status, got.Body, want)
				}
			}
		}
	}
}

// TestRoutesAreToldApartByName holds that routes are told apart by name, as in the access log, and that
// requests of one with a statPrefix are counted on their own.
func TestRoutesAreToldApartByName(t *testing.T) {
	r := newRouter(t, names(t, "a.test"), routes("names",
		`{name: outer, match: [{uri: {prefix: /both}, name: inner}, {uri: {prefix: /outer}}, {uri: {prefix: /counted}, statPrefix: apart}], headers: {response: {set: {x-route: "%ROUTE_NAME%"}}}, `+to("a.test")+`}`,
		`{headers: {response: {set: {x-route: "%ROUTE_NAME%"}}}, `+to("a.test")+`}`), "")
	for path, want := range map[string]string{"/both": "outer.inner", "/outer": "outer", "/counted": "outer"} {
		if got := r.do(t, request{path: path}).Header.Get("X-Route"); got != want {
			t.Errorf("%s: the route %q, want %q", path, got, want)
		}
	}
	const n = 7
	for range n - 1 {
		r.do(t, request{path: "/counted"})
	}
	if got := r.counter(t, `^vhost\..*\.route\.apart\.upstream_rq_2xx$`); got != n {
		t.Errorf("the route counts %d requests, want %d", got, n)
	}
}
