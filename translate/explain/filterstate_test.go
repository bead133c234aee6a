package explain

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

	matchingv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/matching/v3"
	setfilterstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/set_filter_state/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// state is a value of a set_filter_state filter, with all that has to be set for a rule to read it.
func state(key, format, more string) string {
	return fmt.Sprintf(`{"object_key":%q,"factory_key":"envoy.string"%s,"format_string":{"text_format_source":{"inline_string":%q}%s}}`, key, ifAny(more, "skip", `,"skip_if_empty":true`), format, ifAny(more, "omit", `,"omit_empty_values":true`))
}

func ifAny(text, word, out string) string {
	if strings.Contains(text, word) {
		return out
	}
	return ""
}

// claims are what a filter before leaves.
const claims = `{"text":"a","empty":"","quoted":"a\"b\\c%ü","number":5,"true":true,"null":null,"list":["a"],"object":{"text":"b"},"a.b":"c","digits":"5"}`

// cutting is the filter that leaves the path without parameters.
const cutting = `{"extension_config":{"name":"plain","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.header_to_metadata.v3.Config","request_rules":[{"header":":path","on_header_present":{"metadata_namespace":"portreeve","key":"plain_path","regex_value_rewrite":{"pattern":{"regex":"(?s)(?:;|%3[Bb])[^/?#]*|[?#].*"},"substitution":""}}}]}},
"xds_matcher":{"matcher_list":{"matchers":[{"predicate":{"not_matcher":{"or_matcher":{"predicate":[` + pathHas + `";"}}},` + pathHas + `"%"}}}]}}},"on_match":{"action":{"name":"skip","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.common.matcher.action.v3.SkipFilter"}}}}]}}}`

const pathHas = `{"single_predicate":{"input":{"name":"in","typed_config":{"@type":"type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput","header_name":":path"}},"value_match":{"contains":`

func formatsOf() []string {
	out := []string{"%DYNAMIC_METADATA(portreeve:plain_path)%", "%PATH(NQ:PATH)%", "%REQ(:METHOD)%", "%REQ(:METHOD)% %PATH(NQ:PATH)%", "%REQ(:authority)%", "%REQ(X-A)%", "%REQ(x-a)%|%REQ(x-b)%", "text", "%REQ(:PATH)%"}
	for _, claim := range []string{"text", "empty", "quoted", "number", "true", "null", "list", "object", "object:text", "text:text", "a.b", "digits", "none", "none:none"} {
		out = append(out, "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:"+claim+")%")
	}
	return append(out, "%DYNAMIC_METADATA(none:none)%")
}

