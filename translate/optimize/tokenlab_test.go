package optimize_test

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/explain/token"
	"github.com/portreeve/portreeve/translate/explain/traffic"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/optimize"
	"github.com/portreeve/portreeve/translate/policy"
	"github.com/portreeve/portreeve/translate/resource"
)

// policyOf is what package policy makes of rules for tokens.
func policyOf(rules ...*securityv1beta1.JWTRule) policy.Policy {
	r := &resource.Resource{
		Key:  resource.Key{Kind: resource.RequestAuthentication, Namespace: "foo", Name: "p"},
		Spec: &securityv1beta1.RequestAuthentication{JwtRules: rules},
	}
	r.Origin.Document.Root = &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}
	return policy.Of(model.View{RequestAuthentications: []*resource.Resource{r}})
}

// tokenFilter is the filter of a policy that verifies tokens.
func tokenFilter(t testing.TB, p policy.Policy) *jwtauthnv3.JwtAuthentication {
	t.Helper()
	i := slices.IndexFunc(p.HTTP, func(f policy.Filter) bool { return f.Name == policy.JWTFilter })
	out, ok := p.HTTP[i].Config.(*jwtauthnv3.JwtAuthentication)
	if !ok {
		t.Fatalf("%T", p.HTTP[i].Config)
	}
	if err := out.ValidateAll(); err != nil {
		t.Errorf("Envoy refuses it: %v", err)
	}
	return out
}

// optimized is what rules of the optimiser make of the filter that verifies tokens.
func optimized(t testing.TB, p policy.Policy, entries int, rules ...string) *jwtauthnv3.JwtAuthentication {
	t.Helper()
	return tokenFilter(t, optimize.Policy(p, optimize.Options{Rules: rules, JWTCacheEntries: entries, Thresholds: optimize.Thresholds{Issuers: 2}}, &optimize.Known{}))
}

// rewritten is what a rule makes of a filter.
func rewritten(t testing.TB, c *jwtauthnv3.JwtAuthentication, rule string) *jwtauthnv3.JwtAuthentication {
	t.Helper()
	return optimized(t, policy.Policy{HTTP: []policy.Filter{{Name: policy.JWTFilter, Config: c}}}, 100, rule)
}

// keySet is a set with the one secret key of an issuer.
func keySet(secret string) string {
	return fmt.Sprintf(`{"keys":[{"kty":"oct","alg":"HS256","k":%q}]}`, base64.RawURLEncoding.EncodeToString([]byte(secret)))
}

// minted returns a token signed with a secret key.
func minted(secret string, claims map[string]any) string {
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	out := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(out))
	return out + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// serving runs an Envoy with a listener for each filter, in front of a backend that answers with what it gets.
func serving(t testing.TB, filters map[string]proto.Message, clusters ...string) *envoytest.Envoy {
	t.Helper()
	backend := envoytest.RunBackend(t)
	var listeners []string
	for name, f := range filters {
		listeners = append(listeners, tokenListener(t, name, f))
	}
	clusters = append(clusters, clusterTo("backend", backend.Address()))
	return envoytest.Run(t, envoytest.Options{Concurrency: 1, LogLevel: "error", Bootstrap: fmt.Appendf(nil, `{"admin":{"address":{"socket_address":{"address":"127.0.0.1","port_value":0}}},
"static_resources":{"listeners":[%s],"clusters":[%s]}}`, strings.Join(listeners, ","), strings.Join(clusters, ","))})
}

// clusterTo is a cluster of one server, which gets each request on a connection of its own.
func clusterTo(name, address string) string {
	host, port, _ := net.SplitHostPort(address)
	return fmt.Sprintf(`{"name":%q,"connect_timeout":"5s","type":"STATIC",
"typed_extension_protocol_options":{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions":{"@type":"type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
"explicit_http_config":{"http_protocol_options":{}},"common_http_protocol_options":{"max_requests_per_connection":1}}},
"load_assignment":{"cluster_name":%q,"endpoints":[{"lb_endpoints":[{"endpoint":{"address":{"socket_address":{"address":%q,"port_value":%s}}}}]}]}}`, name, name, host, port)
}

// tokenListener hands what the filter leaves in metadata to the backend, in a header.
func tokenListener(t testing.TB, name string, filter proto.Message) string {
	t.Helper()
	content, err := protojson.Marshal(match.Any(filter))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(`{"name":%q,"address":{"socket_address":{"address":"127.0.0.1","port_value":0}},"filter_chains":[{"filters":[{
"name":"http","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager","stat_prefix":"http","generate_request_id":false,
"http_filters":[{"name":"envoy.filters.http.jwt_authn","typed_config":%s},{"name":"router","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
"route_config":{"request_headers_to_add":[{"header":{"key":"x-metadata","value":"%%DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%%"}}],
"virtual_hosts":[{"name":"all","domains":["*"],"routes":[{"match":{"path":"/direct"},"direct_response":{"status":200}},{"match":{"prefix":"/"},"route":{"cluster":"backend"}}]}]}}}]}]}`, name, content)
}

// asker sends requests to one listener, on one connection as long as that lasts.
type asker struct {
	address string
	conn    net.Conn
	reader  *bufio.Reader
}

// ask returns what becomes of a request, which is written as it is: status, body and challenge, or what the backend gets.
func (a *asker) ask(t testing.TB, request string) string {
	t.Helper()
	if a.conn == nil {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", a.address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		a.conn, a.reader = conn, bufio.NewReader(conn)
	}
	if err := a.conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(a.conn, request); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(a.reader, nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	body, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		t.Fatal(err)
	}
	if answer.Close {
		_ = a.conn.Close()
		a.conn = nil
	}
	return fmt.Sprint(answer.StatusCode, " ", strings.TrimSpace(string(body)), " ", answer.Header["Www-Authenticate"])
}

func judge(t testing.TB, c *jwtauthnv3.JwtAuthentication) *token.Filter {
	t.Helper()
	out, err := token.New(policy.JWTFilter, c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// explained holds that explain answers a request as Envoy does.
func explained(t testing.TB, f *token.Filter, request, want string) {
	t.Helper()
	parts := strings.Split(strings.TrimSuffix(request, "\r\n\r\n"), "\r\n")
	line := strings.Split(parts[0], " ")
	headers := []traffic.Header{{Name: ":method", Value: line[0]}, {Name: ":path", Value: line[1]}, {Name: ":scheme", Value: "http"}, {Name: ":authority", Value: "a.example"}}
	for _, part := range parts[2:] {
		name, value, _ := strings.Cut(part, ":")
		headers = append(headers, traffic.Header{Name: strings.ToLower(name), Value: strings.Trim(value, " ")})
	}
	s := &traffic.Stream{Headers: traffic.NewHeaders(headers, traffic.NoOthers), At: time.Now()}
	got := f.Decide(s)
	status := "200"
	if got.Stops.Holds() {
		status = fmt.Sprint(got.Reply.Status, " ", got.Reply.Body, " [", got.Reply.Headers[0].Value, "]")
	}
	if got.Stops.Open() || got.Stops.Holds() && status != want || got.Stops.Fails() && (want[:3] == "401" || want[:3] == "403") {
		t.Fatalf("%q\nexplain: %s %s\nEnvoy:   %s", request, got.Stops, status, want)
	}
}

// seed is that of a random test.
func seed(t testing.TB) uint64 {
	t.Helper()
	out := uint64(time.Now().UnixNano())
	if written := os.Getenv("PORTREEVE_SEED"); written != "" {
		var err error
		if out, err = strconv.ParseUint(written, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("PORTREEVE_SEED=%d", out)
	return out
}
