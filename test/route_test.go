package test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestARequestTakesTheRouteThatMatches sends requests that differ in one thing each; a request that no
// match takes goes to the backend b.
func TestARequestTakesTheRouteThatMatches(t *testing.T) {
	r := newRouter(t, names(t, "a.test", "b.test"), routes("matches",
		`{match: [
      {uri: {exact: /exact}}, {uri: {prefix: /prefix}}, {uri: {regex: "/r[0-9]+"}}, {uri: {prefix: /Folded}, ignoreUriCase: true},
      {uri: {exact: /h}, headers: {x-exact: {exact: e}, x-prefix: {prefix: p}, x-regex: {regex: "r+"}, x-there: {}}},
      {uri: {exact: /w}, withoutHeaders: {x-not: {exact: e}, x-absent: {}, x-absent-too: {regex: "*"}}},
      {uri: {exact: /m}, method: {exact: POST}}, {uri: {exact: /a}, authority: {prefix: a.}}, {uri: {exact: /s}, scheme: {exact: https}},
      {uri: {exact: /q}, queryParams: {e: {exact: "1"}, p: {prefix: x}, r: {regex: "[0-9]+"}, there: {}}},
      {uri: {exact: /labels}, sourceLabels: {istio: ingressgateway}}, {uri: {exact: /other-labels}, sourceLabels: {istio: other}},
      {uri: {exact: /namespace}, sourceNamespace: istio-system}, {uri: {exact: /other-namespace}, sourceNamespace: default},
      {uri: {exact: /gateway}, gateways: [front]}, {uri: {exact: /other-gateway}, gateways: [other/front]}, {uri: {exact: /other-port}, port: 1}],
    `+to("a.test")+`}`, `{`+to("b.test")+`}`), "")
	headers := []string{"X-Exact", "e", "X-Prefix", "pq", "X-Regex", "rr", "X-There", ""}
	without := func(name string) []string {
		i := slices.Index(headers, name)
		return slices.Delete(slices.Clone(headers), i, i+2)
	}
	for _, c := range []struct {
		request
		a bool
	}{
		{request{path: "/exact"}, true}, {request{path: "/exact/"}, false}, {request{path: "/exact?q"}, true}, {request{path: "/Exact"}, false},
		{request{path: "/prefixX"}, true}, {request{path: "/prefi"}, false},
		{request{path: "/r12"}, true}, {request{path: "/r12x"}, false}, {request{path: "/x/r12"}, false},
		{request{path: "/fOLDED/x"}, true},
		{request{path: "/h", header: headers}, true}, {request{path: "/h"}, false}, {request{path: "/h", header: without("X-Exact")}, false}, {request{path: "/h", header: without("X-There")}, false},
		{request{path: "/h", header: append(without("X-Prefix"), "X-Prefix", "xp")}, false}, {request{path: "/h", header: append(without("X-Regex"), "X-Regex", "rrx")}, false},
		{request{path: "/w"}, true}, {request{path: "/w", header: []string{"X-Not", "e"}}, false}, {request{path: "/w", header: []string{"X-Not", "f"}}, true},
		{request{path: "/w", header: []string{"X-Absent", "x"}}, false}, {request{path: "/w", header: []string{"X-Absent-Too", ""}}, false},
		{request{path: "/m", method: "POST"}, true}, {request{path: "/m"}, false},
		{request{path: "/a", host: "a.example"}, true}, {request{path: "/a", host: "b.example"}, false},
		{request{path: "/s"}, false},
		{request{path: "/q?e=1&p=xy&r=12&there"}, true}, {request{path: "/q?e=2&p=xy&r=12&there"}, false}, {request{path: "/q?e=1&p=y&r=12&there"}, false},
		{request{path: "/q?e=1&p=xy&r=1x&there"}, false}, {request{path: "/q?e=1&p=xy&r=12"}, false},
		{request{path: "/labels"}, true}, {request{path: "/other-labels"}, false}, {request{path: "/namespace"}, true}, {request{path: "/other-namespace"}, false},
		{request{path: "/gateway"}, true}, {request{path: "/other-gateway"}, false}, {request{path: "/other-port"}, false},
	} {
		want := map[bool]string{true: "a.test", false: "b.test"}[c.a]
		if got := string(r.do(t, c.request).Body); got != want {
			t.Errorf("%s %s %s %v: %s, want %s", c.method, c.host, c.path, c.header, got, want)
		}
	}
}

