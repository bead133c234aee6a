package test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestConditionsHoldAtTheirServersOnly asks for the same things at four servers: conditions on port,
// Gateway and scheme hold at some of them, and redirects depend on where the client came in.
func TestConditionsHoldAtTheirServersOnly(t *testing.T) {
	envoytest.Require(t)
	a := newAuthority(t)
	one, two, secure, side := envoytest.FreePort(t), envoytest.FreePort(t), envoytest.FreePort(t), envoytest.FreePort(t)
	plain := func(port int, name string) string {
		return fmt.Sprintf("  - {port: {number: %d, name: %s, protocol: HTTP}, bind: 127.0.0.1, hosts: [\"*\"]}\n", port, name)
	}
	gateway := func(name string, servers ...string) string {
		return fmt.Sprintf("---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: %s}\nspec:\n  selector: {istio: ingressgateway}\n  servers:\n%s", name, strings.Join(servers, ""))
	}
	said := func(text string) string {
		return fmt.Sprintf("directResponse: {status: 200, body: {string: %s}}}", text)
	}
	http := routes("servers",
		fmt.Sprintf("{match: [{uri: {exact: /port}, port: %d}], ", one)+said("one"),
		fmt.Sprintf("{match: [{uri: {exact: /port}, port: %d}, {uri: {exact: /port}, port: %d}], ", two, secure)+said("two-or-secure"),
		"{match: [{uri: {exact: /gateway}, gateways: [side]}], "+said("side"),
		"{match: [{uri: {exact: /scheme}, scheme: {exact: https}}], "+said("https"),
		"{match: [{uri: {exact: /derived}}], redirect: {authority: new.test, derivePort: FROM_REQUEST_PORT}}",
		"{match: [{uri: {exact: /default}}], redirect: {authority: new.test, derivePort: FROM_PROTOCOL_DEFAULT}}",
		"{match: [{uri: {exact: /written}}], redirect: {authority: new.test, port: 443}}",
		"{match: [{uri: {exact: /down}}], redirect: {scheme: http, port: 80, uri: /plain}}",
		"{"+said("rest"))
	dir := newPolicyDir(t, map[string]string{
		"routing.yaml": gateway("front", plain(one, "one"), plain(two, "two"), server(secure, "secure", "HTTPS", "a.test", "mode: SIMPLE, credentialName: a")) + gateway("side", plain(side, "side")) +
			"---\n" + strings.Replace(http, "gateways: [front]", "gateways: [front, side]", 1),
		"secrets.yaml": secretOf(t, "a", a.issue(t, "a.test")),
	})
	e := startPlane(t, dir).startGateway(t, envoytest.Options{})
	for _, c := range []struct {
		port int
		want map[string]string // a body, or a location
	}{
		{one, map[string]string{"/port": "one", "/gateway": "rest", "/scheme": "rest", "/derived": fmt.Sprintf("http://new.test:%d/derived", one), "/default": "http://new.test/default", "/written": "http://new.test:443/written", "/down": "http://a.test/plain"}},
		{two, map[string]string{"/port": "two-or-secure", "/gateway": "rest", "/scheme": "rest", "/derived": fmt.Sprintf("http://new.test:%d/derived", two)}},
		{side, map[string]string{"/port": "rest", "/gateway": "side", "/scheme": "rest", "/derived": fmt.Sprintf("http://new.test:%d/derived", side)}},
		{secure, map[string]string{"/port": "two-or-secure", "/gateway": "rest", "/scheme": "https", "/derived": fmt.Sprintf("https://new.test:%d/derived", secure), "/default": "https://new.test/default", "/written": "https://new.test/written", "/down": "http://a.test/plain"}},
	} {
		address := e.MustListener(t, fmt.Sprintf("127.0.0.1_%d", c.port))
		for path, want := range c.want {
			got := ""
			if c.port == secure {
				client, err := (&secureScene{authority: a, address: address}).handshake(t, "a.test", nil)
				must(t, err)
				_, header, body, err := client.get("a.test", path)
				must(t, err)
				got = header.Get("Location") + body
			} else {
				// Nobody gets another scheme by saying so.
				answer := do(t, dial(t, address), address, request{host: "a.test", path: path, header: []string{"X-Forwarded-Proto", "https"}})
				got = answer.Header.Get("Location") + string(answer.Body)
			}
			if got != want {
				t.Errorf("port %d, %s: %q, want %q", c.port, path, got, want)
			}
		}
	}
}

// TestTheGatewaysOwnAnswersStayAsTheyAre holds the bytes of answers that come from no backend.
func TestTheGatewaysOwnAnswersStayAsTheyAre(t *testing.T) {
	r := newRouter(t, names(t, "a.test"), routes("direct",
		`{match: [{uri: {exact: /string}}], directResponse: {status: 418, body: {string: "tea é\n"}}, headers: {response: {set: {content-type: text/x-tea}, add: {x-more: "1"}, remove: [x-none]}}}`,
		`{match: [{uri: {exact: /bytes}}], directResponse: {status: 200, body: {bytes: AAEC/w==}}}`,
		`{match: [{uri: {exact: /none}}], directResponse: {status: 503}}`,
		`{match: [{uri: {prefix: /moved}}], redirect: {prefixRewrite: /now}, headers: {response: {set: {x-moved: "yes"}}}}`,
		`{match: [{uri: {exact: /query}}], redirect: {uri: "/new"}}`,
		`{match: [{uri: {exact: /own-query}}], redirect: {uri: "/new?own=1"}}`,
		`{`+to("a.test")+`}`), "")
	for path, want := range map[string]struct {
		status         int
		body, location string
	}{
		"/string": {418, "tea é\n", ""}, "/bytes": {200, "\x00\x01\x02\xff", ""}, "/none": {503, "", ""}, "/other": {200, "a.test", ""},
		"/moved/a?q=1": {301, "", "http://h.test/now/a?q=1"}, "/movedX": {301, "", "http://h.test/nowX"},
		"/query?q=1": {301, "", "http://h.test/new?q=1"}, "/own-query?q=1": {301, "", "http://h.test/new?own=1"},
	} {
		answer := r.do(t, request{host: "h.test", path: path})
		if answer.Status != want.status || string(answer.Body) != want.body || answer.Header.Get("Location") != want.location {
			t.Errorf("%s: %d %q to %q, want %v", path, answer.Status, answer.Body, answer.Header.Get("Location"), want)
		}
	}
	wantHeaders(t, r.do(t, request{path: "/string"}), map[string]string{"Content-Type": "text/x-tea", "X-More": "1"})
	wantHeaders(t, r.do(t, request{path: "/moved"}), map[string]string{"X-Moved": "yes"})
	// A body is no answer to HEAD.
	if got := r.do(t, request{method: http.MethodHead, path: "/string"}); got.Status != 418 || len(got.Body) > 0 {
		t.Errorf("HEAD: %d %q", got.Status, got.Body)
	}
}
