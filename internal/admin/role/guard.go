package role

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/xds/reread"
)

// MaxFile is how large each file may be.
const MaxFile = 1 << 20

// every is how often files are looked at.
const every = 500 * time.Millisecond

// Files are the names of the files. The last two may be empty.
type Files struct {
	// Certificate is the one that clients are shown, and Key its key.
	Certificate, Key string
	// Roles says who may what.
	Roles string
	// Clients are the authorities of client certificates, and Issuer those of the issuer of tokens, beside the system's.
	Clients, Issuer string
}

// Options are what a Guard is made of.
type Options struct {
	Files Files
	// Read reads a file, of MaxFile at most, within a bounded time.
	Read       func(name string) ([]byte, error)
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
	// Every is how often files are looked at. Zero is twice a second.
	Every time.Duration
	// Changed is told when files hold something else than before, whether that counts or not. It must not wait. Nil is nobody.
	Changed func(Change)
}

// Guard says who calls, over TLS. It is safe for concurrent use.
type Guard struct {
	options     Options
	metrics     metrics
	watched     []*watched
	certificate atomic.Pointer[tls.Certificate]
	clients     atomic.Pointer[x509.CertPool]
	// authorities are those of clients. They are for who follows the files.
	authorities []*x509.Certificate
	roles       atomic.Pointer[roles]
	// changed says that the issuer is another one.
	changed  chan struct{}
	verifier *verifier
	wrong    *attempts
}

// watched are files that count together.
type watched struct {
	reread.Files
	// shows adds what is in force of them to what is told of a change.
	shows func(*Change)
}

// New reads the files. An error says what is wrong with them.
func New(o Options) (*Guard, error) {
	if o.Every <= 0 {
		o.Every = every
	}
	if o.Changed == nil {
		o.Changed = func(Change) {}
	}
	g := &Guard{options: o, metrics: newMetrics(o.Registerer, o.Now), changed: make(chan struct{}, 1), wrong: newAttempts(o.Now)}
	var err error
	if g.verifier, err = newVerifier(o.Now); err != nil {
		return nil, fmt.Errorf("make ready to verify tokens: %w", err)
	}
	g.watched = []*watched{
		{reread.Files{Names: []string{o.Files.Certificate, o.Files.Key}, Take: g.takePair}, func(c *Change) { c.Certificates = []*x509.Certificate{g.certificate.Load().Leaf} }},
		{reread.Files{Names: []string{o.Files.Roles}, Take: g.takeRoles}, func(c *Change) { c.Grants = g.roles.Load().grants() }},
	}
	if o.Files.Clients != "" {
		g.watched = append(g.watched, &watched{reread.Files{Names: []string{o.Files.Clients}, Take: g.takeClients}, func(c *Change) { c.Certificates = g.authorities }})
	}
	for _, w := range g.watched {
		if err := w.Begin(o.Read); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *Guard) takePair(contents [][]byte) error {
	pair, err := tls.X509KeyPair(contents[0], contents[1])
	if err != nil {
		return err
	}
	g.certificate.Store(&pair)
	g.metrics.until.Store(pair.Leaf.NotAfter.Unix())
	return nil
}

func (g *Guard) takeClients(contents [][]byte) error {
	pool, all := x509.NewCertPool(), authorities(contents[0])
	if len(all) == 0 {
		return errors.New("there is no certificate of an authority")
	}
	for _, c := range all {
		pool.AddCert(c)
	}
	g.authorities = all
	g.clients.Store(pool)
	return nil
}

// takeRoles takes what the file says. The keys of an issuer that stays are kept.
func (g *Guard) takeRoles(contents [][]byte) error {
	next, err := parse(g.options.Files.Roles, contents[0])
	switch {
	case err != nil:
		return err
	case len(next.certificates) > 0 && g.options.Files.Clients == "":
		return errors.New("it names certificates: they need --admin-client-ca")
	}
	before := g.roles.Load()
	if next.oidc != nil && before != nil && before.oidc != nil && before.oidc.issuer == next.oidc.issuer {
		next.oidc.keys, next.oidc.stale = before.oidc.keys, before.oidc.stale
	}
	g.roles.Store(next)
	select {
	case g.changed <- struct{}{}:
	default:
	}
	return nil
}

// TLS returns how connections are spoken to. Each handshake has what counts when it begins. A certificate of a client is
// asked for and not demanded: probes have none, and Identify verifies what is shown.
func (g *Guard) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c := &tls.Config{
			MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, Certificates: []tls.Certificate{*g.certificate.Load()}, SessionTicketsDisabled: true, Time: g.options.Now,
		}
		if pool := g.clients.Load(); pool != nil {
			c.ClientAuth, c.ClientCAs = tls.RequestClientCert, pool
		}
		return c, nil
	}}
}

// Identify says who makes a request. Who shows nothing is refused as NoCredentials. A token counts before a certificate:
// a wrong one is not made good by what else is shown.
func (g *Guard) Identify(r *http.Request) (Caller, *Refusal) {
	if r.TLS == nil {
		return Caller{}, noCredentials() // nothing that came in plain text counts
	}
	if header := r.Header.Values("Authorization"); len(header) > 0 {
		scheme, token, _ := strings.Cut(header[0], " ")
		if len(header) > 1 || !strings.EqualFold(scheme, "Bearer") {
			return g.blamed(r, badToken())
		}
		return g.bearer(r, strings.TrimSpace(token))
	}
	if len(r.TLS.PeerCertificates) == 0 {
		return Caller{}, noCredentials()
	}
	caller, refusal := certified(r.TLS.PeerCertificates, g.clients.Load(), g.roles.Load().certificates, g.options.Now())
	return caller, refusal
}

// bearer says whose a token is: NAME.SECRET stands in the file, one of three parts is the issuer's.
func (g *Guard) bearer(r *http.Request, token string) (Caller, *Refusal) {
	now := g.roles.Load()
	switch strings.Count(token, ".") {
	case 1:
		return g.verifier.verify(r.Context(), token, r.RemoteAddr, now.tokens, g.wrong)
	case 2:
		if now.oidc == nil {
			return g.blamed(r, badToken())
		}
		if g.wrong.spent(r.RemoteAddr) {
			return Caller{}, tooMany()
		}
		caller, refusal := now.oidc.verify(r.Context(), token, g.options.Now)
		if refusal != nil && refusal.Reason != NoKeys {
			return g.blamed(r, refusal)
		}
		return caller, refusal
	default:
		return g.blamed(r, badToken())
	}
}

// blamed counts a refusal against the address.
func (g *Guard) blamed(r *http.Request, refusal *Refusal) (Caller, *Refusal) {
	if g.wrong.spent(r.RemoteAddr) {
		return Caller{}, tooMany()
	}
	g.wrong.note(r.RemoteAddr)
	return Caller{}, refusal
}