func TestARedirectLeadsWhereItSays(t *testing.T) {
	r := newRouter(t, names(t, "a.test"), routes("redirects",
		`{match: [{uri: {exact: /all}}], redirect: {uri: "/new?x=1", authority: new.test, scheme: https, port: 8443, redirectCode: 308}}`,
		`{match: [{uri: {exact: /host}}], redirect: {authority: new.test}}`,
		`{match: [{uri: {exact: /scheme}}], redirect: {scheme: https, port: 443, redirectCode: 302}}`,
		`{match: [{uri: {exact: /port}}], redirect: {derivePort: FROM_REQUEST_PORT, authority: new.test, redirectCode: 303}}`,
		`{match: [{uri: {prefix: /old/}}], redirect: {prefixRewrite: /new/, redirectCode: 307}}`,
		`{match: [{uri: {exact: /direct}}], directResponse: {status: 418, body: {string: tea}}, headers: {response: {set: {x-direct: "yes"}}}}`,
	), "")
	_, port, _ := strings.Cut(r.address, ":")
	for path, want := range map[string]struct {
		status   int
		location string
	}{
		"/all":       {308, "https://new.test:8443/new?x=1"},
		"/host?q=1":  {301, "http://new.test/host?q=1"},
		"/scheme":    {302, "https://old.test/scheme"},
		"/port":      {303, "http://new.test:" + port + "/port"},
		"/old/a?q=1": {307, "http://old.test/new/a?q=1"},
		"/direct":    {418, ""},
	} {
		answer := r.do(t, request{host: "old.test", path: path})
		if got := answer.Header.Get("Location"); answer.Status != want.status || got != want.location {
			t.Errorf("%s: %d %q, want %d %q", path, answer.Status, got, want.status, want.location)
		}
		if path == "/direct" && (string(answer.Body) != "tea" || answer.Header.Get("X-Direct") != "yes") {
			t.Errorf("/direct: %q %v", answer.Body, answer.Header)
		}
	}
}

func TestRewritesAndHeadersReachTheBackend(t *testing.T) {
	backend := envoytest.RunBackend(t)
	r := newRouter(t, map[string]int{"HTTP a.test": backend.Port()}, routes("rewrites",
		`{match: [{uri: {prefix: /v1/}}], rewrite: {uri: /, authority: internal.test}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /whole}}], rewrite: {uri: /other}, `+to("a.test")+`}`,
		`{match: [{uri: {regex: "/v[23]/.*"}}], rewrite: {uriRegexRewrite: {match: "^/v([23])/(.*)$", rewrite: '/all/\2/v\1'}}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /set}}], headers: {request: {set: {x-set: new, Host: host.test, x-from: "%REQ(x-source)%"}, add: {x-add: two}, remove: [x-gone]}, response: {set: {x-answer: "100%%"}, add: {x-more: b}, remove: [content-type]}},
    route: [{destination: {host: a.test}, headers: {request: {set: {x-destination: d, host: ignored.test}}}}]}`,
		`{match: [{uri: {exact: /weighted}}], route: [{destination: {host: a.test}, weight: 1, headers: {request: {set: {x-which: "1", Host: one.test}}, response: {set: {x-which: "1"}}}}, {destination: {host: a.test, port: {number: 80}}, weight: 1, headers: {request: {set: {x-which: "2", Host: two.test}}, response: {set: {x-which: "2"}}}}]}`,
	), "")
	for path, want := range map[string]string{
		"/v1/a?q=1": "internal.test/a?q=1",
		"/whole":    "old.test/other",
		"/v2/a/b":   "old.test/all/a/b/v2",
		"/set":      "host.test/set",
	} {
		if _, got := r.received(t, request{host: "old.test", path: path}); got.Host+got.URL != want {
			t.Errorf("%s: the backend is asked for %s%s, want %s", path, got.Host, got.URL, want)
		}
	}
	answer, got := r.received(t, request{path: "/set", header: []string{"X-Set", "old", "X-Add", "one", "X-Gone", "g", "X-Source", "s", "X-From", "forged"}})
	for name, want := range map[string][]string{"X-Set": {"new"}, "X-Add": {"one", "two"}, "X-Gone": nil, "X-From": {"s"}, "X-Destination": {"d"}} {
		if values := got.Header.Values(name); strings.Join(values, ",") != strings.Join(want, ",") {
			t.Errorf("the backend got %s: %q, want %q", name, values, want)
		}
	}
	if h := answer.Header; h.Get("X-Answer") != "100%" || h.Get("X-More") != "b" || h.Get("Content-Type") != "" {
		t.Errorf("the client got %v", h)
	}
	if _, got = r.received(t, request{path: "/set", header: []string{"X-From", "forged"}}); got.Header.Get("X-From") != "" {
		t.Errorf("a header that is set from nothing keeps the client's %q", got.Header.Get("X-From"))
	}
	seen := map[string]bool{}
	for range 50 {
		answer, got := r.received(t, request{path: "/weighted"})
		which := got.Header.Get("X-Which")
		seen[which] = true
		if host := map[string]string{"1": "one.test", "2": "two.test"}[which]; got.Host != host || answer.Header.Get("X-Which") != which {
			t.Errorf("destination %s: host %s, answer %s", which, got.Host, answer.Header.Get("X-Which"))
		}
	}
	if len(seen) != 2 {
		t.Errorf("of two destinations of one weight 50 requests got to %v", seen)
	}
}

