package test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// echo runs a server that answers every line with its name and the line, over TLS where a
// configuration is given. It returns its port.
func echo(t testing.TB, name string, config *tls.Config) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	port := listener.Addr().(*net.TCPAddr).Port
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer func() { _ = c.Close() }()
				lines := bufio.NewScanner(c)
				for lines.Scan() {
					if _, err := fmt.Fprintf(c, "%s %s\n", name, lines.Text()); err != nil {
						return
					}
				}
			})
		}
	})
	// The gateway was started later, so it has stopped by then and holds no connection.
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	return port
}

// certificate is one that a test client does not verify.
func certificate(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
}

// line asks and waits for the answer, which is empty when the connection is closed instead.
func line(t testing.TB, c net.Conn, text string) string {
	t.Helper()
	must(t, c.SetDeadline(time.Now().Add(bound)))
	if _, err := io.WriteString(c, text+"\n"); err != nil {
		return ""
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // of the connection itself
		t.Fatalf("neither an answer nor the end of the connection: %v", err)
	}
	return strings.TrimSpace(answer)
}

// connect asks on a connection of its own, in plain text.
func connect(t testing.TB, address string) string {
	t.Helper()
	c, err := net.Dial("tcp", address) //nolint:noctx // bounded by the test
	must(t, err)
	defer func() { _ = c.Close() }()
	return line(t, c, "hello")
}

// connectTLS asks over TLS for a server name; none is sent where it is empty.
func connectTLS(t testing.TB, address, name string) string {
	t.Helper()
	c, err := net.Dial("tcp", address) //nolint:noctx // bounded by the test
	must(t, err)
	defer func() { _ = c.Close() }()
	must(t, c.SetDeadline(time.Now().Add(bound)))
	secure := tls.Client(c, &tls.Config{ServerName: name, InsecureSkipVerify: true}) //nolint:gosec // the test is about names
	if secure.HandshakeContext(t.Context()) != nil {
		return ""
	}
	return line(t, secure, "hello")
}

// connections opens a TCP port, a TLS port and an HTTP port, with a way to each backend.
func connections(tcp, tls, http, plain, one, two int) string {
	return fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: connections}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: %d, name: tcp, protocol: TCP}, bind: 127.0.0.1, hosts: ["*"]}
  - {port: {number: %d, name: tls, protocol: TLS}, bind: 127.0.0.1, hosts: ["*.test"], tls: {mode: PASSTHROUGH}}
  - {port: {number: %d, name: http, protocol: HTTP}, bind: 127.0.0.1, hosts: ["*"]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: connections}
spec:
  hosts: ["*"]
  gateways: [connections]
  http: [{directResponse: {status: 200}}]
  tcp: [{route: [{destination: {host: plain.local, port: {number: 80}}}]}]
  tls:
  - match: [{sniHosts: [one.test]}]
    route: [{destination: {host: one.local, port: {number: 80}}}]
  - match: [{sniHosts: ["*.two.test"]}]
    route: [{destination: {host: two.local, port: {number: 80}}, weight: 1}, {destination: {host: two.local, port: {number: 81}}, weight: 1}]
`, tcp, tls, http) + forwarded("plain.local", plain) + forwarded("one.local", one) + forwarded("two.local", two)
}

func forwarded(host string, port int) string {
	return fmt.Sprintf(`---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: %s}
spec:
  hosts: [%s]
  ports: [{number: 80, name: tcp, protocol: TCP, targetPort: %d}, {number: 81, name: tcp2, protocol: TCP, targetPort: %d}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
`, host, host, port, port)
}

// ruled is an AuthorizationPolicy with rules written as YAML.
func ruled(action, rules string) string {
	return fmt.Sprintf(`apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ruled, namespace: istio-system}
