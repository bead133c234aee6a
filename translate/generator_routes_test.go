package translate_test

import (
	"fmt"
	"strings"
)

// hosts are those that a Gateway and a VirtualService can serve; the generator takes some
// that do not overlap.
func (g *generator) hosts() []string {
	return some(g, 5, []string{
		"a.example", "B.Example", "*.c.example", "*-d.example", "*f.example", "short", "e.example.", "10.1.2.3", "xn--nxasmq6b.example", "0.example", strings.Repeat("x", 63) + ".example",
	})
}

func (g *generator) gateway() object {
	var servers []object
	for i := range 1 + g.IntN(3) {
		hosts := []string{"*"}
		if g.often() {
			hosts = some(g, 4, []string{"*", "a.example", "A.example", "*.example", "*/b.example", "./short.istio-system.svc.cluster.local", "istio-system/*.c.example", "*.d.example"})
		}
		servers = append(servers, object{
			"port":  object{"number": pick(g, []int{80, 8080, 65535}), "name": fmt.Sprintf(pick(g, []string{"http-%d", "HTTP_web.%d"}), i), "protocol": pick(g, []string{"HTTP", "HTTP2", "GRPC", "http"})},
			"hosts": hosts, "bind": pick(g, []string{"", "", "0.0.0.0", "127.0.0.1"}),
		})
	}
	return g.object("Gateway", "g", object{"selector": object{"istio": "ingressgateway"}, "servers": servers})
}

func (g *generator) virtualService() object {
	var http []object
	for range 1 + g.IntN(4) {
		http = append(http, g.httpRoute())
	}
	return g.object("VirtualService", "v", object{"hosts": g.hosts(), "gateways": []string{pick(g, []string{"g", "istio-system/g", "./g"})}, "http": http})
}

func (g *generator) httpRoute() object {
	out := object{}
	if g.often() {
		var match []object
		for range 1 + g.IntN(3) {
			match = append(match, g.httpMatch())
		}
		out["match"] = match
	}
	if g.rarely() {
		out["headers"] = g.headers([]string{"x-set-a", "X-Set-A", "!#$%&'*+.^_`|~", "x-forwarded-for", "connection"})
	}
	if g.rarely() {
		out["corsPolicy"] = g.cors()
	}
	switch g.IntN(8) {
	case 0:
		out["directResponse"] = object{"status": pick(g, []int{200, 204, 301, 404, 599}), "body": object{"string": pick(g, []string{"", "a", "ü", strings.Repeat("x", 5000)})}}
	case 1:
		out["redirect"] = g.redirect()
	default:
		g.forwarding(out)
	}
	return out
}

// forwarding adds what a route says of requests that are sent on.
func (g *generator) forwarding(out object) {
	route := []object{g.destination()}
	if g.rarely() {
		second := g.destination()
		route[0]["weight"], second["weight"] = pick(g, []int{0, 1, 100, 2_000_000_000}), pick(g, []int{1, 99})
		second["headers"] = g.headers([]string{"Host", ":authority", "x-set-a"})
		route = append(route, second)
	}
	out["route"] = route
	if g.rarely() {
		out["timeout"] = pick(g, []string{"1ms", "1.5s", "87600h"})
	}
	if g.rarely() {
		out["rewrite"] = pick(g, []object{{"uri": "/"}, {"uri": "a b?c#ü"}, {"authority": "a.example:80"}, {"authority": "ü"},
			{"uriRegexRewrite": object{"match": "^/(a)(b)?", "rewrite": `\\2\\1\\0\\\\`}}, {"uriRegexRewrite": object{"match": "x", "rewrite": "ü"}}, {"uri": "/", "authority": "a"}})
	}
	if g.rarely() {
		out["retries"] = pick(g, []object{{"attempts": 0}, {"attempts": 1}, {"attempts": 2147483647, "perTryTimeout": "1ms", "backoff": "1ms"},
			{"attempts": 2, "retryOn": "503,5xx,retriable-4xx,100,511", "retryRemoteLocalities": true, "retryIgnorePreviousHosts": g.often()},
			{"attempts": 2, "retryOn": "gateway-error,reset,reset-before-request,connect-failure,refused-stream,retriable-headers,envoy-ratelimited,http3-post-connect-failure,cancelled,deadline-exceeded,internal,resource-exhausted,unavailable"},
			{"attempts": 1, "retryOn": ""}, {"attempts": 1, "backoff": "87600h"}})
	}
	if g.rarely() {
		out["fault"] = pick(g, []object{{"delay": object{"fixedDelay": "1ms", "percentage": object{"value": 0.0001}}}, {"delay": object{"fixedDelay": "87600h", "percent": 100}},
			{"abort": object{"httpStatus": 200, "percentage": object{"value": 100}}}, {"abort": object{"httpStatus": 599}}, {"abort": object{"grpcStatus": "OK", "percentage": object{"value": 33.3333}}},
			{"abort": object{"grpcStatus": "UNAUTHENTICATED"}, "delay": object{}}, {"abort": object{}, "delay": object{"percent": 5}}})
	}
	if g.rarely() {
		out["mirrors"] = []object{g.mirror(), g.mirror()}
	} else if g.rarely() {
		out["mirror"] = g.destination()["destination"]
		out["mirrorPercentage"] = object{"value": pick(g, []float64{0, 0.0001, 50, 100})}
	}
}