// TestRequestsAreSharedOutByWeight holds that shares are within five standard deviations: once in more
// than a million runs chance alone fails it.
func TestRequestsAreSharedOutByWeight(t *testing.T) {
	r := newRouter(t, names(t, "a.test", "b.test", "c.test"), routes("weights",
		`{route: [{destination: {host: a.test}, weight: 70}, {destination: {host: b.test}, weight: 30}, {destination: {host: c.test}, weight: 0}]}`), "")
	const n = 2000
	got := map[string]int{}
	c := dial(t, r.address)
	for range n {
		got[string(do(t, c, r.address, request{path: "/"}).Body)]++
	}
	t.Logf("of %d requests %v", n, got)
	// The square root of 2000 × 0.7 × 0.3 is 20.5.
	if got["a.test"] < 1400-103 || got["a.test"] > 1400+103 || got["a.test"]+got["b.test"] != n {
		t.Errorf("of %d requests %v, want 70 : 30 : 0", n, got)
	}
}

// TestFailedRequestsAreRetriedAsWritten asks a backend that fails twice and then answers, for each
// request.
func TestFailedRequestsAreRetriedAsWritten(t *testing.T) {
	var attempts atomic.Int32
	failing := handler(t, func(w http.ResponseWriter, r *http.Request) {
		if attempts.Add(1) <= 2 {
			if r.URL.Path == "/slow" {
				<-r.Context().Done()
				return
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	r := newRouter(t, map[string]int{"HTTP a.test": failing, "HTTP down.test": envoytest.FreePort(t)}, routes("retries",
		`{match: [{uri: {exact: /twice}}], retries: {attempts: 2, retryOn: "503", backoff: 1ms}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /once}}], retries: {attempts: 1, retryOn: 5xx, backoff: 1ms}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /never}}], retries: {attempts: 0}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /other}}], retries: {attempts: 5, retryOn: "502,reset"}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /slow}}], retries: {attempts: 2, perTryTimeout: 200ms, retryOn: "gateway-error", backoff: 1ms}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /down}}], `+to("down.test")+`}`,
		`{`+to("a.test")+`}`), "")
	for path, want := range map[string]struct{ status, attempts int }{
		"/twice": {200, 3}, "/once": {503, 2}, "/never": {503, 1}, "/other": {503, 1}, "/slow": {200, 3}, "/default": {503, 1}, "/down": {503, 0},
	} {
		attempts.Store(0)
		retried := r.counter(t, `^cluster\..*\.upstream_rq_retry$`)
		if got := r.do(t, request{path: path}).Status; got != want.status || int(attempts.Load()) != want.attempts {
			t.Errorf("%s: status %d after %d attempts, want %d after %d", path, got, attempts.Load(), want.status, want.attempts)
		}
		if n := r.counter(t, `^cluster\..*\.upstream_rq_retry$`) - retried; path == "/down" && n != 2 {
			t.Errorf("a backend that takes no connection was tried again %d times, want Istio's 2", n)
		}
	}
}

// TestARequestEndsAtItsTimeout asks a backend that does not answer.
func TestARequestEndsAtItsTimeout(t *testing.T) {
	silent := handler(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	r := newRouter(t, map[string]int{"HTTP a.test": silent}, routes("timeouts", `{timeout: 250ms, `+to("a.test")+`}`), "")
	start := time.Now()
	if got := r.do(t, request{path: "/"}); got.Status != http.StatusGatewayTimeout {
		t.Errorf("status %d, want 504: %s", got.Status, got.Body)
	}
	if took := time.Since(start); took < 200*time.Millisecond || took > 5*time.Second { // two clocks
		t.Errorf("the timeout of 250ms took %s", took)
	}
}

// TestFaultsReachTheirShareOfAllowedRequests counts aborts, within five standard deviations, and times
// delays. Policy comes first: what it refuses is neither aborted nor delayed.
func TestFaultsReachTheirShareOfAllowedRequests(t *testing.T) {
	r := newRouter(t, names(t, "a.test"), routes("faults",
		`{match: [{uri: {exact: /quarter}}], fault: {abort: {httpStatus: 418, percentage: {value: 25}}}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /always}}, {uri: {exact: /denied}}], fault: {abort: {httpStatus: 418, percentage: {value: 100}}}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /never}}], fault: {abort: {httpStatus: 418, percentage: {value: 0}}}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /grpc}}], fault: {abort: {grpcStatus: UNAVAILABLE, percentage: {value: 100}}}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /delay}}], fault: {delay: {fixedDelay: 300ms, percentage: {value: 100}}}, `+to("a.test")+`}`,
		`{`+to("a.test")+`}`), denial("guard", "ingressgateway", "/denied"))
	const n = 2000
	aborted := 0
	c := dial(t, r.address)
	for range n {
		if do(t, c, r.address, request{path: "/quarter"}).Status == 418 {
			aborted++
		}
	}
	t.Logf("of %d requests %d were aborted", n, aborted)
	// The square root of 2000 × 0.25 × 0.75 is 19.4.
	if aborted < 500-97 || aborted > 500+97 {
		t.Errorf("of %d requests %d were aborted, want a quarter", n, aborted)
	}
	for path, want := range map[string]int{"/always": 418, "/never": 200, "/denied": 403, "/other": 200} {
		if got := r.do(t, request{path: path}).Status; got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	if got := r.do(t, request{path: "/grpc", method: "POST", header: []string{"Content-Type", "application/grpc"}}); got.Header.Get("Grpc-Status") != "14" {
		t.Errorf("/grpc: %d %v, want the gRPC status 14", got.Status, got.Header)
	}
	start := time.Now()
	// Envoy's clock and ours differ by a little; without the delay the answer takes a few milliseconds.
	if got := r.do(t, request{path: "/delay"}).Status; got != 200 || time.Since(start) < 250*time.Millisecond {
		t.Errorf("/delay: %d after %s, want 200 after 300ms", got, time.Since(start))
	}
}

// TestARefusedRequestIsNotMirrored holds that copies go where they should, and none of a request that
// policy refuses.
func TestARefusedRequestIsNotMirrored(t *testing.T) {
	seen := make(chan string, 100)
	mirror := handler(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Host + r.URL.Path })
	services := names(t, "a.test")
	services["HTTP m.test"] = mirror
	r := newRouter(t, services, routes("mirrors",
		`{match: [{uri: {exact: /one}}, {uri: {exact: /denied}}], mirror: {host: m.test}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /none}}], mirror: {host: m.test}, mirrorPercentage: {value: 0}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /two}}], mirrors: [{destination: {host: m.test}}, {destination: {host: m.test}, percentage: {value: 100}}], `+to("a.test")+`}`,
		`{`+to("a.test")+`}`), denial("guard", "ingressgateway", "/denied"))
	for _, path := range []string{"/none", "/denied", "/one", "/two"} {
		answer := r.do(t, request{host: "shop.test", path: path})
		if want := map[bool]string{true: "RBAC: access denied", false: "a.test"}[path == "/denied"]; string(answer.Body) != want {
			t.Errorf("%s: the client got %q, want %q", path, answer.Body, want)
		}
	}
	// A copy of an earlier request would have come by then: the backend was asked before.
	var got []string
	for range 3 {
		select {
		case s := <-seen:
			got = append(got, s)
		case <-time.After(bound):
			t.Fatalf("copies: %v, want three", got)
		}
	}
	slices.Sort(got)
	if want := "[shop.test-shadow/one shop.test-shadow/two shop.test-shadow/two]"; fmt.Sprint(got) != want || len(seen) > 0 {
		t.Errorf("copies: %v and %d more, want %s", got, len(seen), want)
	}
}
