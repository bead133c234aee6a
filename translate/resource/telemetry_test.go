package resource_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// readable are expressions that both we and Envoy take; misread are those that Envoy refuses
// its listener for, which we must find first.
func readable() []string {
	return []string{
		"response.code >= 400", "request.headers['x'] == 'a'", "request.path.startsWith('/a')", "request.path.matches('^/api/v[0-9]+/users/[^/]+/items/[a-z]+$')",
		"has(request.headers.x)", "size(request.path) > 1", "'a' in request.headers", "response.code in [400, 401]", "connection.mtls",
		"metadata.filter_metadata['a']['b'] == 'c'", "xds.route_name == 'a'", "response.code_details == 'x'", "true ? true : false",
		"duration('1s') < request.duration", "request.time.getHours('UTC') > 1", "type(1) == int", "request.path.contains('a') || !(response.code == 200)",
		"{'a': 1}['a'] == 1", "true // a comment", "0xff == 255", "r'\\d' == 'a'", ".request.path == '/'", "request.path.size() > 1", "1 + 'a' == 2",
		strings.Repeat("(", 20) + "true" + strings.Repeat(")", 20), strings.Repeat("response.code == 1 || ", 300) + "true",
		"request.path.matches('(?i)key')", "request.path.matches('ä+')", "request.path.matches('^(/[^/]+){3}/x$')",
		strings.Repeat("1 + ", 22) + "1 == 2",
	}
}

func misread() []string {
	return []string{
		"response.code >=", "foo(1)", "request.path.matches('[')", "has(request.headers['x'])", "[1,2].exists(x, x == 1)", "[1].map(x, x)",
		"request.path.lowerAscii() == 'a'", "request.path.split('/')[0] == 'a'", "string(response.code) == '200'", "Foo{a: 1}", "request.path.startsWith()",
		"request.path.startsWith('a', 'b')", "x.?y", "has(request)", "has(has(request.headers.x))", "'a", "9223372036854775808 > 1", "let == 1", "in == 1", "size([1], 2)", " ",
		strings.Repeat("(", 40) + "true" + strings.Repeat(")", 40), strings.Repeat("1 + ", 40) + "1 == 2", "a" + strings.Repeat(".b", 40) + " == 1",
		strings.Repeat("true ? 1 : ", 40) + "2", "request.path.matches('" + strings.Repeat("a", 200) + "')", "request.path.matches('a{0,90}')",
		"request.path.matches('" + strings.Repeat(`\\p{L}`, 20) + "')", "request.path.matches('a(?=b)')", "request.time.getHours(1, 2)", "'x' 'y'", "'\\x'",
		"'" + strings.Repeat("x", 100_001) + "' == 's'", "optional.of(1)", "cel.bind(x, 1, x == 1)", "[?x]",
	}
}

// expressionCodes returns the codes of the findings about an expression.
func expressionCodes(expression string) []diag.Code {
	var out []diag.Code
	for _, d := range expressionDiagnostics(expression) {
		out = append(out, d.Code)
	}
	return out
}

func expressionDiagnostics(expression string) diag.List {
	text, err := json.Marshal(expression)
	if err != nil {
		panic(err)
	}
	documents, found := source.Parse([]source.File{{Path: "t.yaml", Content: fmt.Appendf(nil,
		"apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: {name: a}\nspec: {accessLogging: [{providers: [{name: envoy}], filter: {expression: %s}}]}\n", text)}})
	_, more := resource.Decode(documents)
	return append(found, more...).Sorted()
}

func TestExpressions(t *testing.T) {
	for _, e := range readable() {
		if got := expressionCodes(e); len(got) > 0 {
			t.Errorf("%.80q: %v, want no finding", e, got)
		}
	}
	for _, e := range misread() {
		if got := expressionCodes(e); len(got) != 1 || got[0] != diag.CodeExpression {
			t.Errorf("%.80q: %v, want %s", e, got, diag.CodeExpression)
		}
	}
}