func (g *generator) mirror() object {
	out := g.destination()
	if g.often() {
		out["percentage"] = object{"value": pick(g, []float64{0, 0.0001, 50, 100})}
	}
	return out
}

func (g *generator) httpMatch() object {
	out := object{"ignoreUriCase": g.rarely()}
	if g.often() {
		out["uri"] = g.uri()
	}
	for _, field := range []string{"method", "authority", "scheme"} {
		if g.rarely() {
			out[field] = g.text()
		}
	}
	if g.rarely() {
		out["headers"] = object{pick(g, []string{"x-a", "X-A", "!#$%&'*+.^_`|~", ":path", ":status", "@request.auth.claims.a.b", "@request.auth.claims[a.b][c d]"}): g.text()}
	}
	if g.rarely() {
		out["withoutHeaders"] = object{pick(g, []string{"x-a", "x-b", ":authority"}): g.text(), "x-c": object{}, "x-d": object{"regex": "*"}, "@request.auth.claims[x]": object{"exact": "a"}}
	}
	if g.rarely() {
		out["queryParams"] = object{pick(g, []string{"q", "a b", "ü", "&="}): g.text()}
	}
	if g.rarely() {
		out["statPrefix"], out["name"] = pick(g, []string{"s", "a b", "ü"}), pick(g, []string{"m", "a b", "ü"})
	}
	return out
}

func (g *generator) text() object {
	return pick(g, []object{{"exact": "a"}, {"exact": "ü \t"}, {"prefix": "a"}, {"regex": "a|b"}, {"regex": `\\pL+`}, {"exact": strings.Repeat("x", 5000)}})
}

func (g *generator) redirect() object {
	out := pick(g, []object{{"uri": "/a?b#c"}, {"uri": "a"}, {"authority": "a.example:80"}, {"scheme": "https"}, {"port": 65535}, {"derivePort": "FROM_REQUEST_PORT"}, {"derivePort": "FROM_PROTOCOL_DEFAULT"}, {"uri": "%{x}%", "authority": "ü"}})
	if g.often() {
		out["redirectCode"] = pick(g, []int{301, 302, 303, 307, 308})
	}
	return out
}

func (g *generator) headers(set []string) object {
	return object{
		"request": object{
			"set":    object{pick(g, set): g.headerValue()},
			"add":    object{pick(g, []string{"x-b", "cookie", "content-length"}): g.headerValue()},
			"remove": []string{pick(g, []string{"x-c", "x-a", "te", "X_Y"})},
		},
		"response": object{"set": object{pick(g, []string{"x-a", "server", "content-length"}): g.headerValue()}, "add": object{"set-cookie": g.headerValue()}, "remove": []string{"server"}},
	}
}

