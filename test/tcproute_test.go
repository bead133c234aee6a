package test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// connectionRouting is two Gateways with a port each for connections in the clear and for TLS that
// is passed through, and services whose backends say their names.
type connectionRouting struct {
	gateway            *envoytest.Envoy
	tcp, tls           string // of the Gateway front
	otherTCP, otherTLS string // of the Gateway side
}

// newConnectionRouting serves routes that are written with the names of the ports: tcp and tls.
func newConnectionRouting(t *testing.T, virtualServices func(tcp, tls int) string, services ...string) connectionRouting {
	t.Helper()
	envoytest.Require(t)
	ports := [4]int{envoytest.FreePort(t), envoytest.FreePort(t), envoytest.FreePort(t), envoytest.FreePort(t)}
	var routing strings.Builder
	for i, name := range []string{"front", "side"} {
		fmt.Fprintf(&routing, `---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: %s}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: %d, name: tcp, protocol: TCP}, bind: 127.0.0.1, hosts: ["*"]}
  - {port: {number: %d, name: tls, protocol: TLS}, bind: 127.0.0.1, hosts: ["*.test", "*.example"], tls: {mode: PASSTHROUGH}}
`, name, ports[2*i], ports[2*i+1])
	}
	config := certificate(t)
	for _, name := range services {
		// One backend speaks TLS, for tls routes, the other does not.
		routing.WriteString(forwarded(name+".tls", echo(t, name, config)) + forwarded(name+".tcp", echo(t, name, nil)))
	}
	p := startPlane(t, newPolicyDir(t, map[string]string{"routing.yaml": routing.String(), "routes.yaml": virtualServices(ports[0], ports[1])}))
	if status, err := p.status(t); err != nil || status.Diagnostics.HasErrors() {
		t.Fatalf("the configuration is refused: %v, %v", status.Diagnostics, err)
	}
	r := connectionRouting{gateway: p.startGateway(t, envoytest.Options{})}
	for i, address := range []*string{&r.tcp, &r.tls, &r.otherTCP, &r.otherTLS} {
		*address = r.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", ports[i]))
	}
	return r
}

// connectionRoutes is a VirtualService with tcp and tls routes in flow style.
func connectionRoutes(name, hosts, gateways, routes string) string {
	return fmt.Sprintf("---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: %s}\nspec: {hosts: [%s], gateways: [%s], %s}\n", name, hosts, gateways, routes)
}

// toPort80 is an entry of a tcp or tls route.
func toPort80(host, further string) string {
	return fmt.Sprintf("{destination: {host: %s, port: {number: 80}}%s}", host, further)
}

// TestConnectionsAreSharedOutByWeight holds that connections are shared out as their weights say.
func TestConnectionsAreSharedOutByWeight(t *testing.T) {
	r := newConnectionRouting(t, func(int, int) string {
		shares := func(kind string) string {
			return "route: [" + toPort80("one."+kind, ", weight: 1") + ", " + toPort80("two."+kind, ", weight: 3") + ", " + toPort80("never."+kind, ", weight: 0") + "]"
		}
		return connectionRoutes("shares", `"*"`, "front, side", `tcp: [{`+shares("tcp")+`}], tls: [{match: [{sniHosts: ["*.test"]}], `+shares("tls")+`}]`)
	}, "one", "two", "never")
	for what, ask := range map[string]func() string{
		"tcp": func() string { return connect(t, r.tcp) },
		"tls": func() string { return connectTLS(t, r.tls, "a.test") },
	} {
		got := map[string]int{}
		for range 800 {
			got[ask()]++
		}
		if got["one hello"]+got["two hello"] != 800 {
			t.Errorf("%s: the answers are %v", what, got)
		}
		aQuarter(t, what+" connections to the first destination", got["one hello"])
	}
}

// TestTheClosestRouteTakesAConnection holds which route takes a connection: by port, Gateway and the name
// that a client asks for, of which the closest counts. What Istio ignores on gateways decides nothing.
func TestTheClosestRouteTakesAConnection(t *testing.T) {
	r := newConnectionRouting(t, func(tcp, tls int) string {
		return connectionRoutes("tcp", `"*"`, "front, side", fmt.Sprintf("tcp: [{match: [{port: 1}], route: [%s]}, {match: [{port: %d, destinationSubnets: [10.0.0.0/8], sourceLabels: {istio: other}}], route: [%s]}, {match: [{gateways: [side]}], route: [%s]}, {route: [%s]}]",
			toPort80("never.tcp", ""), tcp, toPort80("front.tcp", ""), toPort80("side.tcp", ""), toPort80("never.tcp", ""))) +
			connectionRoutes("tls", `"*.test", "*.example"`, "front, side", fmt.Sprintf(`tls: [{match: [{sniHosts: [exact.test]}], route: [%s]}, {match: [{sniHosts: ["*.test"], port: %d}], route: [%s]}, {match: [{sniHosts: ["*.test"], gateways: [side]}], route: [%s]}, {match: [{sniHosts: ["*.close.test"]}, {sniHosts: [a.example, b.example], destinationSubnets: [10.0.0.0/8]}], route: [%s]}]`,
				toPort80("exact.tls", ""), tls, toPort80("front.tls", ""), toPort80("side.tls", ""), toPort80("close.tls", ""))) +
			connectionRoutes("side", `side.test`, "side", fmt.Sprintf("tls: [{match: [{sniHosts: [side.test]}], route: [%s]}]", toPort80("exact.tls", "")))
	}, "front", "side", "exact", "close", "never")
	for address, want := range map[string]string{r.tcp: "front hello", r.otherTCP: "side hello"} {
		if got := connect(t, address); got != want {
			t.Errorf("a connection to %s: %q, want %q", address, got, want)
		}
	}
	for address, names := range map[string]map[string]string{
		r.tls: {
			"exact.test": "exact hello", "other.test": "front hello", "a.b.test": "front hello", "x.close.test": "close hello", "close.test": "front hello",
			"side.test": "front hello", "a.example": "close hello", "b.example": "close hello", "c.example": "", "test": "", "": "",
		},
		r.otherTLS: {"exact.test": "exact hello", "other.test": "side hello", "x.close.test": "close hello", "side.test": "exact hello", "a.example": "close hello", "x.a.example": ""},
	} {
		for name, want := range names {
			if got := connectTLS(t, address, name); got != want {
				t.Errorf("%q at %s: %q, want %q", name, address, got, want)
			}
		}
	}
}
