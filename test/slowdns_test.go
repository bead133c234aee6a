package test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"crypto/tls"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer answers every name with 127.0.0.1, later than asked, and those in the zone dead.test never.
type nameServer struct{ port int }

func slowDNS(t testing.TB, after time.Duration) *nameServer {
	t.Helper()
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			buffer := make([]byte, 512)
			n, from, err := l.ReadFrom(buffer)
			if err != nil {
				return
			}
			answer, ok := resolve(buffer[:n])
			if ok {
				time.AfterFunc(after, func() { _, _ = l.WriteTo(answer, from) })
			}
		}
	}()
	return &nameServer{port: l.LocalAddr().(*net.UDPAddr).Port}
}

// resolve returns the answer to a question, or false where there shall be none.
func resolve(question []byte) ([]byte, bool) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil || len(m.Questions) != 1 {
		return nil, false
	}
	q := m.Questions[0]
	if strings.HasSuffix(q.Name.String(), ".dead.test.") {
		return nil, false
	}
	m.Response, m.Additionals = true, nil
	if q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
			Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
		}}
	}
	out, err := m.Pack()
	return out, err == nil
}

// resolving makes a gateway ask the server.
func (s *nameServer) resolving(bootstrap []byte) []byte {
	return fmt.Appendf(nil, `typed_dns_resolver_config:
  name: envoy.network.dns_resolver.cares
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig
    resolvers: [{socket_address: {address: 127.0.0.1, port_value: %d}}]
    dns_resolver_options: {no_default_search_domain: true}
%s`, s.port, bootstrap)
}

// tlsNamed is named over TLS, as NAME.example.
func tlsNamed(t testing.TB, a authority, name string) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Backend", name) }))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{a.issue(t, name+".example")}, MinVersion: tls.VersionTLS12}
	s.StartTLS()
	t.Cleanup(s.Close)
	return portOf(s)
}
