package rbac_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/explain/rbac"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// trial is an RBAC filter in JSON, and requests that Envoy is asked with it: a path and lines of headers.
type trial struct {
	filter   string
	requests []string
}

// rule is a filter with one rule that allows where a permission matches.
func allows(permission string) string {
	return `{"rules":{"policies":{"a rule":{"permissions":[` + permission + `],"principals":[{"any":true}]}}}}`
}

func header(matcher string) string { return allows(`{"header":` + matcher + `}`) }

func trials() map[string]trial {
	users := []string{"/", "/\nX: a", "/\nX: b", "/\nX: a\nX: b", "/\nX: b\nX: a", "/\nX: a,b", "/\nX:", "/\nX: a\nX: a"}
	return map[string]trial{
		"header":                    {header(`{"name":"x","stringMatch":{"exact":"a"}}`), users},
		"header joined":             {header(`{"name":"x","stringMatch":{"exact":"a,b"}}`), users},
		"header inverted":           {header(`{"name":"x","stringMatch":{"exact":"a"},"invertMatch":true}`), users},
		"header or empty":           {header(`{"name":"x","stringMatch":{"exact":""},"treatMissingHeaderAsEmpty":true}`), users},
		"header or empty, inverted": {header(`{"name":"x","stringMatch":{"exact":"a"},"treatMissingHeaderAsEmpty":true,"invertMatch":true}`), users},
		"present":                   {header(`{"name":"x","presentMatch":true}`), users},
		"present or empty":          {header(`{"name":"x","presentMatch":true,"treatMissingHeaderAsEmpty":true}`), users},
		"present inverted":          {header(`{"name":"x","presentMatch":true,"invertMatch":true}`), users},
		"present or empty inverted": {header(`{"name":"x","presentMatch":true,"invertMatch":true,"treatMissingHeaderAsEmpty":true}`), users},
		"absent":                    {header(`{"name":"x","presentMatch":false}`), users},
		"absent inverted":           {header(`{"name":"x","presentMatch":false,"invertMatch":true}`), users},
		"absent or empty":           {header(`{"name":"x","presentMatch":false,"treatMissingHeaderAsEmpty":true}`), users},
		"lines that Envoy joins":    {header(`{"name":"user-agent","stringMatch":{"exact":"a,b"}}`), []string{"/\nUser-Agent: a\nUser-Agent: b", "/\nuser-agent: a", "/\nUser-Agent: a\nX: y\nUser-Agent:\nUser-Agent: b", "/\nUser-Agent:\nUser-Agent: a,b"}},
		"lines of an address":       {header(`{"name":"x-forwarded-for","stringMatch":{"exact":"1.1.1.1,2.2.2.2"}}`), []string{"/\nX-Forwarded-For: 1.1.1.1\nX-Forwarded-For: 2.2.2.2"}},
		"lines of authorization":    {header(`{"name":"authorization","stringMatch":{"exact":"a,b"}}`), []string{"/\nAuthorization: a\nAuthorization: b"}},
		"cookies":                   {header(`{"name":"cookie","stringMatch":{"exact":"a; b"}}`), []string{"/\nCookie: a\nCookie: b", "/\nCookie: a; b"}},
		"cookies with comma":        {header(`{"name":"cookie","stringMatch":{"exact":"a,b"}}`), []string{"/\nCookie: a\nCookie: b", "/\nCookie: a,b"}},
		"a cookie":                  {header(`{"name":"cookie","stringMatch":{"exact":"a"}}`), []string{"/\nCookie: a\nCookie: b", "/\nCookie: a,b"}},
		"range":                     {header(`{"name":"x","rangeMatch":{"start":"-1","end":"5"}}`), []string{"/\nX: -1", "/\nX: 5", "/\nX: +4", "/\nX:  4 ", "/\nX: 4.0", "/\nX:", "/", "/\nX: 0x1", "/\nX: 1_0", "/\nX: 9\nX: 4"}},
		"no specifier":              {header(`{"name":"x"}`), users},
	}
}

