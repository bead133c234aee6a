package optimize_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/policy"
)

// listener is one of Envoy with filters, which answers 200 to what they let pass and says why it answers. The
// header claims, in JSON and base64, is the payload of a verified token.
func listener(t *testing.T, name string, filters []policy.Filter) string {
	t.Helper()
	var chain strings.Builder
	for i, f := range filters {
		config, err := protojson.Marshal(match.Any(f.Config))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&chain, `{"name":"%s.%d","typed_config":%s},`, f.Name, i, config)
	}
	return fmt.Sprintf(`{"name":%q,"address":{"socket_address":{"address":"127.0.0.1","port_value":0}},"filter_chains":[{"filters":[{
"name":"http","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager","stat_prefix":"http",
"local_reply_config":{"mappers":[{"filter":{"status_code_filter":{"comparison":{"op":"GE","value":{"default_value":0,"runtime_key":"none"}}}},
"headers_to_add":[{"header":{"key":"x-details","value":"%%RESPONSE_CODE_DETAILS%%"}}]}]},
"http_filters":[{"name":"claims","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config","request_rules":[{"header":"claims",
"on_header_present":{"metadata_namespace":"envoy.filters.http.jwt_authn","key":"payload","type":"PROTOBUF_VALUE","encode":"BASE64"}}]}},
%s{"name":"router","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
"route_config":{"virtual_hosts":[{"name":"all","domains":["*"],"routes":[{"match":{"prefix":""},"direct_response":{"status":200}}]}]}}}]}]}`, name, chain.String())
}

// asked starts Envoy with listeners.
func asked(t *testing.T, listeners []string) *envoytest.Envoy {
	t.Helper()
	return envoytest.Run(t, envoytest.Options{Concurrency: 1, Bootstrap: []byte(`{"admin":{"address":{"socket_address":{"address":"127.0.0.1","port_value":0}}},
"layered_runtime":{"layers":[{"name":"limits","static_layer":{"re2.max_program_size.error_level":32768}}]},
"static_resources":{"listeners":[` + strings.Join(listeners, ",") + `]}}`)})
}

// request is sent as it is: the method and the path, and lines of headers.
type request struct {
	line    string
	headers []string
}

func get(path string, headers ...string) request { return request{"GET " + path, headers} }

// ask sends a request on a connection of its own, and returns the status and why.
func ask(t *testing.T, address string, r request) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	host := "Host: a.example\r\n"
	for _, h := range r.headers {
		if strings.HasPrefix(h, "Host:") {
			host = ""
		}
	}
	out := r.line + " HTTP/1.1\r\n" + host
	for _, h := range r.headers {
		out += h + "\r\n"
	}
	if _, err := c.Write([]byte(out + "Connection: close\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%q: %v", r, err)
	}
	defer answer.Body.Close()
	return fmt.Sprint(answer.StatusCode, " ", answer.Header.Get("x-details"))
}
