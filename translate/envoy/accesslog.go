package envoy

import (
	"strings"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	fileaccesslogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	streamaccesslogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3"
	reqwithoutqueryv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/formatter/req_without_query/v3"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
)

// meshLog returns the access log that accessLogFile of the mesh configuration asks for, or
// nil where it asks for none.
func meshLog(mesh *meshv1alpha1.MeshConfig) []*accesslogv3.AccessLog {
	if mesh.GetAccessLogFile() == "" {
		return nil
	}
	name, config := accessLogger(mesh.GetAccessLogFile(), accessLogFormat(mesh))
	return []*accesslogv3.AccessLog{{Name: name, ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: match.Any(config)}}}
}

// accessLogger writes to a file. The two standard streams are not opened as files, which
// fails where they are sockets or belong to another user.
func accessLogger(path string, format *corev3.SubstitutionFormatString) (string, proto.Message) {
	switch path {
	case "/dev/stdout":
		return "envoy.access_loggers.stdout", &streamaccesslogv3.StdoutAccessLog{AccessLogFormat: &streamaccesslogv3.StdoutAccessLog_LogFormat{LogFormat: format}}
	case "/dev/stderr":
		return "envoy.access_loggers.stderr", &streamaccesslogv3.StderrAccessLog{AccessLogFormat: &streamaccesslogv3.StderrAccessLog_LogFormat{LogFormat: format}}
	default:
		return "envoy.access_loggers.file", &fileaccesslogv3.FileAccessLog{Path: path, AccessLogFormat: &fileaccesslogv3.FileAccessLog_LogFormat{LogFormat: format}}
	}
}

// withoutQuery is the one operator that Envoy knows only where an extension is named.
const withoutQuery = "%REQ_WITHOUT_QUERY("

// formatters returns the extensions that a format needs.
func formatters(format string) []*corev3.TypedExtensionConfig {
	if !strings.Contains(format, withoutQuery) {
		return nil
	}
	return []*corev3.TypedExtensionConfig{{Name: "envoy.formatter.req_without_query", TypedConfig: match.Any(&reqwithoutqueryv3.ReqWithoutQuery{})}}
}

// accessLogFormat returns the format that is set, or a default that tells of a denied
// request which rule denied it and which addresses were looked at.
func accessLogFormat(mesh *meshv1alpha1.MeshConfig) *corev3.SubstitutionFormatString {
	if mesh.GetAccessLogEncoding() == meshv1alpha1.MeshConfig_JSON {
		return &corev3.SubstitutionFormatString{
			Format:     &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: jsonFormat(mesh.GetAccessLogFormat())},
			Formatters: formatters(mesh.GetAccessLogFormat()),
		}
	}
	return textFormat(mesh.GetAccessLogFormat())
}

// textFormat is a line of text, or of the default fields.
func textFormat(text string) *corev3.SubstitutionFormatString {
	if text == "" {
		text = defaultTextFormat()
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return &corev3.SubstitutionFormatString{
		Format: &corev3.SubstitutionFormatString_TextFormatSource{
			TextFormatSource: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: text}},
		},
		Formatters: formatters(text),
	}
}

// jsonFormat reads a format that has been checked, or returns the default.
func jsonFormat(text string) *structpb.Struct {
	out := &structpb.Struct{}
	if text != "" && protojson.Unmarshal([]byte(text), out) == nil {
		return out
	}
	out.Fields = map[string]*structpb.Value{}
	for _, f := range logFields() {
		out.Fields[f.name] = structpb.NewStringValue(f.operator)
	}
	return out
}

// logField is one field of the default format.
type logField struct {
	// name is its key in JSON.
	name, operator string
	// quoted says how it stands in a line of text.
	quoted quoting
}

type quoting string

const (
	bare   quoting = ""
	quoted quoting = `"`
)

// decidedBy names the authorization rule that denied the request, or the one that allowed it.
const decidedBy = "%DYNAMIC_METADATA(envoy.filters.http.rbac:enforced_effective_policy_id)%"

// The issuer and the subject of the token that was verified. What a client sends and nobody
// verified is not logged.
const (
	tokenIssuer  = "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:iss)%"
	tokenSubject = "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:sub)%"
)

// logFields are the fields of Istio's default format, without the query of the path, in which tokens
// can be, and more: the address of the connection, which ipBlocks are compared with while
// remoteIpBlocks are compared with downstream_remote_address, the deciding rule, whose token it was,
// and what replay needs to ask about the request again. Of what can hold a secret it says whether it
// was sent and nothing else: cut to a length of 0 it is empty, and - where it was not sent. They are the same
// for every policy, so that an edit of policy leaves the listener as it is.
func logFields() []logField {
	return []logField{
		{"start_time", "%START_TIME%", bare},
		{"method", "%REQ(:METHOD)%", bare},
		{"path", "%PATH(NQ:ORIG_OR_PATH)%", bare},
		{"protocol", "%PROTOCOL%", bare},
		{"response_code", "%RESPONSE_CODE%", bare},
		{"response_flags", "%RESPONSE_FLAGS%", bare},
		{"response_code_details", "%RESPONSE_CODE_DETAILS%", bare},
		{"connection_termination_details", "%CONNECTION_TERMINATION_DETAILS%", bare},
		{"upstream_transport_failure_reason", "%UPSTREAM_TRANSPORT_FAILURE_REASON%", quoted},
		{"bytes_received", "%BYTES_RECEIVED%", bare},
		{"bytes_sent", "%BYTES_SENT%", bare},
		{"duration", "%DURATION%", bare},
		{"upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%", bare},
		{"x_forwarded_for", "%REQ(X-FORWARDED-FOR)%", quoted},
		{"user_agent", "%REQ(USER-AGENT)%", quoted},
		{"request_id", "%REQ(X-REQUEST-ID)%", quoted},
		{"authority", "%REQ(X-ENVOY-ORIGINAL-HOST?:AUTHORITY)%", quoted},
		{"upstream_host", "%UPSTREAM_HOST%", quoted},
		{"upstream_cluster", "%UPSTREAM_CLUSTER_RAW%", bare},
		{"upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%", bare},
		{"downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%", bare},
		{"downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%", bare},
		{"requested_server_name", "%REQUESTED_SERVER_NAME%", bare},
		{"route_name", "%ROUTE_NAME%", bare},
		{"downstream_direct_remote_address", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%", bare},
		{"policy", decidedBy, quoted},
		{"token_issuer", tokenIssuer, quoted},
		{"token_subject", tokenSubject, quoted},
		{"scheme", "%REQ(:SCHEME)%", bare},
		{"downstream_tls_version", "%DOWNSTREAM_TLS_VERSION%", bare},
		{"downstream_peer_uri_san", "%DOWNSTREAM_PEER_URI_SAN%", quoted},
		{"downstream_peer_dns_san", "%DOWNSTREAM_PEER_DNS_SAN%", quoted},
		{"downstream_peer_subject", "%DOWNSTREAM_PEER_SUBJECT%", quoted},
		{"query_sent", "%QUERY_PARAMS(ORIG):0%", quoted},
		{"access_token_sent", "%QUERY_PARAM(access_token):0%", quoted},
		{"authorization_sent", "%REQ(AUTHORIZATION):0%", quoted},
	}
}

// defaultTextFormat is one line with all fields: the time in brackets, the request line in
// quotes, as Istio writes them.
func defaultTextFormat() string {
	var words []string
	for _, f := range logFields() {
		word := string(f.quoted) + f.operator + string(f.quoted)
		switch f.name {
		case "start_time":
			word = "[" + word + "]"
		case "method":
			word = `"` + word
		case "protocol":
			word += `"`
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
