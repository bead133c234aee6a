package test

import (
	"crypto/tls"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// countedWorld has whatever may become part of the name of a statistic, each named after a marker: listeners
// on addresses of IPv4 and IPv6 and on a socket, over TLS too, routes, hosts, subsets, policy and authorizers.
type countedWorld struct {
	marker                                string
	http, https, tcp, weighted, six, auth int
	socket                                string
	plane                                 *plane
	gateway                               *envoytest.Envoy
	dir                                   string
}

// openCountedWorld serves it.
func openCountedWorld(t *testing.T, marker string, flags ...string) *countedWorld {
	t.Helper()
	authorizer := &connectionAuthorizer{}
	authorizer.allow.Store(true)
	w := &countedWorld{marker: marker, socket: filepath.Join(shortDir(t), marker+".sock")}
	w.auth, _ = authorizer.serve(t)
	for _, port := range []*int{&w.http, &w.https, &w.tcp, &w.weighted, &w.six} {
		*port = envoytest.FreePort(t)
	}
	w.dir = newPolicyDir(t, map[string]string{"gateway.yaml": w.listeners(), "routes.yaml": w.routes(), "services.yaml": w.services(t), "policy.yaml": w.policy()})
	mesh := meshFile(t, w.named("extensionProviders:\n- name: grpc-M\n  envoyExtAuthzGrpc: {service: authz.M.test, port: 80, timeout: 2s}\n"))
	w.plane = startPlane(t, w.dir, append(flags, "--mesh-config", mesh)...)
	w.gateway = w.plane.startGateway(t, envoytest.Options{})
	return w
}

// named puts the marker in place of every M that stands alone.
func (w *countedWorld) named(text string) string {
	return regexp.MustCompile(`\bM\b`).ReplaceAllString(text, w.marker)
}

func (w *countedWorld) listeners() string {
	return w.named(fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: M, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: %d, name: http-M, protocol: HTTP}, bind: 127.0.0.1, hosts: ["*"]}
  - {port: {number: %d, name: six-M, protocol: HTTP}, bind: "::1", hosts: ["*"]}
  - {port: {number: 0, name: socket-M, protocol: HTTP}, bind: "unix://%s", hosts: ["*"]}
  - {name: dotted.M.server, port: {number: %d, name: https-M, protocol: HTTPS}, bind: 127.0.0.1, hosts: ["a.M.test"], tls: {mode: SIMPLE, credentialName: secret-M}}
  - {port: {number: %d, name: tcp-M, protocol: TCP}, bind: 127.0.0.1, hosts: ["*"]}
  - {port: {number: %d, name: weighted-M, protocol: TCP}, bind: 127.0.0.1, hosts: ["*"]}
`, w.http, w.six, w.socket, w.https, w.tcp, w.weighted))
}

func (w *countedWorld) routes() string {
	return w.named(fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: routes.M, namespace: istio-system}
spec:
  gateways: [M]
  hosts: ["a.M.test", "*.route.M.test"]
  http:
  - {name: named-M, match: [{uri: {prefix: /counted}, statPrefix: stat.M}], route: [{destination: {host: backend.M.test, port: {number: 80}, subset: sub-M}}]}
  - {fault: {abort: {percentage: {value: 100}, httpStatus: 418}}, match: [{uri: {prefix: /fault}}], route: [{destination: {host: backend.M.test, port: {number: 80}}}]}
  - {route: [{destination: {host: backend.M.test, port: {number: 80}}}]}
  tcp:
  - {match: [{port: %d}], route: [{destination: {host: tcp.M.test, port: {number: 80}}}]}
  - match: [{port: %d}]
    route: [{destination: {host: tcp.M.test, port: {number: 80}}, weight: 50}, {destination: {host: backend.M.test, port: {number: 80}}, weight: 50}]
`, w.tcp, w.weighted))
}

