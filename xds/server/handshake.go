package server

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/credentials"

	"github.com/portreeve/portreeve/xds/identity"
	"github.com/portreeve/portreeve/xds/pace"
)

// The bounds of what failed handshakes write to the log: lines a minute, and those of one address. They have
// their own, so that who cannot even connect hides no refusal of a gateway.
const handshakeLines, handshakeLinesOfOne = 30, 6

// handshakes are credentials that count the handshakes that fail and log them: gRPC is silent about them, and the
// gateway does not know that it was refused for its certificate.
type handshakes struct {
	credentials.TransportCredentials
	refused *refusals
	limit   *pace.Limit
}

func newHandshakes(c credentials.TransportCredentials, r *refusals, now func() time.Time) *handshakes {
	return &handshakes{c, r, pace.New(handshakeLines, handshakeLinesOfOne, now)}
}

// Clone implements credentials.TransportCredentials.
func (h *handshakes) Clone() credentials.TransportCredentials {
	return &handshakes{h.TransportCredentials.Clone(), h.refused, h.limit}
}

// ServerHandshake implements credentials.TransportCredentials.
func (h *handshakes) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, info, err := h.TransportCredentials.ServerHandshake(raw)
	// Who connects and says nothing looks whether the port is open. What was closed here has been counted as a
	// stranger, or the server ends.
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, credentials.ErrConnDispatched) {
		h.fails(raw.RemoteAddr(), err)
	}
	if err != nil {
		return c, info, err
	}
	return &greeting{Conn: c, left: http2.ClientPreface, wrong: func(why error) { h.fails(raw.RemoteAddr(), why) }}, info, nil
}

// greetingError is why gRPC closes, without a word, a connection that begins as none of HTTP/2 does.
type greetingError string

// Error implements error.
func (e greetingError) Error() string { return string(e) }

// The greetings of who takes the port for another.
const (
	errSpeaksTLS greetingError = "the peer speaks TLS, and gateways are served in plain text here: start with --xds-tls-cert, --xds-tls-key and --xds-client-ca, or write its bootstrap without --tls-dir"
	errNoHTTP2   greetingError = "the peer does not speak HTTP/2: resources are served by ADS over gRPC alone, and not by REST"
	// tlsRecord is the first byte of a handshake of TLS.
	tlsRecord = 0x16
)

// greeting is a connection of which it is told when it does not begin as every one of HTTP/2 does.
type greeting struct {
	net.Conn
	// left is what is still to come of the beginning. Only the reader uses it.
	left  string
	wrong func(why error)
}

// Read reads, and looks at the beginning.
func (g *greeting) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if g.left == "" {
		return n, err
	}
	seen := min(n, len(g.left))
	if string(p[:seen]) == g.left[:seen] {
		g.left = g.left[seen:]
		return n, err
	}
	why := errNoHTTP2
	if g.left == http2.ClientPreface && p[0] == tlsRecord {
		why = errSpeaksTLS
	}
	g.left = ""
	g.wrong(why)
	return n, err
}

// fails counts a handshake that failed, and logs it unless enough was logged in this minute.
func (h *handshakes) fails(from net.Addr, err error) {
	kind, reason := "handshake", "the TLS handshake failed: "+shortened(err.Error())
	if refusal := refusalOf(err); refusal != nil {
		kind, reason = refusal.Kind, refusal.Reason
	} else if strange := greetingError(""); errors.As(err, &strange) {
		reason = strange.Error()
	}
	if way := wayOut(err); way != "" {
		reason += ": " + way
	}
	h.refused.count.WithLabelValues(kind).Inc()
	h.refused.tell(Refusal{Kind: kind, Peer: from.String(), Reason: reason})
	more, ok := h.limit.Take(hostOf(from.String()))
	if !ok {
		return
	}
	h.refused.logger.Warn("gateway refused", append([]any{"peer", from.String(), "reason", reason}, more...)...)
}

// refusalOf returns what is wrong with the certificate of a peer, or nil where it is something else.
func refusalOf(err error) *identity.Refusal {
	var refusal *identity.Refusal
	var unverified *tls.CertificateVerificationError
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.As(err, &unverified) && len(unverified.UnverifiedCertificates) > 0:
		return identity.Unverified(unverified.UnverifiedCertificates[0], unverified.Err)
	default:
		return nil
	}
}

// wayOut says what can be done about a handshake that failed, as far as the error tells.
func wayOut(err error) string {
	var plain tls.RecordHeaderError
	var alert *net.OpError
	switch {
	case errors.As(err, &plain):
		return "the peer does not speak TLS: write the gateway's bootstrap with --tls-dir"
	case errors.As(err, &alert) && alert.Op == "remote error":
		return "the gateway does not take the certificate of the control plane: compare the authority and the name in its bootstrap with --xds-tls-cert, and both clocks"
	case strings.Contains(err.Error(), "didn't provide a certificate"):
		return "the gateway shows no certificate: write its bootstrap with --tls-dir"
	case strings.Contains(err.Error(), "unsupported versions"):
		return "want TLS 1.3: Envoy offers it with tls_maximum_protocol_version TLSv1_3"
	default:
		return ""
	}
}
