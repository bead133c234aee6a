package rbac_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rbacnetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/explain/rbac"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// connections are filters of connections from and to 127.0.0.1.
func connections() map[string]string {
	principal := func(p string) string {
		return `{"statPrefix":"tcp","rules":{"policies":{"a rule":{"permissions":[{"any":true}],"principals":[` + p + `]}}}}`
	}
	return map[string]string{
		"no rules":          `{"statPrefix":"tcp"}`,
		"empty rules":       `{"statPrefix":"tcp","rules":{}}`,
		"denied":            `{"statPrefix":"tcp","rules":{"action":"DENY","policies":{"a rule":` + everything + `,"b":` + everything + `}}}`,
		"would be denied":   `{"statPrefix":"tcp","shadowRules":{"action":"DENY","policies":{"a rule":` + everything + `}}}`,
		"logged":            `{"statPrefix":"tcp","rules":{"action":"LOG","policies":{"a rule":` + everything + `}}}`,
		"source IP":         principal(`{"directRemoteIp":{"addressPrefix":"127.0.0.1","prefixLen":32}}`),
		"another source IP": principal(`{"directRemoteIp":{"addressPrefix":"127.0.0.2","prefixLen":32}}`),
		"remote IP":         principal(`{"notId":{"remoteIp":{"addressPrefix":"127.0.0.0","prefixLen":8}}}`),
		"a path":            principal(`{"urlPath":{"path":{"prefix":"/"}}}`),
		"no path":           principal(`{"notId":{"urlPath":{"path":{"prefix":"/"}}}}`),
		"peer":              principal(`{"authenticated":{"principalName":{"prefix":"spiffe://"}}}`),
		"server name":       `{"statPrefix":"tcp","rules":{"policies":{"a":{"permissions":[{"requestedServerName":{"exact":"a.example"}}],"principals":[{"any":true}]}}}}`,
		"tree":              `{"statPrefix":"tcp","matcher":{"matcherTree":{"input":` + networkIn("SourceIPInput") + `,"exactMatchMap":{"map":{"127.0.0.1":` + act("DENY") + `}}}}}`,
	}
}

// TestConnectionsAreDecidedAsByEnvoy asks Envoy and the filter the same.
func TestConnectionsAreDecidedAsByEnvoy(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	backend := envoytest.RunBackend(t)
	var listeners []string
	for name, filter := range connections() {
		listeners = append(listeners, tcpListener(name, filter, log))
	}
	envoy := envoytest.Run(t, envoytest.Options{Concurrency: 1, Args: []string{"--file-flush-interval-msec", "10"}, Bootstrap: fmt.Appendf(nil, `{"admin":{"address":{"socket_address":{"address":"127.0.0.1","port_value":0}}},
"static_resources":{"clusters":[{"name":"backend","load_assignment":{"cluster_name":"backend","endpoints":[{"lb_endpoints":[{"endpoint":{"address":{"socket_address":{"address":"127.0.0.1","port_value":%d}}}}]}]}}],
"listeners":[%s]}}`, backend.Port(), strings.Join(listeners, ","))})
	want := map[string]string{}
	for name := range connections() {
		// MustListener would connect for itself, and be in the log.
		address, err := envoy.WaitListener(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		connect(t, address)
	}
	readLog(t, log, len(listeners), want)
	for name, filter := range connections() {
		if got := decideConnection(t, filter); got != want[name] {
			t.Errorf("%s: %q, Envoy says %q", name, got, want[name])
		}
	}
}

func tcpListener(name, filter, log string) string {
	return fmt.Sprintf(`{"name":%q,"address":{"socket_address":{"address":"127.0.0.1","port_value":0}},"filter_chains":[{"filters":[
{"name":"envoy.filters.network.rbac","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC",%s},
{"name":"tcp","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy","stat_prefix":"tcp","cluster":"backend",
"access_log":[{"name":"file","typed_config":{"@type":"type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog","path":%q,
"log_format":{"json_format":{"listener":%q,"details":"%%CONNECTION_TERMINATION_DETAILS%%","flags":"%%RESPONSE_FLAGS%%"}}}}]}}]}]}`, name, filter[1:], log, name)
}

// connect sends a request, and waits for an answer or the end.
func connect(t *testing.T, address string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	for buffer := make([]byte, 1024); err == nil; {
		_, err = c.Read(buffer)
	}
}

// readLog waits for a line about each listener.
func readLog(t *testing.T, path string, n int, into map[string]string) {
	t.Helper()
	eventually(t, "an entry of each listener", func() bool { return len(linesOf(path)) >= n })
	for _, line := range linesOf(path) {
		var entry struct{ Listener, Details, Flags string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		into[entry.Listener] = strings.Trim(entry.Details+" "+entry.Flags, "- ")
	}
}

// eventually waits until something holds, for ten seconds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(10 * time.Second); !holds(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: not in time", what)
		}
	}
}

func linesOf(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var out []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		out = append(out, lines.Text())
	}
	return out
}

func decideConnection(t *testing.T, config string) string {
	t.Helper()
	m := &rbacnetworkv3.RBAC{}
	if err := protojson.Unmarshal([]byte(config), m); err != nil {
		t.Fatal(err)
	}
	f, err := rbac.Network("envoy.filters.network.rbac", m)
	if err != nil {
		t.Fatal(err)
	}
	local := netip.MustParseAddrPort("127.0.0.1:1")
	s := traffic.Stream{Connection: traffic.Connection{Destination: local, Direct: local, Remote: local}}
	e := f.Decide(&s)
	if e.Stops.Open() {
		return e.Stops.String()
	}
	return strings.TrimSpace(e.Reply.Details + " " + e.Reply.Flags)
}
