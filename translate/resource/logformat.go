package resource

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/portreeve/portreeve/translate/diag"
)

// operator is one command operator, %NAME(argument):length%, at the beginning of a text.
var operator = regexp.MustCompile(`^%([A-Z0-9_]+)(?:\(([^()\n\r\x00]*)\))?(:[0-9]{1,9})?%`)

// logFormatChecker checks texts with Envoy's command operators: formats of access logs, values of
// headers.
type logFormatChecker struct{ valueChecker }

// logText checks the command operators of a format. Envoy refuses the whole listener for
// one that it does not know, so each is held against what Envoy 1.40 takes.
func (c logFormatChecker) logText(path Path, text string) {
	c.commandOperators(diag.CodeMeshLogFormat, path, text)
}

// commandOperators checks a text with operators, which values of headers can be too.
func (c logFormatChecker) commandOperators(reason diag.Code, path Path, text string) {
	for rest := text; ; {
		_, behind, found := strings.Cut(rest, "%")
		if !found {
			return
		}
		at := "%" + behind
		if strings.HasPrefix(behind, "%") {
			rest = behind[1:]
			continue
		}
		m := operator.FindStringSubmatch(at)
		if m == nil {
			c.add(reason, path, "%q is not a command operator", excerpt(at)).WithHint("%%NAME%% or %%NAME(argument)%%; a %% that stands for itself is written twice")
			return
		}
		c.commandOperator(reason, path, m)
		rest = at[len(m[0]):]
	}
}

