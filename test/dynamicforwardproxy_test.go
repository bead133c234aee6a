package test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// dynamicService leads everything to the hosts *.DOMAIN on a port, whose names clients say.
func dynamicService(domain, port, more string) string {
	return fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: dynamic}
spec:
  hosts: ["*.%s"]
  ports: [{number: 80, name: http, protocol: HTTP, targetPort: %s}]
  resolution: DYNAMIC_DNS
  %s
`, domain, port, more)
}

const (
	toDynamic      = `[{destination: {host: "*.one.localhost", port: {number: 80}}}]`
	dynamicRoutes  = "  - {match: [{uri: {prefix: /fixed}}], rewrite: {authority: fixed.one.localhost}, route: " + toDynamic + "}\n" + "  - {match: [{uri: {prefix: /outside}}], rewrite: {authority: fixed.two.localhost}, route: " + toDynamic + "}\n" + "  - {match: [{uri: {prefix: /address}}], headers: {request: {set: {host: 127.0.0.1}}}, route: " + toDynamic + "}\n" + "  - {route: " + toDynamic + "}\n"
	outsideDynamic = 404
)

// askHost sends a request with a host.
func askHost(t testing.TB, address, host, path string) *envoytest.Answer {
	t.Helper()
	return do(t, dial(t, address), address, request{host: host, path: path})
}

// TestAWildcardLeadsToItsNamesOnly holds that a gateway connects to the names that a wildcard stands
// for, on the service's port, and that no host of a request makes it connect to anything else.
func TestAWildcardLeadsToItsNamesOnly(t *testing.T) {
	envoytest.Require(t)
	backend, private := named(t, "backend", 200), named(t, "private", 200)
	s := openShop(t, dynamicRoutes, dynamicService("one.localhost", backend, ""))
	gateway := s.address[strings.LastIndexByte(s.address, ':')+1:]
	for name, c := range map[string]struct {
		host, path string
		status     int
	}{
		"a name":                           {"a.one.localhost", "/", 200},
		"another name":                     {"b.c.one.localhost", "/", 200},
		"upper case":                       {"A.ONE.LOCALHOST", "/", 200},
		"the service's port":               {"a.one.localhost:" + backend, "/", 200},
		"another port":                     {"a.one.localhost:" + private, "/", outsideDynamic},
		"the gateway's own port":           {"a.one.localhost:" + gateway, "/", outsideDynamic},
		"the domain itself":                {"one.localhost", "/", outsideDynamic},
		"another domain":                   {"a.two.localhost", "/", outsideDynamic},
		"an address":                       {"127.0.0.1", "/", outsideDynamic},
		"an address with the port":         {"127.0.0.1:" + backend, "/", outsideDynamic},
		"an address of IPv6":               {"[::1]:" + backend, "/", outsideDynamic},
		"the metadata service":             {"169.254.169.254", "/", outsideDynamic},
		"localhost":                        {"localhost", "/", outsideDynamic},
		"a name that goes on":              {"a.one.localhost.two.localhost", "/", outsideDynamic},
		"a name within another":            {"xone.localhost", "/", outsideDynamic},
		"a dot at the end":                 {"a.one.localhost.", "/", 200},
		"two dots at the end":              {"a.one.localhost..", "/", outsideDynamic},
		"a user":                           {"a.one.localhost@127.0.0.1", "/", outsideDynamic},
		"rewritten to a name":              {"whatever.example", "/fixed", 200},
		"rewritten beyond":                 {"a.one.localhost", "/outside", 503},
		"rewritten by a header beyond":     {"a.one.localhost", "/address", 503},
		"rewritten to a name from outside": {"127.0.0.1", "/fixed", 200},
	} {
		if got := askHost(t, s.address, c.host, c.path); got.Status != c.status || c.status == 200 && got.Header.Get("Backend") != "backend" {
			t.Errorf("%s (%s%s): %d by %q, want %d", name, c.host, c.path, got.Status, got.Header.Get("Backend"), c.status)
		}
	}
	if !strings.Contains(s.log.String(), "PR0938") {
		t.Error("no warning of the route that rewrites to a name beyond the wildcard")
	}
	// What is known of names is kept by a cache in Envoy, whose settings differ after the edit.
	replace(t, s.services, dynamicService("one.localhost", private, "location: MESH_INTERNAL"))
	eventually(t, "an edit of the service takes effect", func() bool {
		return askHost(t, s.address, "a.one.localhost", "/").Header.Get("Backend") == "private"
	})
	if got := askHost(t, s.address, "a.one.localhost:"+backend, "/").Status; got != outsideDynamic {
		t.Errorf("the port before the edit: %d, want %d", got, outsideDynamic)
	}
}

// TestAResolvedBackendProvesTheNameThatWasAskedFor holds that the backend's certificate must have the
// name that the client has asked for.
func TestAResolvedBackendProvesTheNameThatWasAskedFor(t *testing.T) {
	envoytest.Require(t)
	a := newAuthority(t)
	rule := "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: dynamic}\nspec: {host: \"*.one.localhost\", trafficPolicy: {connectionPool: {http: {maxRequestsPerConnection: 1}}, tls: {mode: SIMPLE, caCertificates: " + a.file + "}}}\n"
	s := openShop(t, dynamicRoutes, dynamicService("one.localhost", tlsBackend(t, a, nil, "a.one.localhost"), "")+rule)
	var got handshake
	answer := askHost(t, s.address, "a.one.localhost", "/")
	if err := json.Unmarshal(answer.Body, &got); err != nil || answer.Status != 200 || got.ServerName != "a.one.localhost" {
		t.Errorf("status %d %s, want 200 and the name a.one.localhost", answer.Status, answer.Body)
	}
	if answer := askHost(t, s.address, "b.one.localhost", "/"); answer.Status != 503 {
		t.Errorf("a name that the certificate does not have: %d, want 503", answer.Status)
	}
}

// TestAClaimChoosesARouteToResolvedNames holds that a route to resolved names can be chosen by a
// token, which Envoy sees after it has made up its mind about filters, and that the wildcard bounds it
// all the same. Other routes of the host resolve nothing.
func TestAClaimChoosesARouteToResolvedNames(t *testing.T) {
	envoytest.Require(t)
	key := newSigningKey(t)
	plain, err := strconv.Atoi(named(t, "plain", 200))
	must(t, err)
	s := openShop(t, `  - {match: [{headers: {"@request.auth.claims.group": {exact: a}}}], route: `+toDynamic+`}
  - {match: [{headers: {"@request.auth.claims.group": {exact: b}}}], route: [{destination: {host: plain.test, port: {number: 80}}}]}
  - {match: [{uri: {prefix: /dynamic}}], route: `+toDynamic+`}
  - {directResponse: {status: 299}}