// TestUnknownAttributes holds that a name which no request has is warned of, however it is
// written, with the name that was probably meant.
func TestUnknownAttributes(t *testing.T) {
	const lost, never = "so what depends on it is never logged", "so the answer of has() or in is always no"
	for expression, want := range map[string][]string{
		"response.cod >= 400":                           {"response.cod, which no request has, " + lost + " (did you mean response.code?)"},
		"!(.response.cod == 200)":                       {"response.cod, which no request has, " + lost + " (did you mean response.code?)"},
		"request['pth'] == '/'":                         {"request.pth, which no request has, " + lost + " (did you mean request.path?)"},
		"has(connection.mtl)":                           {"connection.mtl, which no request has, " + never + " (did you mean connection.mtls?)"},
		"!('cod' in response)":                          {"response.cod, which no request has, " + never + " (did you mean response.code?)"},
		"has(response.cod) && response.cod == 1":        {"response.cod, which no request has, " + lost + " (did you mean response.code?)"},
		"source.ip == '10.0.0.1'":                       {"source.ip, which no request has, " + lost + " (source has address, port)"},
		"metadata.filter_metdata['a'] == 'b'":           {"metadata.filter_metdata, which no request has, " + lost + " (did you mean metadata.filter_metadata?)"},
		"!has(metadata.filter_metdata)":                 {"metadata.filter_metdata, which no request has, " + lost + " (did you mean metadata.filter_metadata?)"},
		"xds.rout_name == 'a' || upstream.adress == ''": {"upstream.adress, which no request has, " + lost + " (did you mean upstream.address?)", "xds.rout_name, which no request has, " + lost + " (did you mean xds.route_name?)"},
		"request.headers.cod == request.headers['pth']": nil,
		"filter_state['a'] == 'b' || filter_state.any == upstream_filter_state.other":           nil,
		"xds.node.id == 'a' && upstream.locality.region == 'b' && 'x' in xds.node":              nil,
		"size(response.trailers) > 0 || has(response.grpc_status) || 'code' in request.headers": nil,
	} {
		var got []string
		for _, d := range expressionDiagnostics(expression) {
			if d.Severity != diag.Warning || d.Code != diag.CodeExpressionName || d.Pos.Line != 4 || d.Field != "spec.accessLogging[0].filter.expression" {
				t.Errorf("%s: %s at %s", expression, d, d.Field)
			}
			got = append(got, strings.TrimPrefix(d.Message, "the expression names ")+" ("+d.Hint+")")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", expression, diff)
		}
	}
}

// TestEveryAttributeOfEnvoyIsKnown holds the attributes that Envoy documents.
func TestEveryAttributeOfEnvoyIsKnown(t *testing.T) {
	for _, name := range strings.Fields(`
		request.path request.url_path request.host request.scheme request.method request.headers request.headers_bytes request.referer request.useragent
		request.time request.id request.protocol request.query request.duration request.size request.total_size
		response.code response.code_details response.flags response.grpc_status response.headers response.headers_bytes response.trailers response.size
		response.total_size response.backend_latency source.address source.port destination.address destination.port
		connection.id connection.mtls connection.requested_server_name connection.tls_version connection.subject_local_certificate
		connection.subject_peer_certificate connection.dns_san_local_certificate connection.dns_san_peer_certificate connection.uri_san_local_certificate
		connection.uri_san_peer_certificate connection.sha256_peer_certificate_digest connection.peer_certificate connection.transport_failure_reason
		connection.termination_details upstream.address upstream.num_endpoints upstream.port upstream.tls_version upstream.subject_local_certificate
		upstream.subject_peer_certificate upstream.dns_san_local_certificate upstream.dns_san_peer_certificate upstream.uri_san_local_certificate
		upstream.uri_san_peer_certificate upstream.sha256_peer_certificate_digest upstream.peer_certificate upstream.local_address
		upstream.transport_failure_reason upstream.request_attempt_count upstream.cx_pool_ready_duration upstream.locality
		metadata.filter_metadata metadata.typed_filter_metadata filter_state.x upstream_filter_state.x
		xds.node xds.cluster_name xds.cluster_metadata xds.listener_direction xds.listener_metadata xds.route_name xds.route_metadata xds.virtual_host_name
		xds.virtual_host_metadata xds.upstream_host_metadata xds.upstream_host_locality_metadata xds.filter_chain_name`) {
		if got := expressionDiagnostics(name + " == 'a'"); len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestEnvoyReadsWhatWeAccept asks Envoy itself about every expression of the two lists.
func TestEnvoyReadsWhatWeAccept(t *testing.T) {
	envoy := envoytest.Require(t)
	for _, e := range readable() {
		if out, err := readBy(t, envoy, e); err != nil {
			t.Errorf("Envoy does not read %.80q: %v\n%s", e, err, out)
		}
	}
	for _, e := range misread() {
		if _, err := readBy(t, envoy, e); err == nil {
			t.Errorf("Envoy reads %.80q, which we refuse", e)
		}
	}
}

func readBy(t *testing.T, envoy, expression string) (string, error) {
	t.Helper()
	type object = map[string]any
	typed := func(name string, config object) object { return object{"name": name, "typed_config": config} }
	const extensions = "type.googleapis.com/envoy.extensions."
	log := typed("envoy.access_loggers.stdout", object{"@type": extensions + "access_loggers.stream.v3.StdoutAccessLog"})
	log["filter"] = object{"extension_filter": typed("envoy.access_loggers.extension_filters.cel",
		object{"@type": extensions + "access_loggers.filters.cel.v3.ExpressionFilter", "expression": expression})}
	proxy := typed("envoy.filters.network.tcp_proxy", object{"@type": extensions + "filters.network.tcp_proxy.v3.TcpProxy", "stat_prefix": "t", "cluster": "c", "access_log": []any{log}})
	config, err := json.Marshal(object{"static_resources": object{"listeners": []any{object{
		"name": "l", "address": object{"socket_address": object{"address": "127.0.0.1", "port_value": 0}},
		"filter_chains": []any{object{"filters": []any{proxy}}},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), envoy, "--mode", "validate", "-l", "critical", "--config-yaml", string(config))
	out, err := command.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), err
}
