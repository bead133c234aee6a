package admin

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/xds/pace"
)

// TestHandshakesThatRestMakeRoom holds that connections which never shake hands, or stop midway, keep nobody out over TLS.
func TestHandshakesThatRestMakeRoom(t *testing.T) {
	s := newSecured(t, func(*Options) {})
	for i := range 3 * maxConnections {
		c := connect(t, s.address)
		if _, err := io.WriteString(c, []string{"", "\x16\x03\x01\x02\x00", "GET / HTTP/1.1\r\n"}[i%3]); err != nil {
			t.Fatal(err)
		}
	}
	if status, text := s.overTLS(t, "")(t, "/readyz"); status != http.StatusOK {
		t.Errorf("status %d: %s", status, text)
	}
}

// wordy is a connection over another that would say something when it is closed.
type wordy struct {
	net.Conn
	under net.Conn
	t     *testing.T
}

func (w wordy) NetConn() net.Conn { return w.under }

func (w wordy) Close() error {
	w.t.Error("it waits for a client that may not read")
	return nil
}

// TestHangingUpSaysNothing holds that room is made without a word to who is closed: TLS would wait for seconds until it is taken.
func TestHangingUpSaysNothing(t *testing.T) {
	server, client := net.Pipe()
	must(t, client.SetReadDeadline(time.Now().Add(bound)))
	hangUp(wordy{server, server, t})
	if _, err := client.Read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // io.Reader returns it as it is
		t.Errorf("it is not closed: %v", err)
	}
}

// far is a connection from an address.
type far struct {
	net.Conn
	address string
}

func (f far) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(f.address))
}

// TestWhoHasMostConnectionsMakesRoom holds that nobody closes the connections of another by opening many, whether they rest or are
// busy, and that one owner of IPv6 addresses is one.
func TestWhoHasMostConnectionsMakesRoom(t *testing.T) {
	for name, flood := range map[string]struct {
		from  func(i int) string
		state http.ConnState
	}{
		"silent":  {func(i int) string { return fmt.Sprintf("192.0.2.1:%d", i) }, http.StateNew},
		"busy":    {func(i int) string { return fmt.Sprintf("192.0.2.1:%d", i) }, http.StateActive},
		"of IPv6": {func(i int) string { return fmt.Sprintf("[2001:db8::%x]:1", i) }, http.StateIdle},
	} {
		t.Run(name, func(t *testing.T) {
			var open connections
			for _, state := range []http.ConnState{http.StateNew, http.StateActive} {
				c, _ := net.Pipe()
				other := far{c, "192.0.2.2:1"}
				open.note(other, http.StateNew)
				open.note(other, state)
			}
			for i := range 10 * maxConnections {
				c, _ := net.Pipe()
				open.note(far{c, flood.from(i)}, http.StateNew)
				open.note(far{c, flood.from(i)}, flood.state)
			}
			if all := slices.Concat(open.resting, open.busy); len(all) != maxConnections {
				t.Errorf("%d are open", len(all))
			}
			for what, c := range map[string]net.Conn{"resting": open.resting[0], "busy": open.busy[0]} {
				if c.RemoteAddr().String() != "192.0.2.2:1" {
					t.Errorf("the %s one of another address was closed", what)
				}
			}
		})
	}
}

// TestTheLibrarySaysLittle holds that whoever reaches the interface cannot fill the log.
func TestTheLibrarySaysLittle(t *testing.T) {
	var log lines
	logger := slog.New(paced{slog.NewTextHandler(&log, nil), pace.New(maxSaid, maxSaid, func() time.Time { return time.Unix(0, 0) })})
	for range 10 * maxSaid {
		logger.Warn("a handshake failed")
	}
	if n := strings.Count(log.String(), "\n"); n != maxSaid {
		t.Errorf("it says %d lines", n)
	}
}

// TestACertificateIsRenewedWithoutARestart holds that the next handshake has what the files hold by then.
func TestACertificateIsRenewedWithoutARestart(t *testing.T) {
	s := newSecured(t, func(*Options) {})
	shown := func() string {
		c, err := tls.Dial("tcp", s.address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is looked at below
		must(t, err)
		defer func() { _ = c.Close() }()
		return c.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	next := s.clients.issue(t, named("next"))
	key, err := x509.MarshalPKCS8PrivateKey(next.PrivateKey)
	must(t, err)
	write(t, s.files.Certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: next.Certificate[0]})) // of another key
	eventually(t, "a pair that does not fit is told", func() bool { return strings.Contains(s.log.String(), "level=ERROR") })
	if name := shown(); name != "" {
		t.Errorf("half a pair is shown: %q", name)
	}
	write(t, s.files.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	eventually(t, "the next one is shown", func() bool { return shown() == "next" })
}
