package test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// anySession offers the last session to every server, whatever its name.
type anySession struct{ last *tls.ClientSessionState }

func (c *anySession) Get(string) (*tls.ClientSessionState, bool) { return c.last, c.last != nil }

func (c *anySession) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		c.last = s
	}
}

// TestASessionIsNotResumedElsewhere holds that a session begun without a client certificate,
// at a server where one is optional, opens no server that demands one, though both have the
// same certificates and authorities.
func TestASessionIsNotResumedElsewhere(t *testing.T) {
	a, clients := newAuthority(t), newAuthority(t)
	secrets := secretOf(t, "both", a.issue(t, "admin.wide.test", "x.wide.test"), clients.pem())
	s := newSecureScene(t, a, secrets, func(port int) []string {
		return []string{
			server(port, "strict", "HTTPS", "admin.wide.test", "mode: MUTUAL, credentialName: both"),
			server(port, "optional", "HTTPS", "x.wide.test", "mode: OPTIONAL_MUTUAL, credentialName: both"),
		}
	})
	roots := x509.NewCertPool()
	roots.AddCert(a.certificate)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		config := &tls.Config{RootCAs: roots, MinVersion: version, MaxVersion: version, ClientSessionCache: &anySession{}}
		s.resuming(t, config, "x.wide.test")
		if status, resumed := s.resuming(t, config, "x.wide.test"); status != 200 || !resumed {
			t.Fatalf("%x: no session to try it with: %d, resumed %v", version, status, resumed)
		}
		if status, resumed := s.resuming(t, config, "admin.wide.test"); status != 0 || resumed {
			t.Errorf("%x: the session opened the other server: %d, resumed %v", version, status, resumed)
		}
	}
}

// resuming asks for a name by TLS and HTTP. It returns the status, or 0 where there is no
// answer, and whether the session was resumed.
func (s *secureScene) resuming(t *testing.T, config *tls.Config, name string) (status int, resumed bool) {
	t.Helper()
	config = config.Clone()
	config.ServerName = name
	conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", s.address)
	if err != nil {
		return 0, false
	}
	c := conn.(*tls.Conn)
	defer func() { _ = c.Close() }()
	must(t, c.SetDeadline(time.Now().Add(bound)))
	if _, err := fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", name); err != nil {
		return 0, false
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, c.ConnectionState().DidResume
	}
	_ = answer.Body.Close()
	return answer.StatusCode, c.ConnectionState().DidResume
}
