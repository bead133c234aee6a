package explain

import (
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// receive does with a request what Envoy does before its filters see it: the codec reads it, and the
// connection manager brings it into its form. What it refuses ends the walk; the filters are asked all
// the same, about what there is of the request then.
func (m *manager) receive(w *walk) {
	read := readMessage(w.asking.request, schemeOf(&w.stream.Connection))
	w.stream.Headers = traffic.NewHeaders(read.lines(), traffic.Others(w.asking.request.Unknown.Headers))
	w.stream.Headers.Lack(w.asking.request.Unknown.Absent...)
	w.upgrade = read.upgrade
	// With trusted proxies in front the TLS may be theirs.
	if read.refusal != "" && !(read.refusal == plaintextURL && m.config.GetXffNumTrustedHops() > 0) {
		w.refuse(read.status, read.refusal)
		return
	}
	if !read.hasHost {
		w.answered(traffic.Reply{Status: 400, Details: "missing_host_header"})
	}
	if read.hasPath && !strings.HasPrefix(read.path, "/") {
		w.answered(traffic.Reply{Status: 404, Details: "absolute_path_rejected"})
	}
	m.setPath(w, read)
	m.setHost(w, read)
	m.tellClient(w, read)
}

// phrases are the bodies of what the codec answers.
func phrase(status uint32) string {
	switch status {
	case 403:
		return "Forbidden"
	case 426:
		return "Upgrade Required"
	case 431:
		return "Request Header Fields Too Large"
	case 501:
		return "Not Implemented"
	default:
		return "Bad Request"
	}
}

// refuse ends a request that the codec does not take. Of HTTP/2 it ends the stream, with no status.
func (w *walk) refuse(status uint32, details string) {
	if status == 0 {
		flags := "DPE"
		if details == tooManyFields {
			flags = "DR"
		}
		w.stop(traffic.Known(true), end{verdict: Closed, reply: traffic.Reply{Details: details, Flags: flags}, reason: noReason})
		return
	}
	w.answered(traffic.Reply{Status: status, Body: phrase(status), Details: details, Flags: "DPE"})
}

// answered ends a request that the gateway answers itself.
func (w *walk) answered(r traffic.Reply) {
	w.stop(traffic.Known(true), end{verdict: Answered, reply: r, reason: noReason})
}

func (m *manager) setPath(w *walk, read message) {
	if !read.hasPath {
		return
	}
	path, fate := m.paths.of(read.path)
	switch {
	case fate == refused || fate == redirected && w.grpc():
		w.answered(traffic.Reply{Status: 400, Details: "path_normalization_failed"})
	case fate == redirected:
		w.answered(traffic.Reply{
			Status: 307, Details: "path_normalization_failed", Headers: []traffic.Header{{Name: "location", Value: path}},
		})
	}
	w.stream.Headers.Set(":path", path)
}

// setHost takes the dot at the end of the host off. Envoy looks for the last dot: it goes where it is the last
// character, also of what stands for a port, or stands before a colon.
func (m *manager) setHost(w *walk, read message) {
	i := strings.LastIndexByte(read.host, '.')
	if !m.config.GetStripTrailingHostDot() || !read.hasHost || i < 0 {
		return
	}
	if rest := read.host[i+1:]; rest == "" || rest[0] == ':' {
		w.stream.Headers.Set(":authority", read.host[:i]+rest)
	}
}

// grpc reports whether the request is one of gRPC's, which is answered in its way.
func (w *walk) grpc() bool {
	const grpc = "application/grpc"
	kind, _ := w.stream.Headers.First("content-type")
	return kind == grpc || strings.HasPrefix(kind, grpc+"+")
}

// rejectedUpgrade ends a request for a protocol that the gateway does not change to; Envoy does so where a route
// is there, and before any filter.
func (m *manager) rejectedUpgrade(w *walk) {
	if w.upgrade == "" || slices.ContainsFunc(m.upgrades, func(u string) bool { return strings.EqualFold(u, w.upgrade) }) {
		return
	}
	w.stop(w.onRoute(), end{verdict: Answered, reply: traffic.Reply{Status: 403, Details: "upgrade_failed"}, reason: noReason})
}
