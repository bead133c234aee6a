package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/credentials"

	"github.com/portreeve/portreeve/xds/identity"
)

const (
	// every is how often the files are read.
	every = 500 * time.Millisecond
	// handshakeTimeout is how long a handshake may take.
	handshakeTimeout = 10 * time.Second
	// http2 is the protocol of gRPC, as ALPN names it.
	http2 = "h2"
)

// Judge verifies certificates of gateways. It is called at any time, by anyone.
type Judge interface {
	// SetTrust says what they are verified with from now on.
	SetTrust(*identity.Trust)
	// Verify verifies what a peer has shown during a handshake, its own certificate first.
	Verify([]*x509.Certificate) error
}

// Options are what TLS works with. All are required but Every and Handshake, which are 0 for the default.
type Options struct {
	Files Files
	// Read returns what a file holds, in bounded time and of bounded size. Where somebody is writing to
	// it this is an error.
	Read       func(name string) ([]byte, error)
	Judge      Judge
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
	// Changed is told when files hold something else than before, whether that counts or not. It must not wait. Nil is nobody.
	Changed func(Change)
	// Every is how often the files are read, and Handshake how long a handshake may take.
	Every, Handshake time.Duration
}

// TLS is mutual TLS by files that are read again while it runs. What they held last that was good counts.
// It is safe for concurrent use.
type TLS struct {
	options     Options
	certificate atomic.Pointer[tls.Certificate]
	// authorities is never nil: for the TLS library that would be those of the system.
	authorities atomic.Pointer[x509.CertPool]
	parts       []*part
	metrics     metrics
	warned      warned
}

// NewTLS reads the files, and tells the judge what to trust. An error says which file is wrong, and why.
func NewTLS(o Options) (*TLS, error) {
	if o.Every <= 0 {
		o.Every = every
	}
	if o.Changed == nil {
		o.Changed = func(Change) {}
	}
	if o.Handshake <= 0 {
		o.Handshake = handshakeTimeout
	}
	t := &TLS{options: o, metrics: newMetrics(o.Now)}
	t.parts = []*part{t.pair(), t.trust()}
	for _, p := range t.parts {
		if err := p.Begin(o.Read); err != nil {
			return nil, err
		}
	}
	o.Registerer.MustRegister(t.metrics.failures, t.metrics)
	return t, nil
}

// Run reads the files again and again until ctx ends. A disk that does not answer holds up nothing else.
func (t *TLS) Run(ctx context.Context) error {
	tick := time.NewTicker(t.options.Every)
	defer tick.Stop()
	for {
		t.warn(t.options.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for _, p := range t.parts {
			t.report(p, p.Look(t.options.Read))
		}
	}
}

// Credentials returns those of a server. Their AuthInfo is an identity.Info with the certificates of the peer.
func (t *TLS) Credentials() credentials.TransportCredentials { return secure{server{"tls"}, t} }

// config is what the next handshake is made with. Each gets what counts when it begins, and sessions are
// never resumed: so a certificate is verified at each connection, by what is trusted then.
func (t *TLS) config() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		NextProtos:             []string{http2},
		Certificates:           []tls.Certificate{*t.certificate.Load()},
		ClientAuth:             tls.RequireAndVerifyClientCert,
		ClientCAs:              t.authorities.Load(),
		SessionTicketsDisabled: true,
		Time:                   t.options.Now,
		// The library asks this last, and ends the handshake with its error.
		VerifyConnection: func(s tls.ConnectionState) error { return t.options.Judge.Verify(s.PeerCertificates) },
	}
}

// secure are the credentials of connections over TLS.
type secure struct {
	server
	tls *TLS
}

var _ credentials.TransportCredentials = secure{}

// ServerHandshake implements credentials.TransportCredentials.
func (s secure) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	ctx, cancel := context.WithTimeout(context.Background(), s.tls.options.Handshake)
	defer cancel()
	c := tls.Server(raw, s.tls.config())
	err := c.HandshakeContext(ctx)
	state := c.ConnectionState()
	switch {
	case ctx.Err() != nil:
		err = fmt.Errorf("the handshake took longer than %v", s.tls.options.Handshake)
	case err == nil && state.NegotiatedProtocol != http2:
		err = errors.New("the peer has not asked for HTTP/2 (ALPN h2), which gRPC is spoken over")
	}
	if err != nil {
		_ = raw.Close() // what took too long has been closed already
		return nil, nil, err
	}
	return c, identity.Info{
		CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity},
		Proof:          identity.Proof{Transport: identity.TLS, Certificates: state.PeerCertificates},
	}, nil
}

// Clone implements credentials.TransportCredentials.
func (s secure) Clone() credentials.TransportCredentials { return s }
