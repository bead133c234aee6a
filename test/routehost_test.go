package test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// answers is a VirtualService with flow-style fields, whose only answer is its own name.
func answers(meta, spec string) string {
	name, _, _ := strings.Cut(meta, ",")
	return fmt.Sprintf("---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: %s}\nspec: {%s, http: [{directResponse: {status: 200, body: {string: %s}}}]}\n", meta, spec, name)
}

// TestTheClosestHostServesARequest holds which VirtualService a host is served by: where a server and
// a VirtualService both have it, the server lets its namespace in, it is exported to the gateway,
// and it names the Gateway; the closest host counts, and a host that nobody has is 404.
func TestTheClosestHostServesARequest(t *testing.T) {
	envoytest.Require(t)
	port := envoytest.FreePort(t)
	gateway := func(meta, hosts string) string {
		return fmt.Sprintf("---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {%s}\nspec: {selector: {istio: ingressgateway}, servers: [{port: {number: %d, name: http, protocol: HTTP}, bind: 127.0.0.1, hosts: [%s]}]}\n", meta, port, hosts)
	}
	dir := newPolicyDir(t, map[string]string{
		// Two Gateways share the port.
		"gateways.yaml": gateway("name: front, namespace: shop", `"*.wide.test", one.test, "./own.test", "team/let.test", "*/any.test"`) + gateway("name: side, namespace: shop", `"*.side.test"`),
		"routes.yaml": answers("wildcard, namespace: shop", `hosts: ["*.wide.test"], gateways: [front]`) +
			answers("exact, namespace: shop", `hosts: [exact.wide.test, One.TEST], gateways: [front]`) +
			answers("closer, namespace: shop", `hosts: ["*.b.wide.test"], gateways: [front]`) +
			answers("everything, namespace: shop", `hosts: ["*"], gateways: [side]`) +
			answers("outside, namespace: shop", `hosts: [outside.test], gateways: [front]`) +
			answers("own, namespace: shop", `hosts: [own.test, let.test], gateways: [front]`) +
			answers("team, namespace: team", `hosts: [own.test, let.test, any.test], gateways: [shop/front]`) +
			answers("hidden, namespace: shop", `hosts: [hidden.wide.test], gateways: [front], exportTo: ["."]`) +
			answers("shown, namespace: shop", `hosts: [shown.wide.test], gateways: [front], exportTo: [istio-system]`) +
			answers("mesh, namespace: shop", `hosts: [mesh.wide.test]`) +
			answers("absent, namespace: team", `hosts: [absent.wide.test], gateways: [front]`),
	})
	e := startPlane(t, dir).startGateway(t, envoytest.Options{})
	address := e.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	for host, want := range map[string]string{
		"one.test": "exact", "ONE.test": "exact", "one.test:8080": "exact", "x.one.test": "", "exact.wide.test": "exact",
		"a.wide.test": "wildcard", "a.b.c.wide.test": "wildcard", "wide.test": "", "x.b.wide.test": "closer", "b.wide.test": "wildcard",
		"x.side.test": "everything", "side.test": "", "other.test": "", "outside.test": "",
		"own.test": "own", "let.test": "team", "any.test": "team",
		"hidden.wide.test": "wildcard", "shown.wide.test": "shown", "mesh.wide.test": "wildcard", "absent.wide.test": "wildcard",
	} {
		answer := askHost(t, address, host, "/")
		if status := map[bool]int{true: http.StatusNotFound, false: http.StatusOK}[want == ""]; string(answer.Body) != want || answer.Status != status {
			t.Errorf("%s: %d by %q, want %d by %q", host, answer.Status, answer.Body, status, want)
		}
	}
}

// TestARouteThatTakesEverythingComesLast holds that the VirtualServices of one host add up, the oldest
// first, that a route which takes everything comes last, and that what stands behind it in its own
// VirtualService counts nothing.
func TestARouteThatTakesEverythingComesLast(t *testing.T) {
	route := func(path, answer string) string {
		return fmt.Sprintf("{match: [{uri: {%s}}], directResponse: {status: 200, body: {string: %s}}}", path, answer)
	}
	virtualService := func(name, year string, http ...string) string {
		return strings.Replace(routes(name, http...), "{name: "+name+"}", fmt.Sprintf(`{name: %s, creationTimestamp: "%s-01-01T00:00:00Z"}`, name, year), 1)
	}
	r := newRouter(t, names(t, "unused.test"), strings.Join([]string{
		virtualService("a-newest", "2024", route("prefix: /a", "newest"), route("prefix: /only-newest", "newest"), "{directResponse: {status: 200, body: {string: never}}}"),
		virtualService("z-oldest", "2020", route("prefix: /a/b", "oldest"), route(`regex: ".*"`, "rest"), route("prefix: /behind", "never")),
		virtualService("m-middle", "2022", route("exact: /a/b", "middle"), route("exact: /a/c", "middle"), route("prefix: /a/c", "middle-too")),
	}, "---\n"), "")
	for path, want := range map[string]string{
		"/a/b": "oldest", "/a/c": "middle", "/a/cx": "middle-too", "/a/d": "newest", "/only-newest": "newest", "/behind": "rest", "/": "rest",
	} {
		if got := r.do(t, request{path: path}); string(got.Body) != want {
			t.Errorf("%s: %q, want %q", path, got.Body, want)
		}
	}
}
