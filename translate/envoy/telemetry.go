package envoy

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	celv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/filters/cel/v3"
	grpcv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/grpc/v3"
	opentelemetryv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/open_telemetry/v3"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
)

// accessLogs returns the access logs of a gateway, for HTTP connection managers and TCP
// proxies alike: those that a Telemetry or the default providers ask for, or else the file
// of the mesh configuration.
func accessLogs(v model.View) []*accesslogv3.AccessLog {
	if !v.AccessLogs.Decided {
		return meshLog(meshConfig(v))
	}
	var out []*accesslogv3.AccessLog
	for _, l := range v.AccessLogs.Logs {
		name, config := loggerOf(l)
		log := &accesslogv3.AccessLog{Name: name, ConfigType: &accesslogv3.AccessLog_TypedConfig{TypedConfig: match.Any(config)}}
		if l.Filtered {
			log.Filter = expressionFilter(l.Expression)
		}
		out = append(out, log)
	}
	return out
}

// withServedLogs leaves out the logs that would be sent to a cluster which is not rendered,
// as that of a service without endpoints: for one such log Envoy refuses the whole listener.
func withServedLogs(v model.View) model.View {
	if !slices.ContainsFunc(v.AccessLogs.Logs, func(l model.AccessLog) bool { return l.Cluster != "" }) {
		return v
	}
	rendered := map[string]bool{"": true}
	all, _, _ := clusters(v)
	for _, c := range all {
		rendered[c.GetName()] = true
	}
	v.AccessLogs.Logs = slices.DeleteFunc(slices.Clone(v.AccessLogs.Logs), func(l model.AccessLog) bool { return !rendered[l.Cluster] })
	return v
}

// listenerLogs logs the connections that no filter chain takes, which no other log sees.
func listenerLogs(v model.View) []*accesslogv3.AccessLog {
	if meshConfig(v).GetDisableEnvoyListenerLog() {
		return nil
	}
	out := accessLogs(v)
	for _, l := range out {
		noRoute := &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ResponseFlagFilter{
			ResponseFlagFilter: &accesslogv3.ResponseFlagFilter{Flags: []string{"NR"}},
		}}
		if l.Filter != nil {
			noRoute = &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_AndFilter{
				AndFilter: &accesslogv3.AndFilter{Filters: []*accesslogv3.AccessLogFilter{noRoute, l.Filter}},
			}}
		}
		l.Filter = noRoute
	}
	return out
}

func expressionFilter(expression string) *accesslogv3.AccessLogFilter {
	return &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ExtensionFilter{ExtensionFilter: &accesslogv3.ExtensionFilter{
		Name:       "envoy.access_loggers.extension_filters.cel",
		ConfigType: &accesslogv3.ExtensionFilter_TypedConfig{TypedConfig: match.Any(&celv3.ExpressionFilter{Expression: expression})},
	}}}
}

// loggerOf renders what a provider of the mesh configuration is.
func loggerOf(l model.AccessLog) (string, proto.Message) {
	switch p := l.Provider; {
	case p.GetEnvoyHttpAls() != nil:
		c := p.GetEnvoyHttpAls()
		return "envoy.access_loggers.http_grpc", &grpcv3.HttpGrpcAccessLogConfig{
			CommonConfig:                    sentTo(l, cmp.Or(c.GetLogName(), "http_envoy_accesslog"), c.GetFilterStateObjectsToLog()),
			AdditionalRequestHeadersToLog:   c.GetAdditionalRequestHeadersToLog(),
			AdditionalResponseHeadersToLog:  c.GetAdditionalResponseHeadersToLog(),
			AdditionalResponseTrailersToLog: c.GetAdditionalResponseTrailersToLog(),
		}
	case p.GetEnvoyTcpAls() != nil:
		c := p.GetEnvoyTcpAls()
		return "envoy.access_loggers.tcp_grpc", &grpcv3.TcpGrpcAccessLogConfig{CommonConfig: sentTo(l, cmp.Or(c.GetLogName(), "tcp_envoy_accesslog"), c.GetFilterStateObjectsToLog())}
	case p.GetEnvoyOtelAls() != nil:
		return "envoy.access_loggers.open_telemetry", openTelemetryLog(l, p.GetEnvoyOtelAls())
	default:
		c := p.GetEnvoyFileAccessLog()
		return accessLogger(cmp.Or(c.GetPath(), "/dev/stdout"), fileFormat(c))
	}
}

