package test

import (
	"net/http"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestARewriteDecidesWhatTheBackendIsAsked holds for each way of rewriting what it makes of a path and
// a host.
func TestARewriteDecidesWhatTheBackendIsAsked(t *testing.T) {
	r := newRouter(t, map[string]int{"HTTP a.test": envoytest.RunBackend(t).Port()}, routes("rewrites",
		`{match: [{uri: {prefix: /api}}], rewrite: {uri: /v2}, `+to("a.test")+`}`,
		`{match: [{uri: {prefix: /root}}], rewrite: {uri: /}, `+to("a.test")+`}`,
		`{match: [{uri: {prefix: /Folded}, ignoreUriCase: true}], rewrite: {uri: /n}, `+to("a.test")+`}`,
		`{match: [{uri: {regex: "/re[0-9]/.*"}}], rewrite: {uri: /whole}, `+to("a.test")+`}`,
		`{match: [{uri: {prefix: /sub}}], rewrite: {uriRegexRewrite: {match: "/([a-z]+)/([0-9]+)", rewrite: '/\2-\1'}, authority: sub.test}, `+to("a.test")+`}`,
		`{match: [{uri: {prefix: /host}}], rewrite: {authority: host.test}, `+to("a.test")+`}`,
		`{match: [{uri: {prefix: /by-header}}], headers: {request: {set: {":authority": header.test}}}, `+to("a.test")+`}`,
		`{match: [{uri: {prefix: /by-destination}}], route: [{destination: {host: a.test}, headers: {request: {set: {host: destination.test}}}}]}`,
		`{match: [{uri: {prefix: /add}}], headers: {request: {add: {Host: added.test}}}, `+to("a.test")+`}`,
		`{`+to("a.test")+`}`), "")
	for path, want := range map[string]string{
		"/api": "h.test/v2", "/api/a?q=1": "h.test/v2/a?q=1", "/apiX": "h.test/v2X", "/root/a": "h.test//a", "/fOLDED/X": "h.test/n/X",
		"/re1/a/b?q=/re2/": "h.test/whole?q=/re2/", "/sub/ab/12?q=/ab/12": "sub.test/sub/12-ab?q=/ab/12", "/sub/AB": "sub.test/sub/AB",
		"/host/a": "host.test/host/a", "/by-header": "header.test/by-header", "/by-destination": "destination.test/by-destination",
		"/add": "added.test/add", "/none?q=%2f": "h.test/none?q=%2f",
	} {
		if _, got := r.received(t, request{host: "h.test", path: path}); got.Host+got.URL != want {
			t.Errorf("%s: the backend is asked for %s%s, want %s", path, got.Host, got.URL, want)
		}
	}
}

// TestHeadersOfADestinationAreForItsRequestsOnly holds that what a destination does to headers is for
// its requests and answers alone, and comes to what the route does.
func TestHeadersOfADestinationAreForItsRequestsOnly(t *testing.T) {
	backend := handler(t, func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"X-One", "X-Two", "X-All"} {
			w.Header().Set("Got-"+name, r.Header.Get(name))
			w.Header().Set(name, "backend")
		}
	})
	r := newRouter(t, map[string]int{"HTTP a.test": backend, "HTTP b.test": backend, "HTTP c.test": backend}, routes("destinations",
		`{headers: {request: {set: {x-all: route}}, response: {add: {x-all: route}}}, route: [
      {destination: {host: a.test}, weight: 1, headers: {request: {set: {x-one: a}, remove: [x-two]}, response: {set: {x-which: a}, remove: [x-one]}}},
      {destination: {host: b.test}, weight: 1, headers: {request: {add: {x-one: b}}, response: {set: {x-which: b, x-two: gateway}}}},
      {destination: {host: c.test}, weight: 0, headers: {response: {set: {x-which: c}}}}]}`), "")
	seen := map[string]bool{}
	// Of two equal shares one is never hit in 50 requests once in 2^49 runs.
	for range 50 {
		answer := r.do(t, request{path: "/", header: []string{"X-One", "client", "X-Two", "client", "X-All", "client"}})
		which := answer.Header.Get("X-Which")
		seen[which] = true
		want := map[string]map[string]string{
			"a": {"Got-X-One": "a", "Got-X-Two": "", "Got-X-All": "route", "X-One": "", "X-Two": "backend"},
			"b": {"Got-X-One": "client", "Got-X-Two": "client", "Got-X-All": "route", "X-One": "backend", "X-Two": "gateway"},
		}[which]
		wantHeaders(t, answer, want)
		if all := answer.Header.Values("X-All"); len(all) != 2 || all[1] != "route" {
			t.Errorf("%s: the client got X-All %q, want the backend's and the route's", which, all)
		}
	}
	if len(seen) != 2 || !seen["a"] || !seen["b"] {
		t.Errorf("the destinations were %v, want a and b", seen)
	}
}