func (w *countedWorld) services(t *testing.T) string {
	t.Helper()
	backend := envoytest.RunBackend(t)
	service := func(host, protocol string, port int) string {
		return fmt.Sprintf("apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: %[1]s, namespace: istio-system}\n"+
			"spec: {hosts: [%[1]s], ports: [{number: 80, name: port, protocol: %[2]s, targetPort: %[3]d}], resolution: STATIC, endpoints: [{address: 127.0.0.1, labels: {sub: M}}]}\n---\n", host, protocol, port)
	}
	return w.named(service("backend.M.test", "HTTP", backend.Port())+service("tcp.M.test", "TCP", backend.Port())+service("authz.M.test", "GRPC", w.auth)) + w.named(`apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: subsets-M, namespace: istio-system}
spec: {host: backend.M.test, subsets: [{name: sub-M, labels: {sub: M}}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: dynamic-M, namespace: istio-system}
spec: {hosts: ["*.dynamic.M.test"], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DYNAMIC_DNS}
`) + secretOf(t, "secret-"+w.marker, newAuthority(t).issue(t, "a."+w.marker+".test"))
}

func (w *countedWorld) policy() string {
	return w.named(`apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens.M, namespace: istio-system}
spec: {jwtRules: [{issuer: "https://issuer.M.test", jwks: '`) + `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}` + w.named(`'}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny.M, namespace: istio-system}
spec: {action: DENY, rules: [{to: [{operation: {paths: ["/denied*"]}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: dry.M, namespace: istio-system, annotations: {istio.io/dry-run: "true"}}
spec: {action: DENY, rules: [{to: [{operation: {paths: ["/dry*"]}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask.M, namespace: istio-system}
spec: {action: CUSTOM, provider: {name: grpc-M}, rules: [{to: [{operation: {paths: ["/ask*"]}}]}]}
`)
}

// use sends a request of each kind, some with what a client may make up.
func (w *countedWorld) use(t *testing.T) {
	t.Helper()
	address := w.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", w.http))
	connect := func(address string) *envoytest.Client {
		c, err := envoytest.Dial(t.Context(), address)
		must(t, err)
		return c
	}
	c := connect(address)
	defer func() { _ = c.Close() }()
	for _, path := range []string{"/", "/counted", "/denied", "/dry", "/ask", "/fault"} {
		for _, host := range []string{"a." + w.marker + ".test", "b.route." + w.marker + ".test"} {
			made := []string{"X-Envoy-Downstream-Service-Cluster", "client-" + w.marker, "User-Agent", "agent-" + w.marker}
			do(t, c, address, request{host: host, path: path, header: made})
			do(t, c, address, request{host: host, path: path, header: append(made, "Authorization", "Bearer "+w.marker)})
		}
	}
	must(t, shakeHands(t, fmt.Sprintf("127.0.0.1:%d", w.https), "a."+w.marker+".test"))
	for _, port := range []int{w.tcp, w.weighted} {
		c := connect(fmt.Sprintf("127.0.0.1:%d", port))
		_, _ = c.Get(t.Context(), "http://tcp/") // policy closes it: it has counted
		_ = c.Close()
	}
}

// metrics are the lines that a scraper gets of the gateway, without comments.
func (w *countedWorld) metrics(t *testing.T) []string {
	t.Helper()
	body, err := w.gateway.Get(t.Context(), "/stats/prometheus")
	must(t, err)
	return slices.DeleteFunc(strings.Split(strings.TrimSpace(string(body)), "\n"), func(line string) bool { return strings.HasPrefix(line, "#") })
}

