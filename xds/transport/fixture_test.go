package transport_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"go.uber.org/goleak"

	"github.com/portreeve/portreeve/xds/identity"
	"github.com/portreeve/portreeve/xds/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bound is how long anything may take before a test gives up.
const bound = 10 * time.Second

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits, asking again and again, until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(bound)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited too long: %s", what)
		}
	}
}

// authority is a certificate authority of a test.
type authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
	pem         []byte
}

func newAuthority(t testing.TB, name string) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	certificate, err := x509.ParseCertificate(der)
	must(t, err)
	return authority{key, certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issued is a certificate and its key, as PEM.
type issued struct{ certificate, key []byte }

func (i issued) pair(t testing.TB) tls.Certificate {
	t.Helper()
	out, err := tls.X509KeyPair(i.certificate, i.key)
	must(t, err)
	return out
}

// issue makes a certificate for a use and a time.
func (a authority) issue(t testing.TB, serial int64, use x509.ExtKeyUsage, from, until time.Time) issued {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: from, NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{use},
		URIs: []*url.URL{{Scheme: "spiffe", Host: "cluster.local", Path: "/ns/edge/gateway/edge-1"}}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return issued{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})}
}

func (a authority) forServer(t testing.TB, serial int64) issued {
	t.Helper()
	return a.issue(t, serial, x509.ExtKeyUsageServerAuth, time.Now().Add(-time.Hour), time.Now().Add(30*24*time.Hour))
}

func (a authority) forClient(t testing.TB, serial int64) issued {
	t.Helper()
	return a.issue(t, serial, x509.ExtKeyUsageClientAuth, time.Now().Add(-time.Hour), time.Now().Add(30*24*time.Hour))
}

// revoke is a list of revoked serial numbers, as PEM.
func (a authority) revoke(t testing.TB, serials ...int64) []byte {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	for _, serial := range serials {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(serial), RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.certificate, a.key)
	must(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

// log keeps what is logged.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// tlsPlane is a server that sends back what it is sent.
type tlsPlane struct {
	authority authority
	files     transport.Files
	options   transport.Options
	tls       *transport.TLS
	registry  *prometheus.Registry
	log       *log
	address   string
	// came has what each handshake gave.
	came chan handshake
}

type handshake struct {
	info identity.Info
	err  error
}

// newTLSPlane writes good files, and starts nothing yet.
func newTLSPlane(t testing.TB) *tlsPlane {
	t.Helper()
	dir := t.TempDir()
	p := &tlsPlane{
		authority: newAuthority(t, "gateways"), registry: prometheus.NewRegistry(), log: &log{}, came: make(chan handshake, 100),
		files: transport.Files{Certificate: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key"), Authorities: filepath.Join(dir, "ca.crt"), Revoked: filepath.Join(dir, "crl.pem"), Serials: filepath.Join(dir, "serials")},
	}
	own := p.authority.forServer(t, 100)
	for name, content := range map[string][]byte{p.files.Certificate: own.certificate, p.files.Key: own.key, p.files.Authorities: p.authority.pem, p.files.Revoked: p.authority.revoke(t), p.files.Serials: []byte("# none\n")} {
		must(t, os.WriteFile(name, content, 0o600))
	}
	p.options = transport.Options{
		Files: p.files, Read: os.ReadFile, Judge: identity.NewJudge(identity.Options{TrustDomains: []spiffeid.TrustDomain{spiffeid.RequireTrustDomainFromString("cluster.local")}, Now: time.Now}),
		Logger: slog.New(slog.NewTextHandler(p.log, nil)), Registerer: p.registry, Now: time.Now, Every: time.Millisecond,
	}
	return p
}

// startTLSPlane serves until the test ends.
func startTLSPlane(t testing.TB) *tlsPlane {
	t.Helper()
	p := newTLSPlane(t)
	p.start(t)
	return p
}

func (p *tlsPlane) start(t testing.TB) {
	t.Helper()
	var err error
	p.tls, err = transport.NewTLS(p.options)
	must(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p.address = l.Addr().String()
	var all sync.WaitGroup
	all.Go(func() { _ = p.tls.Run(t.Context()) })
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
}

func (p *tlsPlane) serve(raw net.Conn) {
	defer raw.Close()
	c, info, err := p.tls.Credentials().ServerHandshake(raw)
	if err != nil {
		p.note(handshake{err: err})
		return
	}
	p.note(handshake{info: info.(identity.Info)})
	buffer := make([]byte, 1)
	for {
		if _, err := c.Read(buffer); err != nil {
			return
		}
		if _, err := c.Write(buffer); err != nil {
			return
		}
	}
}

// note keeps a handshake, for a test that asks.
func (p *tlsPlane) note(h handshake) {
	select {
	case p.came <- h:
	default: // nobody asks
	}
}

// client is what a gateway with a certificate connects with.
func (p *tlsPlane) client(t testing.TB, own ...issued) *tls.Config {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(p.authority.certificate)
	out := &tls.Config{RootCAs: roots, NextProtos: []string{"h2"}}
	for _, i := range own {
		pair := i.pair(t)
		// Shown also where the server asks for those of other authorities.
		out.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return out
}

// dial connects, without knowing yet whether the server goes on.
func (p *tlsPlane) dial(t testing.TB, config *tls.Config) (*tls.Conn, error) {
	t.Helper()
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: bound}, "tcp", p.address, config)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, c.SetDeadline(time.Now().Add(bound))
}

// answered reports whether the server sends back a byte.
func answered(c net.Conn) bool {
	_, err := c.Write([]byte("a"))
	if err == nil {
		_, err = c.Read(make([]byte, 1))
	}
	return err == nil
}

// comes reports whether somebody is served.
func (p *tlsPlane) comes(t testing.TB, config *tls.Config) bool {
	t.Helper()
	c, err := p.dial(t, config)
	return err == nil && answered(c)
}
