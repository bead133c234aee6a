package explain

import (
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// What Envoy says of a request of HTTP/2 that it does not read: it resets the stream, without an answer.
const (
	invalidField   = "http2.invalid.header.field"
	invalidMessage = "http2.violation.of.messaging.rule"
	tooManyFields  = "http2.too_many_headers"
)

// readHTTP2 reads a request of HTTP/2. Names of headers are taken for sent in lower case: clients see to that.
func (m *message) readHTTP2(r *Request) {
	tunnel := m.method == "CONNECT" && !strings.HasPrefix(m.path, "/") // which has no path
	if tunnel {
		m.path, m.hasPath = "", false
	}
	m.chooseHost(r)
	m.joinCookies()
	m.checkFields(r)
	switch {
	case !m.hasHost || !tunnel && !m.hasPlace():
		m.refuse(0, invalidMessage)
	case len(r.Headers)+4 > mostHeaders: // with :method, :scheme, :path and :authority
		m.refuse(0, tooManyFields)
	}
}

// hasPlace reports whether the path is one that the method may have.
func (m *message) hasPlace() bool {
	return strings.HasPrefix(m.path, "/") && m.method != "CONNECT" || m.path == "*" && m.method == "OPTIONS"
}

// chooseHost has the authority alone count where there is one: a header host beside it reaches no filter. Two
// headers host are no request.
func (m *message) chooseHost(r *Request) {
	hosts, empty := 0, false
	for _, h := range r.Headers {
		if strings.EqualFold(h.Name, "host") {
			hosts, empty = hosts+1, h.Value == ""
		}
	}
	if hosts > 1 || empty || strings.IndexFunc(m.host, func(c rune) bool { return c == '@' || !hostCharacter(c) }) >= 0 {
		m.refuse(0, invalidField)
	}
	if r.Authority != "" {
		m.host = r.Authority
	}
}

// joinCookies makes one header of several cookies, which clients may send each on its own.
func (m *message) joinCookies() {
	var cookies []string
	for _, h := range m.headers {
		if h.Name == "cookie" && h.Value != "" {
			cookies = append(cookies, h.Value)
		}
	}
	if len(cookies) == 0 {
		return
	}
	m.headers = slices.DeleteFunc(m.headers, func(h traffic.Header) bool { return h.Name == "cookie" })
	m.headers = append(m.headers, traffic.Header{Name: "cookie", Value: strings.Join(cookies, "; ")})
}

// checkFields refuses what no field of HTTP/2 can be, headers that are about a connection among it.
func (m *message) checkFields(r *Request) {
	notToken := func(c rune) bool { return !nameCharacter(c) }
	bad := m.hasPath && m.path == "" || m.method == "" || strings.ContainsFunc(m.path, func(c rune) bool { return c <= ' ' || c == 0x7f }) || strings.ContainsFunc(m.method, notToken)
	for _, h := range r.Headers { // of several lines m has made one, which Envoy does later
		bad = bad || strings.EqualFold(h.Name, "te") && !strings.EqualFold(h.Value, "trailers")
	}
	for _, h := range m.headers {
		switch h.Name {
		case "connection", "keep-alive", "proxy-connection", "upgrade", "transfer-encoding":
			bad = true
		case "content-length":
			bad = bad || h.Value == "" || strings.Trim(h.Value, "0123456789") != ""
		}
		bad = bad || h.Name == "" || strings.ContainsFunc(h.Name, notToken) || strings.ContainsFunc(h.Value, control)
	}
	if bad {
		m.refuse(0, invalidField)
	}
}
