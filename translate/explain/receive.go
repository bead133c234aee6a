package explain

import (
	"cmp"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// receive does with a request what a connection manager does before its filters see it.
func (m *manager) receive(w *walk) {
	r := w.asking.request
	lines := []traffic.Header{
		{Name: ":authority", Value: r.Authority}, {Name: ":path", Value: r.Path},
		{Name: ":method", Value: cmp.Or(r.Method, "GET")}, {Name: ":scheme", Value: scheme(w.stream.TLS)},
	}
	w.stream.Headers = traffic.NewHeaders(append(lines, r.Headers...), traffic.Others(r.Unknown.Headers))
}

func scheme(tls bool) string {
	if tls {
		return "https"
	}
	return "http"
}
