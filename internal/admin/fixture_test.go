package admin

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/admin/role"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	a := authority{key: key, certificate: &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(240 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}}
	der, err := x509.CreateCertificate(rand.Reader, a.certificate, a.certificate, key.Public(), key)
	must(t, err)
	a.certificate, err = x509.ParseCertificate(der)
	must(t, err)
	return a
}

// issue makes a certificate.
func (a authority) issue(t testing.TB, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(240 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	change(c)
	der, err := x509.CreateCertificate(rand.Reader, c, a.certificate, key.Public(), a.key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func named(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.Subject.CommonName = name }
}

func (a authority) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

func write(t testing.TB, path string, content []byte) string {
	t.Helper()
	must(t, os.WriteFile(path, content, 0o600))
	return path
}

// issuer is an OIDC issuer.
type issuer struct {
	*httptest.Server
	key *rsa.PrivateKey
}

func newIssuer(t testing.TB) issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	i := issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "1", Algorithm: "RS256", Use: "sig"}}})
	})
	i.Server = httptest.NewTLSServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i issuer) token(t testing.TB, change func(claims map[string]any)) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: i.key}, nil)
	must(t, err)
	claims := map[string]any{"iss": i.URL, "aud": "portreeve", "sub": "somebody", "exp": time.Now().Add(240 * time.Hour).Unix()}
	change(claims)
	payload, err := json.Marshal(claims)
	must(t, err)
	signed, err := signer.Sign(payload)
	must(t, err)
	token, err := signed.CompactSerialize()
	must(t, err)
	return token
}

// secured is an interface over TLS, and who may call it.
type secured struct {
	address                  string
	clients                  authority
	issuer                   issuer
	viewer, operator         role.Token
	certViewer, certOperator tls.Certificate
	now                      atomic.Int64
	told                     chan Refusal
	registry                 *prometheus.Registry
	roles                    string
	files                    role.Files
	log                      lines
}

func (s *secured) clock() time.Time { return time.Unix(s.now.Load(), 0) }

// newSecured serves one until the test ends.
func newSecured(t testing.TB, change func(*Options)) *secured {
	t.Helper()
	dir := t.TempDir()
	s := &secured{clients: newAuthority(t), issuer: newIssuer(t), told: make(chan Refusal, 1000), registry: prometheus.NewRegistry()}
	s.now.Store(time.Now().Unix())
	var err error
	s.viewer, err = role.NewToken("watcher")
	must(t, err)
	s.operator, err = role.NewToken("keeper")
	must(t, err)
	spiffe, err := url.Parse("spiffe://admin.test/keeper")
	must(t, err)
	s.certViewer = s.clients.issue(t, func(c *x509.Certificate) { c.DNSNames = []string{"watcher.test"} })
	s.certOperator = s.clients.issue(t, func(c *x509.Certificate) { c.URIs = []*url.URL{spiffe} })
	own := s.clients.issue(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} })
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	must(t, err)
	s.roles = fmt.Sprintf(`tokens:
- {name: watcher, role: viewer, hash: "%s"}
- {name: keeper, role: operator, hash: "%s"}
certificates:
- {name: watcher.test, role: viewer}
- {name: "spiffe://admin.test/keeper", role: operator}
oidc:
  issuer: %s
  audience: portreeve
  roles:
  - {claim: groups, value: watchers, role: viewer}
`, s.viewer.Hash, s.operator.Hash, s.issuer.URL)
	s.files = role.Files{
		Certificate: write(t, filepath.Join(dir, "tls.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]})),
		Key:         write(t, filepath.Join(dir, "tls.key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
		Roles:       write(t, filepath.Join(dir, "roles.yaml"), []byte(s.roles)),
		Clients:     write(t, filepath.Join(dir, "ca.crt"), s.clients.pem()),
		Issuer:      write(t, filepath.Join(dir, "issuer.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.issuer.Certificate().Raw})),
	}
	logger := slog.New(slog.NewTextHandler(&s.log, nil))
	guard, err := role.New(role.Options{Files: s.files, Read: os.ReadFile, Logger: logger, Registerer: s.registry, Now: s.clock, Every: 5 * time.Millisecond})
	must(t, err)
	o := options()
	o.Guard, o.Now, o.Metrics, o.Registerer, o.Refused = guard, s.clock, s.registry, s.registry, func(r Refusal) { s.told <- r }
	change(&o)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	s.address = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- guard.Run(ctx) }()
	go func() { ended <- Serve(ctx, tls.NewListener(l, guard.TLS()), Handler(o), logger) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(bound):
				t.Error("it does not end")
			}
		}
	})
	return s
}

// client shows a certificate, where one is given, whoever is asked for.
func (s *secured) client(t testing.TB, own ...tls.Certificate) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(s.clients.certificate)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if len(own) == 0 {
			return new(tls.Certificate), nil
		}
		return &own[0], nil
	}}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: bound}
}

// eventually asks again and again until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(bound)
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("it does not come to be: %s", what)
		}
	}
}
