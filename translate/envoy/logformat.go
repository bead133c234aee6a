package envoy

import (
	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	fileaccesslogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/file/v3"
	streamaccesslogv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/access_loggers/stream/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpproxyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// LogFormat is how an access log writes a request: a line of text with Envoy's operators, or the keys of
// a JSON object with the operator of each. One of the two is empty, unless it is the default.
type LogFormat struct {
	Text string
	JSON map[string]string
}

// DefaultLogFormat is the format of logs for which none is set, in both forms.
func DefaultLogFormat() LogFormat {
	out := LogFormat{Text: defaultTextFormat(), JSON: map[string]string{}}
	for _, f := range logFields() {
		out.JSON[f.name] = f.operator
	}
	return out
}

// LogFormats returns the formats of the logs that a gateway writes to files and streams, each once for
// every listener and filter that writes one.
func LogFormats(r Resources) []LogFormat {
	var logs []*accesslogv3.AccessLog
	for _, l := range r.Listeners {
		logs = append(logs, l.GetAccessLog()...)
	}
	EachFilter(r, func(_ string, config proto.Message) {
		switch f := config.(type) {
		case *hcmv3.HttpConnectionManager:
			logs = append(logs, f.GetAccessLog()...)
		case *tcpproxyv3.TcpProxy:
			logs = append(logs, f.GetAccessLog()...)
		}
	})
	var out []LogFormat
	for _, log := range logs {
		if format := formatOf(log.GetTypedConfig()); format != nil {
			out = append(out, written(format))
		}
	}
	return out
}

func formatOf(logger *anypb.Any) *corev3.SubstitutionFormatString {
	m, err := logger.UnmarshalNew()
	if err != nil {
		return nil
	}
	switch l := m.(type) {
	case *fileaccesslogv3.FileAccessLog:
		return l.GetLogFormat()
	case *streamaccesslogv3.StdoutAccessLog:
		return l.GetLogFormat()
	case *streamaccesslogv3.StderrAccessLog:
		return l.GetLogFormat()
	default:
		return nil
	}
}

// written is a format as LogFormat; what is nested in JSON is left out.
func written(f *corev3.SubstitutionFormatString) LogFormat {
	out := LogFormat{Text: f.GetTextFormatSource().GetInlineString(), JSON: map[string]string{}}
	for key, v := range f.GetJsonFormat().GetFields() {
		if text := v.GetStringValue(); text != "" {
			out.JSON[key] = text
		}
	}
	return out
}