func excerpt(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// commandOperator checks one operator: the whole, its name, its argument and its length.
func (c logFormatChecker) commandOperator(reason diag.Code, path Path, m []string) {
	name := m[1]
	written := strings.Contains(m[0], "(")
	for _, known := range operators() {
		if known.name != name {
			continue
		}
		switch {
		case known.argument == "" && (written || m[3] != ""):
			c.add(reason, path, "%s takes neither an argument nor a length", m[0]).WithHint("%%%s%%", name)
		case known.argument != "" && !regexp.MustCompile("^(?:"+known.argument+")$").MatchString(m[2]):
			c.add(reason, path, "%s does not have an argument that %s takes", m[0], name).WithHint("for example %s", known.example)
		case m[3] != "" && !known.cut:
			c.add(reason, path, "%s cannot be cut to a length", m[0]).WithHint("leave the length out")
		}
		return
	}
	c.add(reason, path, "%s is not a command operator that can be used here", m[0]).WithHint("%s", nearOperator(name))
}

func nearOperator(name string) string {
	var names []string
	for _, o := range operators() {
		names = append(names, o.name)
	}
	if near := closest(name, names); near != "" {
		return "did you mean %" + near + "%?"
	}
	return "one of those of Envoy's access logs without CEL and COALESCE, such as %RESPONSE_CODE_DETAILS%"
}

// logValue checks the texts of a JSON format.
func (c logFormatChecker) logValue(path Path, v *structpb.Value) {
	c.logText(path, v.GetStringValue())
	for _, item := range v.GetListValue().GetValues() {
		c.logValue(path, item)
	}
	for _, name := range slices.Sorted(maps.Keys(v.GetStructValue().GetFields())) {
		c.logValue(path, v.GetStructValue().GetFields()[name])
	}
}

// commandOperator is what Envoy takes as an operator.
type commandOperator struct {
	name string
	// argument is an expression for all of the argument; an empty one means that there is none.
	argument, example string
	// cut says that a length can follow.
	cut bool
}

// operators are those of Envoy 1.40, each tried with it. Missing are those that hold a
// program of their own (CEL, COALESCE), which could not be checked here.
func operators() []commandOperator {
	// A name, and after a ? another one that counts where the first is not there.
	const header = `[!->@-~]+(?:\?[!->@-~]*)?`
	const some, any = `.+`, `.*`
	out := []commandOperator{
		{"REQ", header, "%REQ(X-REQUEST-ID)%", true},
		{"RESP", header, "%RESP(SERVER)%", true},
		{"TRAILER", header, "%TRAILER(GRPC-STATUS)%", true},
		{"REQ_WITHOUT_QUERY", header, "%REQ_WITHOUT_QUERY(:PATH)%", true},
		{"REQUEST_HEADER", header, "%REQUEST_HEADER(X-REQUEST-ID)%", true},
		{"RESPONSE_HEADER", header, "%RESPONSE_HEADER(SERVER)%", true},
		{"DYNAMIC_METADATA", some, "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:sub)%", true},
		{"CLUSTER_METADATA", some, "%CLUSTER_METADATA(filter:key)%", false},
		{"UPSTREAM_METADATA", some, "%UPSTREAM_METADATA(filter:key)%", false},
		{"METADATA", `(?:DYNAMIC|CLUSTER|ROUTE|UPSTREAM_HOST|LISTENER|VIRTUAL_HOST|LISTENER_FILTER_CHAIN)(?::.*)?`, "%METADATA(ROUTE:filter:key)%", true},
		{"FILTER_STATE", `[^:]+(?::PLAIN|:TYPED|:FIELD:[^:]+)?`, "%FILTER_STATE(key:PLAIN)%", true},
		{"UPSTREAM_FILTER_STATE", `[^:]+(?::PLAIN|:TYPED|:FIELD:[^:]+)?`, "%UPSTREAM_FILTER_STATE(key:PLAIN)%", true},
		{"ENVIRONMENT", some, "%ENVIRONMENT(HOSTNAME)%", true},
		{"QUERY_PARAM", some, "%QUERY_PARAM(page)%", true},
		{"QUERY_PARAMS", "(?:ORIG|DECODED)?", "%QUERY_PARAMS(ORIG)%", true},
		{"PATH", "(?:(?:WQ|NQ)(?::(?:ORIG|PATH|ORIG_OR_PATH))?)?", "%PATH(NQ)%", true},
		{"GRPC_STATUS", "(?:CAMEL_STRING|SNAKE_STRING|NUMBER)?", "%GRPC_STATUS(NUMBER)%", false},
		{"REQUESTED_SERVER_NAME", "(?:SNI_ONLY|SNI_FIRST|HOST_FIRST)?", "%REQUESTED_SERVER_NAME(SNI_ONLY)%", false},
	}
	for _, name := range strings.Fields("START_TIME START_TIME_LOCAL EMIT_TIME EMIT_TIME_LOCAL DOWNSTREAM_PEER_CERT_V_START DOWNSTREAM_PEER_CERT_V_END UPSTREAM_PEER_CERT_V_START UPSTREAM_PEER_CERT_V_END") {
		out = append(out, commandOperator{name, any, "%" + name + "(%Y-%m-%dT%H:%M:%SZ)%", false})
	}
	for _, name := range strings.Fields(plainOperators) {
		out = append(out, commandOperator{name: name})
	}
	return out
}

// plainOperators take neither an argument nor a length.
const plainOperators = `
		ACCESS_LOG_TYPE BYTES_RECEIVED BYTES_RETRANSMITTED BYTES_SENT CONNECTION_ID CONNECTION_TERMINATION_DETAILS CUSTOM_FLAGS
		DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT DOWNSTREAM_DETECTED_CLOSE_TYPE
		DOWNSTREAM_DIRECT_LOCAL_ADDRESS DOWNSTREAM_DIRECT_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_DIRECT_LOCAL_PORT
		DOWNSTREAM_DIRECT_REMOTE_ADDRESS DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_DIRECT_REMOTE_PORT
		DOWNSTREAM_HANDSHAKE_DURATION DOWNSTREAM_HEADER_BYTES_RECEIVED DOWNSTREAM_HEADER_BYTES_SENT DOWNSTREAM_LOCAL_ADDRESS
		DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT DOWNSTREAM_LOCAL_CLOSE_REASON
		DOWNSTREAM_LOCAL_DNS_SAN DOWNSTREAM_LOCAL_EMAIL_SAN DOWNSTREAM_LOCAL_IP_SAN DOWNSTREAM_LOCAL_OTHERNAME_SAN
		DOWNSTREAM_LOCAL_PORT DOWNSTREAM_LOCAL_SUBJECT DOWNSTREAM_LOCAL_URI_SAN DOWNSTREAM_PEER_CERT
		DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1 DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256 DOWNSTREAM_PEER_CHAIN_SERIALS
		DOWNSTREAM_PEER_DNS_SAN DOWNSTREAM_PEER_EMAIL_SAN DOWNSTREAM_PEER_FINGERPRINT_1 DOWNSTREAM_PEER_FINGERPRINT_256
		DOWNSTREAM_PEER_IP_SAN DOWNSTREAM_PEER_ISSUER DOWNSTREAM_PEER_OTHERNAME_SAN DOWNSTREAM_PEER_SERIAL DOWNSTREAM_PEER_SUBJECT
		DOWNSTREAM_PEER_URI_SAN DOWNSTREAM_REMOTE_ADDRESS DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT DOWNSTREAM_REMOTE_PORT
		DOWNSTREAM_TLS_CIPHER DOWNSTREAM_TLS_SESSION_ID DOWNSTREAM_TLS_VERSION DOWNSTREAM_TRANSPORT_FAILURE_REASON
		DOWNSTREAM_WIRE_BYTES_RECEIVED DOWNSTREAM_WIRE_BYTES_SENT DURATION FILTER_CHAIN_NAME GRPC_STATUS_NUMBER HOSTNAME
		LOCAL_REPLY_BODY PACKETS_RETRANSMITTED PROTOCOL REQUEST_DURATION REQUEST_HEADERS_BYTES REQUEST_TX_DURATION
		RESPONSE_CODE RESPONSE_CODE_DETAILS RESPONSE_DURATION RESPONSE_FLAGS RESPONSE_FLAGS_LONG RESPONSE_HEADERS_BYTES
		RESPONSE_TRAILERS_BYTES RESPONSE_TX_DURATION ROUNDTRIP_DURATION ROUTE_NAME SPAN_ID STREAM_ID TLS_JA3_FINGERPRINT
		TLS_JA4_FINGERPRINT TRACE_ID UNIQUE_ID UPSTREAM_CLUSTER UPSTREAM_CLUSTER_RAW UPSTREAM_CONNECTION_ID
		UPSTREAM_CONNECTION_IDS_ATTEMPTED UPSTREAM_CONNECTION_POOL_READY_DURATION UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED
		UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT UPSTREAM_DETECTED_CLOSE_TYPE UPSTREAM_HEADER_BYTES_RECEIVED
		UPSTREAM_HEADER_BYTES_SENT UPSTREAM_HOST UPSTREAM_HOSTS_ATTEMPTED UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT UPSTREAM_HOST_NAME
		UPSTREAM_HOST_NAMES_ATTEMPTED UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT UPSTREAM_HOST_NAME_WITHOUT_PORT
		UPSTREAM_LOCAL_ADDRESS UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT UPSTREAM_LOCAL_CLOSE_REASON UPSTREAM_LOCAL_DNS_SAN
		UPSTREAM_LOCAL_IP_SAN UPSTREAM_LOCAL_PORT UPSTREAM_LOCAL_URI_SAN UPSTREAM_PEER_CERT UPSTREAM_PEER_DNS_SAN
		UPSTREAM_PEER_IP_SAN UPSTREAM_PEER_ISSUER UPSTREAM_PEER_SUBJECT UPSTREAM_PEER_URI_SAN UPSTREAM_PROTOCOL
		UPSTREAM_REMOTE_ADDRESS UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT UPSTREAM_REMOTE_PORT UPSTREAM_REQUEST_ATTEMPT_COUNT
		UPSTREAM_TLS_CIPHER UPSTREAM_TLS_SESSION_ID UPSTREAM_TLS_VERSION UPSTREAM_TRANSPORT_FAILURE_REASON
		UPSTREAM_WIRE_BYTES_RECEIVED UPSTREAM_WIRE_BYTES_SENT VIRTUAL_CLUSTER_NAME
`