// TestRulesDecideAsEnvoyDoes asks Envoy and the filter the same.
func TestRulesDecideAsEnvoyDoes(t *testing.T) {
	all := trials()
	var listeners []string
	for name, c := range all {
		listeners = append(listeners, listener(name, c.filter))
	}
	envoy := envoytest.Run(t, envoytest.Options{Concurrency: 1, Bootstrap: []byte(`{"admin":{"address":{"socket_address":{"address":"127.0.0.1","port_value":0}}},
"static_resources":{"listeners":[` + strings.Join(listeners, ",") + `]}}`)})
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			address := envoy.MustListener(t, name)
			filter := httpFilter(t, c.filter)
			for _, request := range c.requests {
				want := ask(t, address, request)
				got := decide(t, filter, address, request)
				if got != want {
					t.Errorf("%q: %s, Envoy says %s", request, got, want)
				}
			}
		})
	}
}

func httpFilter(t *testing.T, config string) *rbac.Filter {
	t.Helper()
	m := &rbachttpv3.RBAC{}
	if err := protojson.Unmarshal([]byte(config), m); err != nil {
		t.Fatal(err)
	}
	f, err := rbac.HTTP("envoy.filters.http.rbac", m)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// listener answers what the filter lets pass, and says why it answers.
func listener(name, filter string) string {
	return fmt.Sprintf(`{"name":%q,"address":{"socket_address":{"address":"127.0.0.1","port_value":0}},"filter_chains":[{"filters":[{
"name":"http","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager","stat_prefix":"http",
"local_reply_config":{"mappers":[{"filter":{"status_code_filter":{"comparison":{"op":"GE","value":{"default_value":0,"runtime_key":"none"}}}},
"headers_to_add":[{"header":{"key":"x-details","value":"%%RESPONSE_CODE_DETAILS%%"}},{"header":{"key":"x-flags","value":"%%RESPONSE_FLAGS%%"}}]}]},
"http_filters":[{"name":"envoy.filters.http.rbac","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",%s},
{"name":"router","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
"route_config":{"virtual_hosts":[{"name":"all","domains":["*"],"routes":[{"match":{"prefix":"/"},"direct_response":{"status":200}}]}]}}}]}]}`, name, filter[1:])
}

// lines returns the path and the headers of a request.
func lines(request string) (string, []traffic.Header) {
	parts := strings.Split(request, "\n")
	var out []traffic.Header
	for _, line := range parts[1:] {
		name, value, _ := strings.Cut(line, ":")
		out = append(out, traffic.Header{Name: name, Value: strings.TrimPrefix(value, " ")})
	}
	return parts[0], out
}

// ask sends a request to Envoy.
func ask(t *testing.T, address, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	path, headers := lines(request)
	out := "GET " + path + " HTTP/1.1\r\nHost: a.example\r\n"
	for _, h := range headers {
		out += h.Name + ": " + h.Value + "\r\n"
	}
	if _, err := c.Write([]byte(out + "\r\n")); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return "passes"
	}
	return fmt.Sprint(answer.StatusCode, " ", answer.Header.Get("x-details"), " ", strings.Trim(answer.Header.Get("x-flags"), "-"))
}

// decide asks the filter.
func decide(t *testing.T, f *rbac.Filter, address, request string) string {
	t.Helper()
	to := netip.MustParseAddrPort(address)
	path, headers := lines(request)
	s := traffic.Stream{
		Connection: traffic.Connection{Destination: to, Direct: to, Remote: to},
		Headers: traffic.NewHeaders(append([]traffic.Header{
			{Name: ":method", Value: "GET"}, {Name: ":path", Value: path}, {Name: ":authority", Value: "a.example"}, {Name: ":scheme", Value: "http"},
		}, headers...), traffic.NoOthers),
	}
	e := f.Decide(&s)
	switch {
	case e.Stops.Open():
		return e.Stops.String()
	case e.Stops.Fails():
		return "passes"
	default:
		return fmt.Sprint(e.Reply.Status, " ", e.Reply.Details, " ", e.Reply.Flags)
	}
}