`, dynamicService("one.localhost", named(t, "backend", 200), "")+"---\n"+service("HTTP", "plain.test", plain)+"---\n"+tokensOf(t, key, ""))
	a, b := bearer(key.token(t, "a.issuer", map[string]any{"group": "a"})), bearer(key.token(t, "a.issuer", map[string]any{"group": "b"}))
	for name, c := range map[string]struct {
		host, path string
		header     []string
		status     int
		backend    string
	}{
		"with the claim":                      {"a.one.localhost", "/", a, 200, "backend"},
		"without it":                          {"a.one.localhost", "/", nil, 299, ""},
		"beyond the wildcard":                 {"a.two.localhost", "/", a, 299, ""},
		"an address":                          {"127.0.0.1", "/", a, 299, ""},
		"from resolved names to a service":    {"a.one.localhost", "/dynamic", b, 200, "plain"},
		"a host that is not resolved, either": {"no.such.host.invalid", "/dynamic", b, 200, "plain"},
		"resolved for both":                   {"a.one.localhost", "/dynamic", a, 200, "backend"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.address+c.path, nil)
		must(t, err)
		request.Host = c.host
		for i := 0; i < len(c.header); i += 2 {
			request.Header.Set(c.header[i], c.header[i+1])
		}
		answer, err := dial(t, s.address).Do(request)
		must(t, err)
		if answer.Status != c.status || answer.Header.Get("Backend") != c.backend {
			t.Errorf("%s: %d by %q, want %d by %q", name, answer.Status, answer.Header.Get("Backend"), c.status, c.backend)
		}
	}
}

// TestAnAuthorizerLeadsNobodyBeyondTheWildcard holds that an authorizer which overwrites the host leads
// nobody beyond the wildcard either.
func TestAnAuthorizerLeadsNobodyBeyondTheWildcard(t *testing.T) {
	envoytest.Require(t)
	backend, private := named(t, "backend", 200), named(t, "private", 200)
	authorizer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Host", r.Header.Get("X-Host"))
	}))
	t.Cleanup(authorizer.Close)
	mesh := filepath.Join(t.TempDir(), "mesh.yaml")
	write(t, mesh, "extensionProviders: [{name: http, envoyExtAuthzHttp: {service: http.authz, port: 80, includeRequestHeadersInCheck: [x-host], headersToUpstreamOnAllow: [host]}}]\n")
	listen := envoytest.FreePort(t)
	dir := newPolicyDir(t, map[string]string{"routing.yaml": shopRouting(listen, "  - {route: "+toDynamic+"}\n---\n") + dynamicService("one.localhost", backend, "") + asks("http", "/*") + authorizerEntry("http.authz", entryPort(80, "HTTP", authorizer.Listener.Addr().(*net.TCPAddr).Port))})
	s := startPlane(t, dir, "--mesh-config", mesh)
	address := s.startGateway(t, envoytest.Options{}).MustListener(t, fmt.Sprintf("127.0.0.1_%d", listen))
	for host, want := range map[string]int{"b.one.localhost": 200, "a.two.localhost": outsideDynamic, "127.0.0.1:" + private: outsideDynamic, "a.one.localhost:" + private: outsideDynamic} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/", nil)
		must(t, err)
		request.Host = "a.one.localhost"
		request.Header.Set("X-Host", host)
		answer, err := dial(t, address).Do(request)
		must(t, err)
		if answer.Status != want || want == 200 && answer.Header.Get("Backend") != "backend" {
			t.Errorf("%s: %d by %q, want %d", host, answer.Status, answer.Header.Get("Backend"), want)
		}
	}
}

// TestATLSConnectionGoesWhereItsNameSays holds that TLS connections go where their name says, within
// the wildcard.
func TestATLSConnectionGoesWhereItsNameSays(t *testing.T) {
	envoytest.Require(t)
	port, backend := envoytest.FreePort(t), echo(t, "backend", certificate(t))
	dir := newPolicyDir(t, map[string]string{"routing.yaml": fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: egress}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: %d, name: tls, protocol: TLS}, bind: 127.0.0.1, hosts: ["*"], tls: {mode: PASSTHROUGH}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: egress}
spec:
  hosts: ["*"]
  gateways: [egress]
  tls:
  - match: [{sniHosts: ["*.one.localhost"]}]
    route: [{destination: {host: "*.one.localhost"}}]
  - match: [{sniHosts: ["*.localhost"]}]
    route: [{destination: {host: "*.one.localhost"}}]
  - match: [{sniHosts: ["*"]}]
    route: [{destination: {host: rest.test, port: {number: 80}}}]
---
`, port) + service("TLS", "rest.test", echo(t, "rest", certificate(t))) + "---\n" + strings.ReplaceAll(dynamicService("one.localhost", fmt.Sprint(backend), ""), "protocol: HTTP", "protocol: TLS")})
	s := startPlane(t, dir)
	gateway := s.startGateway(t, envoytest.Options{})
	address := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	for name, want := range map[string]string{"a.one.localhost": "backend hello", "b.one.localhost": "backend hello", "one.localhost": "", "a.two.localhost": "", "a.example": "rest hello"} {
		if got := connectTLS(t, address, name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// resolver answers every question for IPv4 with 127.0.0.1, and counts them. It returns its port.
func resolver(t testing.TB) (int, func() int) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0") //nolint:noctx // closed below
	must(t, err)
	var mu sync.Mutex
	asked := 0
	var running sync.WaitGroup
	running.Go(func() {
		for buffer := make([]byte, 512); ; {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				mu.Lock()
				asked++
				mu.Unlock()
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60}, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
			}
			if answer, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	})
	t.Cleanup(func() { _ = conn.Close(); running.Wait() })
	return conn.LocalAddr().(*net.UDPAddr).Port, func() int {
		mu.Lock()
		defer mu.Unlock()
		return asked
	}
}

