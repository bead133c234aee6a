package server

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/portreeve/portreeve/xds/identity"
)

// failing are credentials whose handshake fails.
type failing struct {
	credentials.TransportCredentials
	err error
}

func (f failing) ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, f.err
}

// from is a connection of an address.
type from struct {
	net.Conn
	ip byte
}

func (f from) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, f.ip), Port: 1} }

// TestAFailedHandshakeIsToldOf holds that each is counted by why it failed, and is logged with what can be done.
func TestAFailedHandshakeIsToldOf(t *testing.T) {
	for name, tc := range map[string]struct {
		err        error
		kind, says string
	}{
		"plain text":      {tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, "handshake", "the peer does not speak TLS"},
		"no certificate":  {errors.New("tls: client didn't provide a certificate"), "handshake", "the gateway shows no certificate: write its bootstrap with --tls-dir"},
		"an old TLS":      {errors.New("tls: client offered only unsupported versions: [303]"), "handshake", "tls_maximum_protocol_version TLSv1_3"},
		"ours is refused": {&net.OpError{Op: "remote error", Err: errors.New("tls: unknown certificate authority")}, "handshake", "does not take the certificate of the control plane"},
		"revoked":         {fmt.Errorf("verify: %w", &identity.Refusal{Kind: "revoked", Reason: "it was taken back"}), "revoked", "reason=\"it was taken back\""},
		"not verified": {&tls.CertificateVerificationError{UnverifiedCertificates: []*x509.Certificate{{DNSNames: []string{"edge.test"}}}, Err: x509.UnknownAuthorityError{}},
			"certificate", "the certificate of dns:edge.test is signed by none of the authorities in --xds-client-ca"},
		"long": {errors.New(strings.Repeat("x", 1<<20)), "handshake", "…"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			var told []Refusal
			r := newRefusals(slog.New(slog.NewTextHandler(&log, nil)), func(r Refusal) { told = append(told, r) }, time.Now)
			h := newHandshakes(failing{err: tc.err}, r, time.Now)
			if _, _, err := h.ServerHandshake(from{ip: 1}); !errors.Is(err, tc.err) {
				t.Errorf("got %v", err)
			}
			if n := counted(t, r, tc.kind); n != 1 || !strings.Contains(log.String(), tc.says) || !strings.Contains(log.String(), "peer=192.0.2.1:1") || log.Len() > 2<<10 {
				t.Errorf("%v are counted, log: %s", n, log.String())
			}
			if len(told) != 1 || told[0].Kind != tc.kind || told[0].Peer != "192.0.2.1:1" || len(told[0].Reason) > 2<<10 {
				t.Errorf("it is told as %+v", told)
			}
		})
	}
}

// TestFailedHandshakesDoNotFillTheLog holds that all are counted and few logged, of one address and of all, and that who
// only looks whether the port is open is passed by, and who was cut off here.
func TestFailedHandshakesDoNotFillTheLog(t *testing.T) {
	var log bytes.Buffer
	r := newRefusals(slog.New(slog.NewTextHandler(&log, nil)), nil, time.Now)
	h := newHandshakes(failing{err: errors.New("no")}, r, func() time.Time { return time.Unix(0, 0) })
	lines := func() int { return strings.Count(log.String(), "\n") }
	for range 1000 {
		_, _, _ = h.ServerHandshake(from{ip: 1})
	}
	if lines() != handshakeLinesOfOne {
		t.Errorf("%d lines of one", lines())
	}
	for i := range byte(250) {
		_, _, _ = h.ServerHandshake(from{ip: i})
	}
	if lines() != handshakeLines {
		t.Errorf("%d lines of all", lines())
	}
	_, _, _ = newHandshakes(failing{err: io.EOF}, r, time.Now).ServerHandshake(from{ip: 1})
	// The gate has counted it already.
	_, _, _ = newHandshakes(failing{err: &net.OpError{Op: "read", Err: net.ErrClosed}}, r, time.Now).ServerHandshake(from{ip: 1})
	if n := counted(t, r, "handshake"); n != 1250 || lines() != handshakeLines {
		t.Errorf("%v are counted, %d lines", n, lines())
	}
}