func (g *generator) headerValue() string {
	return pick(g, []string{"", "a", "ü", "a\tb", "100%%", "%REQ(x-a)%", "%REQ(x-a?:path):5%", "a%START_TIME(%s.%3f)%b", "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:sub)%", "%RESP(x)%",
		"%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "%UPSTREAM_HOST%", "%PROTOCOL%", "%FILTER_STATE(a:PLAIN)%", "%ENVIRONMENT(HOME)%", "%QUERY_PARAM(a)%", "%LOCAL_REPLY_BODY%", "%ROUTE_NAME%", strings.Repeat("x", 5000)})
}

func (g *generator) cors() object {
	return object{
		"allowOrigins": []object{{"exact": "*"}, g.text()}, "allowMethods": []string{"GET", "*"}, "allowHeaders": []string{"x-a", "*"}, "exposeHeaders": []string{"*"},
		"maxAge": pick(g, []string{"1s", "87600h"}), "allowCredentials": g.often(), "unmatchedPreflights": pick(g, []string{"UNSPECIFIED", "FORWARD", "IGNORE"}),
	}
}

func (g *generator) uri() object {
	switch g.IntN(3) {
	case 0:
		return object{"exact": pick(g, []string{"/", "/a", "a", "/a b", "/ü", "*", "/?", strings.Repeat("x", 5000)})}
	case 1:
		return object{"prefix": pick(g, []string{"/", "/a", "a", "/a/", "/ü", "/#", strings.Repeat("/x", 2500)})}
	default:
		return object{"regex": pick(g, []string{
			"/.*", "a", "(a|b)*", "[^/]+", `\d+`, `(?i)/a`, `/[[:alpha:]]{1,100}`, `\pL+`, `(?P<n>a)`, "/ü+", `.{1000}`, `\xFF\x{20}`, `(?s).`, "^/a$", `\bx\b`, `[a-z]{0,1000}`, `\Qa.b\E`, `\Qa\x{100}\Eb`, "\u0100+",
			`\pL{500}`, `\PL{1000}`, `[^a]{1000}`, `(?i)\pL{300}`, `(?<n>a)`, `[\p{Greek}\p{Han}]{400}`, `\z`, `\A/`, `(?U)a+`, `a{,2}`, `[[:word:]]`, `()`, `|`,
		})}
	}
}

func (g *generator) destination() object {
	out := object{"host": pick(g, []string{"backend.example", "Backend.Example", "other.example", "missing.example", "short"})}
	if g.often() {
		out["port"] = object{"number": pick(g, []int{80, 81, 65535})}
	}
	return object{"destination": out}
}

func (g *generator) serviceEntry() object {
	resolution := pick(g, []string{"STATIC", "DNS", "DNS_ROUND_ROBIN"})
	hosts, protocols := some(g, 3, []string{"backend.example", "other.example", "short"}), []string{"HTTP", "HTTP2", "GRPC"}
	if len(hosts) == 1 {
		protocols = append(protocols, "TCP", "")
	}
	spec := object{
		"hosts": hosts, "resolution": resolution,
		"ports": []object{{"number": 80, "name": "http", "protocol": pick(g, protocols)}, {"number": 81, "name": "more", "targetPort": 65535, "protocol": pick(g, protocols)}},
	}
	if g.rarely() {
		spec["addresses"] = some(g, 2, []string{"10.1.2.3", "2001:db8::1"})
	}
	static := []string{"127.0.0.1", "::1", "10.1.2.3", "255.255.255.255", "::ffff:10.0.0.1", "2001:db8::1", "0.0.0.0"}
	var endpoints []object
	switch resolution {
	case "STATIC":
		for _, a := range some(g, 3, static) {
			endpoints = append(endpoints, object{"address": a, "weight": g.IntN(3) * 60, "ports": object{"http": 8080}})
		}
	case "DNS":
		for _, a := range some(g, 3, append(static, "localhost", "a.example.", "A.Example")) {
			endpoints = append(endpoints, object{"address": a})
		}
	default:
		endpoints = []object{{"address": "a.example"}}
	}
	if resolution == "STATIC" || g.often() {
		spec["endpoints"] = endpoints
	}
	return g.object("ServiceEntry", "s", spec)
}