// TestTextsAreLeftAsByEnvoy asks Envoy and the filter what a format makes of requests, in all four ways to treat what is empty.
func TestTextsAreLeftAsByEnvoy(t *testing.T) {
	var keys, states, shown []string
	for i, format := range formatsOf() {
		for _, more := range []string{"", "omit", "skip", "omit skip"} {
			key := fmt.Sprintf("k%d-%s", i, strings.ReplaceAll(more, " ", "-"))
			keys, states = append(keys, key), append(states, state(key, format, more))
			shown = append(shown, fmt.Sprintf(`{"header":{"key":"x-%s","value":"[%%FILTER_STATE(%s:PLAIN)%%]"}}`, key, key))
		}
	}
	config := `{"on_request_headers":[` + strings.Join(states, ",") + `]}`
	gateway := envoytest.Run(t, envoytest.Options{Concurrency: 1, Bootstrap: leaves(config, shown)})
	address := gateway.MustListener(t, "states")
	m := &setfilterstatev3.Config{}
	must(t, protojson.Unmarshal([]byte(config), m))
	must(t, known().Check(m))
	f, err := filterState(m)
	must(t, err)
	parameters := &matchingv3.ExtensionWithMatcher{}
	must(t, protojson.Unmarshal([]byte(cutting), parameters))
	must(t, known().Check(parameters))
	before, err := newBuilder(envoy.Resources{}).skipped("plain", parameters)
	must(t, err)
	open := map[string]bool{}
	for _, request := range []string{"/a", "/a?b", "/a?x=/b?c", "/?", "/a;b%20c?", "/a;", "/;a", "/a;b/c;d;e/f", "/a%3b", "/a%3Bb/%3b/c", "/a;?;/b", "/a%3%3b%3", "/a;b?c;/d%3be/f", "/a;b%2fc/d;//;", "/a%253b", "/" + strings.Repeat("a", 8190) + "?b", "/" + strings.Repeat("a", 8191) + ";b", "/a\nX-Envoy-Original-Path: /other", "/a\nX-A: b", "/a\nX-A: b\nX-A: c", "/a\nX-A:\nX-B: c", "/a\nX-A: -"} {
		answered := answeredBy(t, address, request)
		w := &walk{stream: streamOf(t, request)}
		before(w)
		f(w)
		for _, key := range keys {
			got, there := w.stream.State[key]
			if want := answered.Get("x-" + key); !there && want != "[]" || there && !got.Unknown && want != "["+got.Value+"]" {
				t.Errorf("%q: %s is %q (%v), Envoy has %q", request, key, got.Value, there, want)
			}
			open[key] = open[key] || got.Unknown
		}
	}
	for i, format := range formatsOf() {
		notText := slices.ContainsFunc([]string{":number", ":true", ":list", ":object)"}, func(claim string) bool { return strings.Contains(format, claim) })
		if key := fmt.Sprintf("k%d-", i); open[key] != notText {
			t.Errorf("what %s makes is open: %v", format, open[key])
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// leaves is a bootstrap whose listener answers with what was left.
func leaves(config string, shown []string) []byte {
	return fmt.Appendf(nil, `{"admin":{"address":{"socket_address":{"address":"127.0.0.1","port_value":0}}},"static_resources":{"listeners":[{"name":"states","address":{"socket_address":{"address":"127.0.0.1","port_value":0}},"filter_chains":[{"filters":[{
"name":"http","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager","stat_prefix":"http","http_filters":[
{"name":"claims","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config","metadata":[{"metadata_namespace":"envoy.filters.http.jwt_authn","value":{"payload":%s}}]}},
{"name":"plain","typed_config":{"@type":"type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher",%s},
{"name":"state","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",%s},
{"name":"router","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
"route_config":{"max_direct_response_body_size_bytes":0,"virtual_hosts":[{"name":"all","domains":["*"],"routes":[{"match":{"prefix":"/"},"direct_response":{"status":200},"response_headers_to_add":[%s]}]}]}}}]}]}]}}`, claims, cutting[1:], config[1:], strings.Join(shown, ","))
}

// answeredBy sends a path, and lines of headers behind it, and returns the headers of the answer.
func answeredBy(t *testing.T, address, request string) http.Header {
	t.Helper()
	c, err := net.Dial("tcp", address)
	must(t, err)
	defer c.Close()
	must(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	path, headers, _ := strings.Cut(request, "\n")
	lines := "GET " + path + " HTTP/1.1\r\nHost: a.example\r\n"
	if headers != "" {
		lines += strings.ReplaceAll(headers, "\n", "\r\n") + "\r\n"
	}
	_, err = c.Write([]byte(lines + "\r\n"))
	must(t, err)
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	must(t, err)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%q: %s", request, answer.Status)
	}
	return answer.Header
}

// streamOf is a request as answeredBy sends it, behind the filter that leaves the claims.
func streamOf(t *testing.T, request string) *traffic.Stream {
	t.Helper()
	lines := strings.Split(request, "\n")
	headers := []traffic.Header{{Name: ":method", Value: "GET"}, {Name: ":path", Value: lines[0]}, {Name: ":authority", Value: "a.example"}}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		headers = append(headers, traffic.Header{Name: name, Value: strings.TrimSpace(value)})
	}
	var payload map[string]any
	must(t, json.Unmarshal([]byte(claims), &payload))
	return &traffic.Stream{
		Headers: traffic.NewHeaders(headers, traffic.NoOthers), State: map[string]traffic.Text{},
		Metadata: map[string]traffic.Object{"envoy.filters.http.jwt_authn": {Fields: map[string]any{"payload": objectOf(payload)}}},
	}
}

// TestFormatsThatAreNotUnderstoodAreRefused holds that no format is taken for a text; the first lets the client choose
// the path that is looked up.
func TestFormatsThatAreNotUnderstoodAreRefused(t *testing.T) {
	for _, format := range []string{
		"%PATH(NQ)%", "%PATH(NQ:PATH):5%", "%PATH(WQ:PATH)%", "%PATH%", "%REQ(A?B)%", "%REQ(A):3%", "%REQ(A", "%%", "50%", "%DYNAMIC_METADATA(a)%", "%CEL(request.path)%", "%DOWNSTREAM_REMOTE_ADDRESS%",
	} {
		if _, err := formats(format, ""); err == nil {
			t.Errorf("%s is taken", format)
		}
	}
	for name, value := range map[string]string{
		"a name of Envoy's":     strings.Replace(state("k", "a", ""), `"k"`, `"envoy.upstream.host"`, 1),
		"another factory":       strings.Replace(state("k", "a", ""), "envoy.string", "envoy.hashable_string", 1),
		"no factory":            `{"object_key":"k","format_string":{"text_format_source":{"inline_string":"a"}}}`,
		"read only":             strings.Replace(state("k", "a", ""), `{`, `{"read_only":true,`, 1),
		"shared":                strings.Replace(state("k", "a", ""), `{`, `{"shared_with_upstream":"ONCE",`, 1),
		"a format in JSON":      `{"object_key":"k","factory_key":"envoy.string","format_string":{"json_format":{}}}`,
		"a format in a file":    `{"object_key":"k","factory_key":"envoy.string","format_string":{"text_format_source":{"filename":"a"}}}`,
		"a format of old times": `{"object_key":"k","factory_key":"envoy.string","format_string":{"text_format":"a"}}`,
	} {
		m := &setfilterstatev3.Config{}
		must(t, protojson.Unmarshal([]byte(`{"on_request_headers":[`+value+`]}`), m))
		_, err := filterState(m)
		if err == nil {
			err = known().Check(m)
		}
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
