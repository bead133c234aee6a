package translate_test

import (
	"fmt"
	"strings"
)

// hosts are those that a Gateway and a VirtualService can serve; the generator takes some
// that do not overlap.
func (g *generator) hosts() []string {
	return some(g, 5, []string{
		"a.example", "B.Example", "*.c.example", "*-d.example", "short", "e.example.", "10.1.2.3", "xn--nxasmq6b.example", "0.example", strings.Repeat("x", 63) + ".example",
	})
}

func (g *generator) gateway() object {
	var servers []object
	for i := range 1 + g.IntN(3) {
		hosts := []string{"*"}
		if g.often() {
			hosts = some(g, 4, []string{"*", "a.example", "A.example", "*.example", "*/b.example", "./short", "istio-system/*.c.example", "*-d.example"})
		}
		servers = append(servers, object{
			"port":  object{"number": pick(g, []int{80, 8080, 65535}), "name": fmt.Sprintf("http-%d", i), "protocol": pick(g, []string{"HTTP", "HTTP2", "GRPC", "http"})},
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
			match = append(match, object{"uri": g.uri(), "ignoreUriCase": g.rarely()})
		}
		out["match"] = match
	}
	if g.rarely() {
		out["directResponse"] = object{"status": pick(g, []int{200, 204, 301, 404, 599}), "body": object{"string": pick(g, []string{"", "a", "ü", strings.Repeat("x", 5000)})}}
		return out
	}
	route := []object{g.destination()}
	if g.rarely() {
		second := g.destination()
		route[0]["weight"], second["weight"] = pick(g, []int{0, 1, 100, 2_000_000_000}), pick(g, []int{1, 99})
		route = append(route, second)
	}
	out["route"] = route
	return out
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
	spec := object{
		"hosts": some(g, 3, []string{"backend.example", "other.example", "short"}), "resolution": resolution,
		"ports": []object{{"number": 80, "name": "http", "protocol": pick(g, []string{"HTTP", "HTTP2", "GRPC", "TCP"})}, {"number": 81, "name": "more", "targetPort": 65535}},
	}
	if g.rarely() {
		spec["addresses"] = some(g, 2, []string{"10.1.2.3", "10.0.0.0/8", "2001:db8::1"})
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
