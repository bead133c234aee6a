package explain

import (
	"slices"
	"strconv"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// finished is an answer of the gateway as the client gets it: to a request of gRPC in the headers of
// gRPC, to HEAD without a body.
func (w *walk) finished(r traffic.Reply) traffic.Reply {
	if r.Status == 0 {
		return r
	}
	r.Headers = append(r.Headers[:len(r.Headers):len(r.Headers)], w.added...)
	if w.grpc() && r.Flags != "DPE" && r.Details != corsResponse {
		return asGRPC(r)
	}
	if method, _ := w.stream.Headers.First(":method"); method == "HEAD" || r.Status == 204 || r.Status == 304 {
		r.Body = ""
	}
	return r
}

// asGRPC says in headers what an answer says by its status and its body.
func asGRPC(r traffic.Reply) traffic.Reply {
	status := ""
	for _, h := range r.Headers {
		if h.Name == grpcStatus {
			status = h.Value
		}
	}
	if status == "" {
		r.Headers = append(r.Headers[:len(r.Headers):len(r.Headers)], traffic.Header{Name: grpcStatus, Value: strconv.Itoa(statusInGRPC(r.Status))})
	}
	if r.Body != "" {
		r.Headers = append(r.Headers, traffic.Header{Name: "grpc-message", Value: r.Body})
	}
	r.Status, r.Body = 200, ""
	return r
}

const grpcStatus = "grpc-status"

// statusInGRPC is the status of gRPC that Envoy gives for one of HTTP.
func statusInGRPC(status uint32) int {
	switch status {
	case 400:
		return 13
	case 401:
		return 16
	case 403:
		return 7
	case 404:
		return 12
	case 429, 502, 503, 504:
		return 14
	default:
		return 2
	}
}

// common is an answer with those fields that two have in common.
func common(a, b traffic.Reply) traffic.Reply {
	if a.Status != b.Status {
		a.Status = 0
	}
	if a.Body != b.Body {
		a.Body = ""
	}
	if !slices.Equal(a.Headers, b.Headers) {
		a.Headers = nil
	}
	if a.Details != b.Details {
		a.Details = ""
	}
	if a.Flags != b.Flags {
		a.Flags = ""
	}
	return a
}