// namesOf are the names of metrics, without labels.
func metricNames(lines []string) []string {
	var out []string
	for _, line := range lines {
		name, _, _ := strings.Cut(line, "{")
		name, _, _ = strings.Cut(name, " ")
		out = append(out, name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestNoMetricOfAGatewayIsNamedAfterItsConfiguration holds that two gateways whose configurations differ in every
// name, host, address and port have the same metrics: what differs is in labels.
func TestNoMetricOfAGatewayIsNamedAfterItsConfiguration(t *testing.T) {
	envoytest.Require(t)
	one, other := openCountedWorld(t, "zqone"), openCountedWorld(t, "zqother")
	one.use(t)
	other.use(t)
	lines := one.metrics(t)
	if diff := cmp.Diff(metricNames(lines), metricNames(other.metrics(t))); diff != "" {
		t.Errorf("the names of metrics differ (-one +other):\n%s", diff)
	}
	denied := fmt.Sprintf(`envoy_http_rbac_denied{envoy_http_conn_manager_prefix="outbound_127.0.0.1_%d"} `, one.http)
	if strings.HasPrefix(envoytest.Release(t), "1.39.") { // it counts for all listeners together
		denied = `envoy_http_rbac_denied{envoy_policy_scope="extension_config_discovery",envoy_policy_resource="portreeve.policy"} `
	}
	for _, want := range []string{
		denied,
		fmt.Sprintf(`envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix="outbound_127.0.0.1_%d"} `, one.http),
		`envoy_cluster_upstream_rq_total{envoy_cluster_name="outbound\|80\|sub-zqone\|backend.zqone.test"} `,
	} {
		if counts := regexp.MustCompile("^" + want + "[1-9]"); !slices.ContainsFunc(lines, counts.MatchString) {
			t.Errorf("nothing counts as %s", want)
		}
	}
	for _, name := range metricNames(lines) {
		if strings.Contains(name, "zq") || regexp.MustCompile(`\d{4,}|127_0|sock_`).MatchString(name) {
			t.Errorf("the name of %s has something of the configuration", name)
		}
	}
}

// shakeHands makes a TLS connection to a name, and ends it.
func shakeHands(t *testing.T, address, name string) error {
	t.Helper()
	d := tls.Dialer{Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}} //nolint:gosec // whose it is counts for nothing here
	c, err := d.DialContext(t.Context(), "tcp", address)
	if err != nil {
		return err
	}
	return c.Close()
}

// TestTheSeriesOfAGatewayAreBounded holds that policies and hosts add none to what a scraper keeps of a gateway,
// and a service no more than those of a cluster.
func TestTheSeriesOfAGatewayAreBounded(t *testing.T) {
	envoytest.Require(t)
	const policies, hosts, ofCluster = 1000, 100, 350
	w := openCountedWorld(t, "zqmany")
	w.use(t)
	few := len(w.metrics(t))
	w.edit(t, "policy.yaml", w.policy()+more(policies, morePolicy), "extension_config_discovery.http_filter.portreeve.policy.config_reload")
	w.edit(t, "hosts.yaml", w.named("apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: hosts, namespace: istio-system}\nspec:\n  gateways: [M]\n"+
		"  http: [{route: [{destination: {host: backend.M.test, port: {number: 80}}}]}]\n  hosts:\n")+more(hosts, "  - h%d.test\n"), fmt.Sprintf("http.outbound_127.0.0.1_%[1]d.rds.http.%[1]d.127.0.0.1.config_reload", w.http))
	w.use(t)
	if many := len(w.metrics(t)); many != few {
		t.Errorf("%d series with %d policies and %d hosts, %d without them", many, policies, hosts, few)
	}
	w.edit(t, "more.yaml", more(hosts, "---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: s%[1]d, namespace: istio-system}\n"+
		"spec: {hosts: [s%[1]d.test], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: 127.0.0.1}]}\n"), "cluster_manager.cds.update_success")
	w.use(t)
	each := (len(w.metrics(t)) - few) / hosts
	t.Logf("%d series without them, and %d for each service", few, each)
	if each == 0 || each > ofCluster {
		t.Errorf("%d series more for a service, want %d at most", each, ofCluster)
	}
}

// more repeats a text with the numbers from 0 on.
func more(n int, text string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, text, i)
	}
	return b.String()
}

// edit writes a file and waits until a counter of the gateway has moved.
func (w *countedWorld) edit(t *testing.T, file, content, counter string) {
	t.Helper()
	before := w.gateway.MustCounter(t, counter)
	replace(t, filepath.Join(w.dir, file), content)
	eventually(t, file+" has reached the gateway", func() bool { return w.gateway.MustCounter(t, counter) > before })
}