func fileFormat(c *meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyFileAccessLogProvider) *corev3.SubstitutionFormatString {
	out := textFormat(c.GetLogFormat().GetText())
	if labels, ok := c.GetLogFormat().GetLogFormat().(*meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyFileAccessLogProvider_LogFormat_Labels); ok {
		out = labelsFormat(labels.Labels)
	}
	out.OmitEmptyValues = c.GetOmitEmptyValues()
	return out
}

// labelsFormat writes an object for each line; without labels it has those of the default.
func labelsFormat(labels *structpb.Struct) *corev3.SubstitutionFormatString {
	if len(labels.GetFields()) == 0 {
		return &corev3.SubstitutionFormatString{Format: &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: jsonFormat("")}}
	}
	text, err := protojson.Marshal(labels)
	if err != nil {
		text = nil // what cannot be written as JSON has no operator either
	}
	return &corev3.SubstitutionFormatString{Format: &corev3.SubstitutionFormatString_JsonFormat{JsonFormat: labels}, Formatters: formatters(string(text))}
}

func logCluster(l model.AccessLog) *corev3.GrpcService {
	return &corev3.GrpcService{TargetSpecifier: &corev3.GrpcService_EnvoyGrpc_{
		// Without an authority Envoy sends the cluster's name, which servers refuse for its bars.
		EnvoyGrpc: &corev3.GrpcService_EnvoyGrpc{ClusterName: l.Cluster, Authority: string(l.Host)},
	}}
}

func sentTo(l model.AccessLog, name string, state []string) *grpcv3.CommonGrpcAccessLogConfig {
	return &grpcv3.CommonGrpcAccessLogConfig{LogName: name, GrpcService: logCluster(l), TransportApiVersion: corev3.ApiVersion_V3, FilterStateObjectsToLog: state}
}

// openTelemetryLog has the default line as its body where no format is given, as Istio's.
func openTelemetryLog(l model.AccessLog, c *meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyOpenTelemetryLogProvider) *opentelemetryv3.OpenTelemetryAccessLogConfig {
	body := cmp.Or(c.GetLogFormat().GetText(), defaultTextFormat())
	out := &opentelemetryv3.OpenTelemetryAccessLogConfig{
		LogName: cmp.Or(c.GetLogName(), "otel_envoy_accesslog"), GrpcService: logCluster(l), DisableBuiltinLabels: true,
		Body: &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: body}},
	}
	text := body
	if labels := c.GetLogFormat().GetLabels().GetFields(); len(labels) > 0 {
		out.Attributes = keyValues(labels)
		text += out.Attributes.String()
	}
	out.Formatters = formatters(text)
	return out
}

func keyValues(fields map[string]*structpb.Value) *commonv1.KeyValueList {
	out := &commonv1.KeyValueList{}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		out.Values = append(out.Values, &commonv1.KeyValue{Key: name, Value: anyValue(fields[name])})
	}
	return out
}

// anyValue writes numbers and booleans as text, since only text is filled in.
func anyValue(v *structpb.Value) *commonv1.AnyValue {
	switch kind := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		return &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: kind.StringValue}}
	case *structpb.Value_StructValue:
		return &commonv1.AnyValue{Value: &commonv1.AnyValue_KvlistValue{KvlistValue: keyValues(kind.StructValue.GetFields())}}
	case *structpb.Value_ListValue:
		list := &commonv1.ArrayValue{}
		for _, item := range kind.ListValue.GetValues() {
			list.Values = append(list.Values, anyValue(item))
		}
		return &commonv1.AnyValue{Value: &commonv1.AnyValue_ArrayValue{ArrayValue: list}}
	default:
		text, err := protojson.Marshal(v)
		if err != nil {
			text = nil
		}
		return &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: strings.TrimSpace(string(text))}}
	}
}
