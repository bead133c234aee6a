package envoytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bootstrap is a listener named http that asks a backend on a port of 127.0.0.1.
func bootstrap(backendPort int) []byte {
	return fmt.Appendf(nil, `
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - name: http
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: http
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{match: {prefix: /}, route: {cluster: backend}}]
  clusters:
  - name: backend
    type: STATIC
    load_assignment:
      cluster_name: backend
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %d}}}}]}]
`, backendPort)
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testBound)
	t.Cleanup(cancel)
	return ctx
}

func TestEnvoyAnswersThroughTheBackend(t *testing.T) {
	backend := RunBackend(t)
	envoy := Run(t, Options{Bootstrap: bootstrap(backend.Port())})
	address, err := envoy.WaitListener(bounded(t), "http") // without the connection of MustListener, since they are counted
	if err != nil {
		t.Fatal(err)
	}
	client, err := Dial(bounded(t), address)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()

	for i := range 3 {
		got, err := client.Get(bounded(t), fmt.Sprintf("http://shop.test/page?n=%d", i), "X-Test", "one", "X-Test", "two")
		if err != nil {
			t.Fatal(err)
		}
		var seen Received
		if err := json.Unmarshal(got.Body, &seen); err != nil {
			t.Fatal(err)
		}
		if got.Status != http.StatusOK || got.Header.Get("Server") != "envoy" || got.Closing {
			t.Errorf("answer %d: %+v", i, got)
		}
		if seen.Host != "shop.test" || seen.URL != fmt.Sprintf("/page?n=%d", i) || len(seen.Header["X-Test"])+strings.Count(seen.Header.Get("X-Test"), ",") != 2 {
			t.Errorf("the backend received %+v", seen)
		}
	}
	envoy.MustReach(t, "http.http.downstream_rq_2xx", 3)
	if n := envoy.MustCounter(t, "http.http.downstream_cx_total"); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	if n := backend.Requests(); n != 3 {
		t.Errorf("the backend counted %d requests, want 3", n)
	}
	if dump, err := envoy.ConfigDump(bounded(t)); err != nil || !json.Valid(dump) || !strings.Contains(string(dump), `"backend"`) {
		t.Errorf("config dump: %v %.200s", err, dump)
	}
	NoDeprecations(t, envoy)
}

func TestWhatDoesNotExistIsAnError(t *testing.T) {
	envoy := Run(t, Options{Bootstrap: bootstrap(1)})
	if _, err := envoy.Counter(bounded(t), "http.http.downstream_cx_totl"); !errors.Is(err, ErrNoStat) {
		t.Errorf("a misspelt counter: %v, want ErrNoStat", err)
	}
	if _, err := envoy.ListenerAddress(bounded(t), "https"); err == nil || !strings.Contains(err.Error(), "http:127.0.0.1:") {
		t.Errorf("a listener that is not there: %v, want an error that names those that are", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if v, err := envoy.WaitStat(short, "http.http.downstream_cx_total", func(v uint64) bool { return v > 0 }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a stat that never comes: %d, %v, want the deadline", v, err)
	}
}

func TestStartReportsWhyEnvoyEnded(t *testing.T) {
	bad := strings.Replace(string(bootstrap(1)), "stat_prefix", "stat_prefics", 1)
	_, err := Start(bounded(t), Options{Bootstrap: []byte(bad), Binary: Require(t)})
	if err == nil || !strings.Contains(err.Error(), "stat_prefics") {
		t.Fatalf("got %v, want Envoy's own words on the unknown field", err)
	}
}

// TestWhatEnvoyDoesNotKnowOfWhatItIsServedIsRefused holds that a test sees an unknown field of dynamic configuration,
// which a stock Envoy drops without a word.
func TestWhatEnvoyDoesNotKnowOfWhatItIsServedIsRefused(t *testing.T) {
	listeners := filepath.Join(t.TempDir(), "listeners.yaml")
	content := `{resources: [{"@type": type.googleapis.com/envoy.config.listener.v3.Listener, name: odd,
  address: {socket_address: {address: 127.0.0.1, port_value: 0}}, filter_chains: [{}], nobody_knows_me: true}]}`
	if err := os.WriteFile(listeners, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	envoy := Run(t, Options{Bootstrap: fmt.Appendf(nil, `
node: {id: odd, cluster: odd}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
dynamic_resources: {lds_config: {resource_api_version: V3, path_config_source: {path: %s}}}
`, listeners)})
	envoy.MustReach(t, "listener_manager.lds.update_rejected", 1)
	if log := envoy.Log(); !strings.Contains(log, "nobody_knows_me") {
		t.Errorf("its log does not say why:\n%s", log)
	}
}

func TestStopEndsTheProcess(t *testing.T) {
	envoy := Run(t, Options{Bootstrap: bootstrap(1), LogLevel: "debug"})
	address := envoy.MustListener(t, "http")
	envoy.Stop()
	envoy.Stop()
	select {
	case <-envoy.Done():
	default:
		t.Error("Stop returned before the process had ended")
	}
	if _, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		t.Error("the listener is still open")
	}
	if !strings.Contains(envoy.Log(), "[debug]") {
		t.Error("the log is lost after Stop, or has no debug lines")
	}
}

func TestAdminOpenDoesNotWaitForConfiguration(t *testing.T) {
	late := []byte(`
node: {id: late, cluster: late}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
dynamic_resources:
  lds_config: {resource_api_version: V3, initial_fetch_timeout: 0s, api_config_source: {api_type: GRPC, transport_api_version: V3, grpc_services: [{envoy_grpc: {cluster_name: nobody}}]}}
static_resources:
  clusters:
  - name: nobody
    type: STATIC
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
`)
	envoy := Run(t, Options{Bootstrap: late, Until: AdminOpen})
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := envoy.WaitReady(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ready without a configuration: %v", err)
	}
}

func TestDeprecationIsFound(t *testing.T) {
	old := strings.Replace(string(bootstrap(1)), "type: STATIC", "type: STATIC\n    http2_protocol_options: {}", 1)
	envoy := Run(t, Options{Bootstrap: []byte(old)})
	if len(deprecations(envoy.Log())) == 0 {
		t.Errorf("no line of the log speaks of the deprecated field:\n%s", envoy.Log())
	}
}
