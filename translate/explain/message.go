package explain

import (
	"cmp"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// plaintextURL is said of a target that tells of TLS where the client speaks none.
const plaintextURL = "http1.https_url_on_plaintext_connection"

// message is a request as Envoy's codec reads it.
type message struct {
	method, host, path, scheme string
	hasHost, hasPath           bool
	// saysScheme says that the scheme is the client's own word, which counts before all others.
	saysScheme bool
	headers    []traffic.Header
	// upgrade is the protocol that the client asks to change to.
	upgrade string
	// refusal is why the codec answers itself, as Envoy's details say it; with status.
	refusal string
	status  uint32
}

// readMessage reads a request in a connection of a scheme, as Envoy does.
func readMessage(r *Request, scheme string) message {
	out := message{method: cmp.Or(r.Method, "GET"), path: r.Path, hasPath: true, scheme: scheme}
	out.readHeaders(r)
	if r.Protocol == "HTTP/2" {
		out.readHTTP2(r)
		return out
	}
	out.readTarget()
	out.checkCount(r)
	out.checkHeaders()
	out.checkLength()
	if r.Protocol == "HTTP/1.0" {
		out.refuse(426, "low_version")
	}
	out.readConnection()
	out.readHost()
	if out.scheme == "https" && scheme != "https" {
		out.refuse(403, plaintextURL)
	}
	return out
}

// refuse notes the first reason for which the codec does not take the request.
func (m *message) refuse(status uint32, why string) {
	if m.refusal == "" {
		m.refusal, m.status = why, status
	}
}

// schemeOf is the scheme of requests in a connection.
func schemeOf(c *traffic.Connection) string {
	if c.TLS {
		return "https"
	}
	return "http"
}

// lines are all headers, with those that stand for the first line of the request.
func (m *message) lines() []traffic.Header {
	out := make([]traffic.Header, 0, len(m.headers)+8)
	if m.hasHost {
		out = append(out, traffic.Header{Name: ":authority", Value: m.host})
	}
	if m.hasPath {
		out = append(out, traffic.Header{Name: ":path", Value: m.path})
	}
	out = append(out, traffic.Header{Name: ":method", Value: m.method}, traffic.Header{Name: ":scheme", Value: m.scheme})
	return append(out, m.headers...)
}

// readHeaders takes headers over as Envoy holds them: names in lower case, values of HTTP/1 without space around them,
// several lines of some in one. Host counts, with that of the request, as one of those.
func (m *message) readHeaders(r *Request) {
	m.host, m.hasHost = r.Authority, r.Authority != ""
	m.headers = make([]traffic.Header, 0, len(r.Headers))
	for _, h := range r.Headers {
		name, value := strings.ToLower(h.Name), h.Value
		if r.Protocol != "HTTP/2" {
			value = strings.Trim(value, " \t")
		}
		switch {
		case name == "host" && m.hasHost:
			m.host += "," + value
		case name == "host":
			m.host, m.hasHost = value, true
		case oneLine(name) && m.join(name, value):
		default:
			m.headers = append(m.headers, traffic.Header{Name: name, Value: value})
		}
	}
}

// join adds a value to the line of a header that is there.
func (m *message) join(name, value string) bool {
	for i := range m.headers {
		if m.headers[i].Name == name {
			if m.headers[i].Value != "" && value != "" {
				m.headers[i].Value += ","
			}
			m.headers[i].Value += value
			return true
		}
	}
	return false
}

// oneLine reports the headers of which Envoy makes one of several lines.
func oneLine(name string) bool {
	switch name {
	case "accept", "accept-encoding", "access-control-request-method", "access-control-request-headers",
		"access-control-request-private-network", "authorization", "cache-control", "connection", "content-type",
		"content-encoding", "content-length", "origin", "referer", "expect", "user-agent", "x-forwarded-for",
		"x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-forwarded-client-cert", "x-client-trace-id",
		"x-request-id", "via", "if-none-match", "if-match", "if-range", "pragma", "grpc-timeout", "te", "upgrade",
		"grpc-accept-encoding", "x-envoy-external-address", "x-envoy-attempt-count", "transfer-encoding":
		return true
	default:
		return false
	}
}

// connectionHeader reports the headers that are about a connection and not about a request.
func connectionHeader(h traffic.Header) bool {
	switch h.Name {
	case "connection", "keep-alive", "proxy-connection", "upgrade", "http2-settings":
		return true
	default:
		return false
	}
}

// readConnection does what the header connection says: the headers that it names are taken away, also
// those that carry tokens. Headers that tell of the client cannot be taken away so.
func (m *message) readConnection() {
	var named []string
	for _, h := range m.headers {
		if h.Name == "connection" {
			named = strings.Split(strings.ToLower(h.Value), ",")
		}
	}
	for i := range named {
		named[i] = strings.TrimSpace(named[i])
		switch n := named[i]; {
		case strings.Contains(n, ":"), n == "x-forwarded-for", n == "x-forwarded-host", n == "x-forwarded-proto":
			m.refuse(400, "http1.connection_header_rejected")
		case n == "host":
			m.host, m.hasHost = "", false
		}
	}
	m.upgrade = m.wanted(named)
	m.headers = slices.DeleteFunc(m.headers, func(h traffic.Header) bool {
		switch h.Name {
		case "connection", "upgrade":
			return m.upgrade == ""
		case "te":
			return false
		}
		return connectionHeader(h) || slices.Contains(named, h.Name)
	})
	m.keepTrailers()
}

// wanted is the protocol that the client asks to change to, in the way in which Envoy does.
func (m *message) wanted(named []string) string {
	if !slices.Contains(named, "upgrade") {
		return ""
	}
	for _, h := range m.headers {
		if h.Name == "upgrade" && !strings.EqualFold(h.Value, "h2c") {
			return h.Value
		}
	}
	return ""
}

// keepTrailers leaves of te that the client takes trailers.
func (m *message) keepTrailers() {
	m.headers = slices.DeleteFunc(m.headers, func(h traffic.Header) bool {
		return h.Name == "te" && !strings.Contains(h.Value, "trailers")
	})
	for i := range m.headers {
		if m.headers[i].Name == "te" {
			m.headers[i].Value = "trailers"
		}
	}
}

// checkHeaders refuses names and values that no header can have.
func (m *message) checkHeaders() {
	for _, h := range m.headers {
		if h.Name == "" || strings.IndexFunc(h.Name, func(r rune) bool { return !nameCharacter(r) }) >= 0 {
			m.refuse(400, codecError)
		}
		if strings.IndexFunc(h.Value, control) >= 0 {
			m.refuse(400, "http1.invalid_characters")
		}
	}
}

// mostHeaders is how many lines Envoy reads of a request, that of its host among them.
const mostHeaders = 100

func (m *message) checkCount(r *Request) {
	lines := len(r.Headers)
	if r.Authority != "" {
		lines++
	}
	if lines > mostHeaders {
		m.refuse(431, "http1.too_many_headers")
	}
}

// checkLength refuses a request of which it is not clear where it ends.
func (m *message) checkLength() {
	coded, hasLength := false, false
	for _, h := range m.headers {
		switch h.Name {
		case "transfer-encoding":
			coded = true
			if !strings.EqualFold(h.Value, "chunked") {
				m.refuse(501, "http1.invalid_transfer_encoding")
			}
		case "content-length":
			hasLength = true
			if strings.Trim(h.Value, "0123456789") != "" {
				m.refuse(400, codecError)
			}
		}
	}
	if coded && hasLength {
		m.refuse(400, "http1.content_length_and_chunked_not_allowed")
	}
}

func control(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

func nameCharacter(r rune) bool {
	return alphanumeric(r) || r < 0x80 && strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

func alphanumeric(r rune) bool {
	return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
}

// readHost refuses a host with a character that none has.
func (m *message) readHost() {
	if strings.IndexFunc(m.host, func(r rune) bool { return !hostCharacter(r) }) >= 0 {
		m.refuse(400, "http.invalid_authority")
	}
}

func hostCharacter(r rune) bool {
	return alphanumeric(r) || r < 0x80 && strings.ContainsRune("!$%&'()*+,-.:;=@[]_~", r)
}