spec: {action: %s, rules: %s}
`, action, rules)
}

// connectionScene is a gateway with connections, policy.yaml to edit and three addresses.
type connectionScene struct {
	*plane
	gateway        *envoytest.Envoy
	policy         string
	tcpPort        int
	tcp, tls, http string
}

func newConnectionScene(t *testing.T) *connectionScene {
	t.Helper()
	envoytest.Require(t)
	config := certificate(t)
	tcp, tls, http := envoytest.FreePort(t), envoytest.FreePort(t), envoytest.FreePort(t)
	routing := connections(tcp, tls, http, echo(t, "plain", nil), echo(t, "one", config), echo(t, "two", config))
	dir := newPolicyDir(t, map[string]string{"routing.yaml": routing, "policy.yaml": ruled("AUDIT", "[{}]")})
	s := &connectionScene{plane: startPlane(t, dir), policy: filepath.Join(dir, "policy.yaml"), tcpPort: tcp}
	s.gateway = s.startGateway(t, envoytest.Options{})
	listener := func(port int) string { return s.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port)) }
	s.tcp, s.tls, s.http = listener(tcp), listener(tls), listener(http)
	return s
}

// listeners are the counters that move when a listener does.
func (s *connectionScene) listeners(t *testing.T) map[string]uint64 {
	t.Helper()
	stats, err := s.gateway.Stats(t.Context(), `^listener_manager\.(lds\.update_success|listener_(added|modified|removed|in_place_updated|create_success))$`)
	must(t, err)
	if len(stats) < 5 {
		t.Fatalf("the counters are %v", stats)
	}
	return stats
}

// TestPolicyIsEnforcedOnConnections edits the policy of a TCP server, time and again. Before each case a
// policy of the other verdict is in force, so that the answer is the case's own. No edit
// changes a listener, and a connection that was open before the first of them stays open.
func TestPolicyIsEnforcedOnConnections(t *testing.T) {
	s := newConnectionScene(t)
	before := s.listeners(t)
	open, err := net.Dial("tcp", s.tcp) //nolint:noctx // bounded by the test
	must(t, err)
	defer func() { _ = open.Close() }()
	if got := line(t, open, "before"); got != "plain before" {
		t.Fatalf("without policy: %q", got)
	}
	port := fmt.Sprint(s.tcpPort)
	for name, c := range map[string]struct {
		action, rules string
		allowed       bool
	}{
		"deny by its port":                       {"DENY", `[{to: [{operation: {ports: ["` + port + `"]}}]}]`, false},
		"deny by another port":                   {"DENY", `[{to: [{operation: {ports: ["1"]}}]}]`, true},
		"deny by condition on the port":          {"DENY", `[{when: [{key: destination.port, values: ["` + port + `"]}]}]`, false},
		"deny by the address it came to":         {"DENY", `[{when: [{key: destination.ip, values: [127.0.0.0/8]}]}]`, false},
		"deny by block":                          {"DENY", `[{from: [{source: {ipBlocks: [127.0.0.0/8]}}]}]`, false},
		"deny by another block":                  {"DENY", `[{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}]`, true},
		"deny all but a block":                   {"DENY", `[{from: [{source: {notRemoteIpBlocks: [127.0.0.1]}}]}]`, true},
		"deny what has no identity":              {"DENY", `[{from: [{source: {notNamespaces: [shop]}}]}]`, false},
		"deny an identity that it does not have": {"DENY", `[{from: [{source: {namespaces: [shop]}}]}]`, true},
		"deny by path denies all":                {"DENY", `[{to: [{operation: {paths: [/a]}}]}]`, false},
		"deny without token denies all":          {"DENY", `[{from: [{source: {notRequestPrincipals: ["*"]}}]}]`, false},
		"deny by path on an HTTP port":           {"DENY", `[{to: [{operation: {paths: [/a], ports: ["1"]}}]}]`, true},
		"deny a name that it does not have":      {"DENY", `[{when: [{key: connection.sni, values: ["*"]}]}]`, true},
		"allow by address":                       {"ALLOW", `[{from: [{source: {ipBlocks: [127.0.0.1/32]}}]}]`, true},
		"allow another block":                    {"ALLOW", `[{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}]`, false},
		"allow by remote address":                {"ALLOW", `[{from: [{source: {remoteIpBlocks: [127.0.0.1/32]}}]}]`, true},
		"allow by port":                          {"ALLOW", `[{to: [{operation: {ports: ["` + port + `"]}}]}]`, true},
		"allow nothing":                          {"ALLOW", `[]`, false},
		"allow an identity":                      {"ALLOW", `[{from: [{source: {principals: ["*"]}}]}]`, false},
		"allow by path allows nothing":           {"ALLOW", `[{to: [{operation: {paths: ["*"]}}]}]`, false},
		"allow by not-path allows nothing":       {"ALLOW", `[{to: [{operation: {notPaths: [/a]}}]}]`, false},
		"allow by header allows nothing":         {"ALLOW", `[{when: [{key: "request.headers[a]", notValues: [b]}]}]`, false},
		"one rule for connections is enough":     {"ALLOW", `[{to: [{operation: {paths: [/a]}}]}, {from: [{source: {ipBlocks: [127.0.0.1]}}]}]`, true},
		"audit decides nothing":                  {"AUDIT", `[{to: [{operation: {paths: [/a]}}]}]`, true},
	} {
		want, other := "", ruled("ALLOW", "[{}]")
		if c.allowed {
			want, other = "plain hello", ruled("ALLOW", "[]")
		}
		replace(t, s.policy, other)
		eventually(t, name+": the policy before is enforced", func() bool { return connect(t, s.tcp) != want })
		policy := ruled(c.action, c.rules)
		if c.action == "AUDIT" { // that it enforces nothing has to be meant
			policy += "---\n" + everythingPasses
		}
		replace(t, s.policy, policy)
		eventually(t, name, func() bool { return connect(t, s.tcp) == want })
	}
	if diff := cmp.Diff(before, s.listeners(t)); diff != "" {
		t.Errorf("an edit of policy changed a listener (-before +after):\n%s", diff)
	}
	if got := line(t, open, "after"); got != "plain after" {
		t.Errorf("a connection that was open all the time: %q", got)
	}
}

// TestPassthroughGoesByTheServerName routes TLS that the gateway does not decrypt by the name that is
// asked for.
func TestPassthroughGoesByTheServerName(t *testing.T) {
	s := newConnectionScene(t)
	for name, want := range map[string]string{
		"one.test": "one hello", "ONE.test": "one hello", "a.two.test": "two hello", "a.b.two.test": "two hello",
		"two.test": "", "other.test": "", "one.test.example": "", "": "",
	} {
		if got := connectTLS(t, s.tls, name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if got := connect(t, s.tls); got != "" {
		t.Errorf("plain text on the TLS port: %q", got)
	}
	before := s.listeners(t)
	replace(t, s.policy, ruled("DENY", `[{when: [{key: connection.sni, values: ["*.two.test"]}]}]`))
	eventually(t, "a denied name is closed", func() bool { return connectTLS(t, s.tls, "a.two.test") == "" })
	if got := connectTLS(t, s.tls, "one.test"); got != "one hello" {
		t.Errorf("a name that is not denied: %q", got)
	}
	replace(t, s.policy, ruled("ALLOW", `[{when: [{key: connection.sni, values: ["a.two.test"]}]}]`))
	eventually(t, "an allowed name is served", func() bool { return connectTLS(t, s.tls, "a.two.test") == "two hello" })
	for _, name := range []string{"b.two.test", "one.test"} {
		if got := connectTLS(t, s.tls, name); got != "" {
			t.Errorf("%s is not allowed: %q", name, got)
		}
	}
	if diff := cmp.Diff(before, s.listeners(t)); diff != "" {
		t.Errorf("an edit of policy changed a listener (-before +after):\n%s", diff)
	}
}

// TestOnePolicyCountsForRequestsAndConnections holds that requests keep their meaning beside
// connections: the same rule refuses one path on the HTTP port and all that the TCP port has.
func TestOnePolicyCountsForRequestsAndConnections(t *testing.T) {
	s := newConnectionScene(t)
	replace(t, s.policy, ruled("DENY", `[{to: [{operation: {paths: [/a]}}]}]`))
	eventually(t, "the path is denied", func() bool { return ask(t, s.http, "/a").Status == 403 })
	if got := ask(t, s.http, "/b").Status; got != 200 {
		t.Errorf("/b: %d", got)
	}
	eventually(t, "connections are denied", func() bool { return connect(t, s.tcp) == "" && connectTLS(t, s.tls, "one.test") == "" })
}
