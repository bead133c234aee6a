package route_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/explain/route"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// request is one of HTTP/1.1, written as it is: Host is sent as given.
type request struct {
	method, scheme, host, path string
	headers                    []traffic.Header
}

// answer is what a client gets, and what the backend saw where it was asked.
type answer struct {
	Status         int
	Body, Location string
	// Headers are those whose names begin with x-t-.
	Headers []string
	Host    string
	URL     string
	Seen    []string
}

// bootstrap has a listener for each route configuration, which tells of a scheme by x-forwarded-proto, and
// metadata for operators to read.
func bootstrap(t testing.TB, backend int, configs []*routev3.RouteConfiguration) []byte {
	t.Helper()
	var listeners strings.Builder
	for i, c := range configs {
		text, err := protojson.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&listeners, `
  - name: l%d
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: http
          http_filters:
          - name: metadata
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config, metadata: [{metadata_namespace: jwt, value: %s}]}
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
          route_config: %s
`, i, claims, text)
	}
	return fmt.Appendf(nil, `
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  clusters:
  - name: backend
    type: STATIC
    load_assignment:
      cluster_name: backend
      endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: %d}}}}]}]
  listeners:%s`, backend, listeners.String())
}

// claims are the metadata of every request.
const claims = `{"sub": "alice", "n": 12, "half": 1.5, "yes": true, "empty": "", "in": {"k": "v"}, "list": ["a"]}`

// stream is the request as Envoy holds it behind its connection manager.
func (r request) stream() *traffic.Stream {
	lines := []traffic.Header{
		{Name: ":method", Value: r.method}, {Name: ":authority", Value: r.host}, {Name: ":path", Value: r.path},
		{Name: ":scheme", Value: r.scheme}, {Name: "x-forwarded-proto", Value: r.scheme},
	}
	var fields map[string]any
	_ = json.Unmarshal([]byte(claims), &fields)
	fields["in"] = traffic.Object{Fields: map[string]any{"k": "v"}}
	return &traffic.Stream{
		Headers:  traffic.NewHeaders(append(lines, r.headers...), traffic.NoOthers),
		Metadata: map[string]traffic.Object{"jwt": {Fields: fields}},
	}
}

// explained is the answer by the table, and what of it is not known.
func (r request) explained(t testing.TB, table *route.Table) (answer, []string) {
	t.Helper()
	s := r.stream()
	candidates := table.Choose(s)
	if len(candidates) != 1 || !candidates[0].If.Holds() {
		t.Fatalf("%v depends on something: %s", r, chosen(candidates))
	}
	outcome := candidates[0].Outcome(s)
	if outcome.Reply == nil {
		b := outcome.Backends[0]
		s.Headers = b.Headers // which Envoy has changed by the time of the answer
		reply, notKnown := candidates[0].Answered(s, traffic.Reply{Status: 200})
		return answer{
			Status: 200, Headers: own(reply.Headers), Host: b.Authority, URL: b.Path, Seen: own(b.Headers.Lines()),
		}, append(notKnown, outcome.NotKnown...)
	}
	out := answer{Status: int(outcome.Reply.Status), Body: outcome.Reply.Body, Headers: own(outcome.Reply.Headers)}
	for _, h := range outcome.Reply.Headers {
		if h.Name == "location" {
			out.Location = h.Value
		}
	}
	if r.grpc() {
		// What the gateway answers itself it tells such clients in headers.
		out.Status, out.Body = 200, ""
	}
	return out, outcome.NotKnown
}

func (r request) grpc() bool {
	kind, _ := r.stream().Headers.Joined("content-type")
	return kind == "application/grpc" || strings.HasPrefix(kind, "application/grpc+")
}

// own are the headers that tests use, sorted.
func own(lines []traffic.Header) []string {
	var out []string
	for _, l := range lines {
		if strings.HasPrefix(l.Name, "x-t-") || l.Name == "x-forwarded-host" {
			out = append(out, l.Name+": "+l.Value)
		}
	}
	slices.Sort(out)
	return out
}

func ownOf(h http.Header) []string {
	var lines []traffic.Header
	for name, values := range h {
		for _, v := range values {
			lines = append(lines, traffic.Header{Name: strings.ToLower(name), Value: v})
		}
	}
	return own(lines)
}

// ask sends the request to a gateway.
func (r request) ask(t testing.TB, conn net.Conn, reader *bufio.Reader) answer {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	text := r.method + " " + r.path + " HTTP/1.1\r\nhost: " + r.host + "\r\nx-forwarded-proto: " + r.scheme + "\r\n"
	for _, h := range r.headers {
		text += h.Name + ": " + h.Value + "\r\n"
	}
	if _, err := conn.Write([]byte(text + "\r\n")); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatalf("%v: %v", r, err)
	}
	defer response.Body.Close()
	var body strings.Builder
	if _, err := bufio.NewReader(response.Body).WriteTo(&body); err != nil {
		t.Fatal(err)
	}
	out := answer{Status: response.StatusCode, Location: response.Header.Get("Location"), Headers: ownOf(response.Header)}
	var seen envoytest.Received
	if json.Unmarshal([]byte(body.String()), &seen) != nil {
		out.Body = body.String()
		return out
	}
	out.Host, out.URL, out.Seen = seen.Host, seen.URL, ownOf(seen.Header)
	return out
}

// TestRoutesDoAsEnvoyDoes holds random route configurations and requests against a real Envoy: which route is taken, what
// it answers, what the backend sees.
func TestRoutesDoAsEnvoyDoes(t *testing.T) {
	const tables, requests = 60, 100
	backend := envoytest.RunBackend(t)
	var configs []*routev3.RouteConfiguration
	for i := range tables {
		configs = append(configs, newGenerator(uint64(i)).config())
	}
	envoy := envoytest.Run(t, envoytest.Options{Bootstrap: bootstrap(t, backend.Port(), configs), LogLevel: "error"})
	taken := map[string]int{}
	for i, config := range configs {
		table, err := route.New(config)
		if err != nil {
			t.Fatal(err)
		}
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", envoy.MustListener(t, fmt.Sprintf("l%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		reader := bufio.NewReader(conn)
		g := newGenerator(uint64(1000 + i))
		for range requests {
			r := g.request()
			want := r.ask(t, conn, reader)
			if strings.HasPrefix(want.Body, "400 Bad Request") {
				continue // the backend refuses what the route has made the host
			}
			got, notKnown := r.explained(t, table)
			if len(notKnown) > 0 {
				t.Errorf("%v is not known: %v", r, notKnown)
			}
			taken[fmt.Sprint(got.Status)]++
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%+v (- Envoy, + explained):\n%s%s\n%s", r, diff, chosen(table.Choose(r.stream())), protojson.Format(only(config, r, table)))
				break
			}
		}
		_ = conn.Close()
		if t.Failed() {
			return
		}
	}
	t.Logf("answers by status: %v", taken)
	for _, status := range []string{"200", "301", "404"} {
		if taken[status] < requests {
			t.Errorf("only %d requests got %s", taken[status], status)
		}
	}
}

// only is a configuration without the routes that a request does not take.
func only(config *routev3.RouteConfiguration, r request, table *route.Table) *routev3.RouteConfiguration {
	taken := table.Choose(r.stream())[0]
	out := proto.CloneOf(config)
	for i, h := range out.GetVirtualHosts() {
		if i != taken.HostIndex {
			h.Routes = nil
			continue
		}
		h.Routes = h.GetRoutes()[max(taken.RouteIndex, 0):]
		h.Routes = h.GetRoutes()[:min(1, len(h.GetRoutes()))]
	}
	return out
}