// TestANameThatResolvesToTheGatewayIsRefused holds that a name within the wildcard that resolves to the
// gateway's own machine is not connected to. Envoy's caches ask a server of the test.
func TestANameThatResolvesToTheGatewayIsRefused(t *testing.T) {
	envoytest.Require(t)
	backend := named(t, "backend", 200)
	port, asked := resolver(t)
	listen := envoytest.FreePort(t)
	dir := newPolicyDir(t, map[string]string{
		"routing.yaml":  shopRouting(listen, "  - route: [{destination: {host: \"*.example.test\"}}]\n"),
		"services.yaml": dynamicService("example.test", backend, "location: MESH_INTERNAL"),
	})
	filter := regexp.MustCompile(`(?m)^( *)resolvedAddressFilter:`)
	cares := fmt.Sprintf(`${1}typedDnsResolverConfig: {"name": "envoy.network.dns_resolver.cares", "typedConfig": {"@type": "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig", "resolvers": [{"socketAddress": {"address": "127.0.0.1", "portValue": %d}}]}}`+"\n${0}", port)
	for name, c := range map[string]struct {
		edit func(string) string
		want int
	}{
		"as it is": {func(s string) string { return s }, 503},
		"without the filter": {func(s string) string {
			return strings.ReplaceAll(s, "addressPrefix: 127.0.0.0", "addressPrefix: 126.0.0.0")
		}, 200},
	} {
		bootstrap := static(t, dir)
		if !filter.MatchString(bootstrap) {
			t.Fatalf("no filter of addresses in %s", bootstrap)
		}
		before := asked()
		gateway := envoytest.Run(t, envoytest.Options{Bootstrap: []byte(c.edit(filter.ReplaceAllString(bootstrap, cares)))})
		answer := askHost(t, gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", listen)), "a.example.test", "/")
		if answer.Status != c.want || asked() == before {
			t.Errorf("%s: status %d after %d questions, want %d: %s", name, answer.Status, asked()-before, c.want, answer.Body)
		}
		gateway.Stop()
	}
}
