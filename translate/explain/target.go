package explain

import (
	"net"
	"slices"
	"strings"
)

// codecError is what Envoy says of what its parser does not take.
const codecError = "http1.codec_error"

// readTarget reads method and target of a request of HTTP/1: a path, or one of the other forms.
func (m *message) readTarget() {
	switch {
	case !slices.Contains(methods(), m.method):
		m.refuse(400, codecError)
	case strings.IndexFunc(m.path, control) >= 0:
		m.refuse(400, "http1.invalid_characters")
	case strings.IndexFunc(m.path, func(r rune) bool { return r == ' ' || r == '\t' || r > 0x7f }) >= 0:
		m.refuse(400, codecError)
	case m.method == "CONNECT":
		m.readAuthority()
	case m.path == "*":
		if m.method != "OPTIONS" {
			m.refuse(400, invalidURL)
		}
	case !strings.HasPrefix(m.path, "/"):
		m.readURL()
	}
}

const invalidURL = "http1.invalid_url"

// readAuthority reads the target of a request for a tunnel: a host and a port. Such a request has no path.
func (m *message) readAuthority() {
	host, port, err := net.SplitHostPort(m.path)
	if err != nil || host == "" || port == "" {
		m.refuse(400, invalidURL)
		return
	}
	m.host, m.hasHost, m.path, m.hasPath = m.path, true, "", false
}

// readURL reads a target that says scheme and host too, which then count instead of the header's.
func (m *message) readURL() {
	scheme, rest, found := strings.Cut(m.path, "://")
	scheme = strings.ToLower(scheme)
	if !found || scheme == "" {
		m.refuse(400, codecError)
		return
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	host, path := rest[:end], rest[end:]
	switch {
	case strings.HasPrefix(path, "#"):
		m.refuse(400, codecError)
	case host == "" || strings.Contains(host, "@"):
		m.refuse(400, invalidURL)
	case scheme != "http" && scheme != "https":
		m.refuse(400, "http1.invalid_scheme")
	}
	if path == "" {
		path = "/"
	}
	m.host, m.hasHost, m.path, m.scheme, m.saysScheme = host, true, path, scheme, true
}

// methods are those that Envoy's parser of HTTP/1 takes.
func methods() []string {
	return []string{
		"GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "ACL", "BIND", "CHECKOUT", "COPY",
		"LINK", "LOCK", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL", "MOVE", "MSEARCH", "NOTIFY", "PROPFIND", "PROPPATCH",
		"PURGE", "REBIND", "REPORT", "SEARCH", "SOURCE", "SUBSCRIBE", "UNBIND", "UNLINK", "UNLOCK", "UNSUBSCRIBE",
	}
}