// TestOnlyAllowedOriginsAreAllowed asks as browsers of allowed and other origins do, and as clients that
// only look like it.
func TestOnlyAllowedOriginsAreAllowed(t *testing.T) {
	r := newRouter(t, names(t, "a.test"), routes("cors",
		`{match: [{uri: {exact: /prefix}}], corsPolicy: {allowOrigins: [{prefix: "https://a."}], allowMethods: [PUT]}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /regex}}], corsPolicy: {allowOrigins: [{regex: "https://[a-z]+[.]a[.]example"}], allowMethods: [GET], unmatchedPreflights: FORWARD}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /ignore}}], corsPolicy: {allowOrigins: [{exact: "https://a.example"}], unmatchedPreflights: IGNORE}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /all}}], corsPolicy: {allowOrigin: ["*"], exposeHeaders: [x-b, x-c], maxAge: 90s}, `+to("a.test")+`}`), "")
	const none, forwarded = "", "a.test"
	for _, c := range []struct {
		path, origin string
		// allowed is the origin in the answer to a preflight, and to a request; answer is who answers the preflight.
		allowed, answer string
	}{
		{"/prefix", "https://a.example", "https://a.example", none},
		{"/prefix", "https://b.a.example", none, forwarded},
		{"/regex", "https://x.a.example", "https://x.a.example", none},
		{"/regex", "https://x.a.example.evil", none, forwarded},
		{"/regex", "null", none, forwarded},
		{"/ignore", "https://a.example", "https://a.example", none},
		{"/ignore", "https://b.example", none, none},
		{"/all", "https://any.example", "https://any.example", none},
	} {
		preflight := r.do(t, request{method: http.MethodOptions, path: c.path, header: []string{"Origin", c.origin, "Access-Control-Request-Method", "PUT"}})
		simple := r.do(t, request{path: c.path, header: []string{"Origin", c.origin}})
		if preflight.Status != 200 || simple.Status != 200 || string(preflight.Body) != c.answer || string(simple.Body) != forwarded {
			t.Errorf("%s from %s: preflight %d %q, request %d %q", c.path, c.origin, preflight.Status, preflight.Body, simple.Status, simple.Body)
		}
		for what, answer := range map[string]*envoytest.Answer{"preflight": preflight, "request": simple} {
			if got := answer.Header.Get("Access-Control-Allow-Origin"); got != c.allowed || answer.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%s from %s: the %s allows %q, want %q, and no credentials", c.path, c.origin, what, got, c.allowed)
			}
		}
	}
	preflight := []string{"Origin", "https://a.example", "Access-Control-Request-Method", "PUT"}
	wantHeaders(t, r.do(t, request{method: http.MethodOptions, path: "/prefix", header: preflight}), map[string]string{"Access-Control-Allow-Methods": "PUT", "Access-Control-Max-Age": "", "Access-Control-Allow-Headers": ""})
	wantHeaders(t, r.do(t, request{method: http.MethodOptions, path: "/all", header: preflight}), map[string]string{"Access-Control-Allow-Methods": "", "Access-Control-Max-Age": "90"})
	wantHeaders(t, r.do(t, request{path: "/all", header: preflight[:2]}), map[string]string{"Access-Control-Expose-Headers": "x-b,x-c"})
	for what, header := range map[string][]string{"no origin": preflight[2:], "no method": preflight[:2]} {
		if got := r.do(t, request{method: http.MethodOptions, path: "/prefix", header: header}); string(got.Body) != forwarded {
			t.Errorf("OPTIONS with %s is no preflight, and is answered by %q", what, got.Body)
		}
	}
}

// TestBackendsAreToldTheTimeout reads what Envoy tells a backend of the time that it has, which
// shows without waiting that there is none where a route has no timeout: Envoy's own is 15 seconds.
func TestBackendsAreToldTheTimeout(t *testing.T) {
	r := newRouter(t, map[string]int{"HTTP a.test": envoytest.RunBackend(t).Port()}, routes("timeouts",
		`{match: [{uri: {exact: /two}}], timeout: 2s, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /try}}], timeout: 2s, retries: {attempts: 2, perTryTimeout: 300ms, retryOn: 5xx}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /try-alone}}], retries: {attempts: 2, perTryTimeout: 300ms, retryOn: 5xx}, `+to("a.test")+`}`,
		`{`+to("a.test")+`}`), "")
	for path, want := range map[string]string{"/two": "2000", "/try": "300", "/try-alone": "300", "/unset": ""} {
		if _, got := r.received(t, request{path: path}); got.Header.Get("X-Envoy-Expected-Rq-Timeout-Ms") != want {
			t.Errorf("%s: the backend has %q ms, want %q", path, got.Header.Get("X-Envoy-Expected-Rq-Timeout-Ms"), want)
		}
	}
}
