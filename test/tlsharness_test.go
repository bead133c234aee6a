package test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// pems returns a certificate and its key as PEM.
func pems(t testing.TB, c tls.Certificate) (certificate, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// pem returns the authority's certificate as PEM.
func (a authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}))
}

// client makes a client's certificate with an identity of the mesh.
func (a authority) client(t testing.TB, identity string) *tls.Certificate {
	t.Helper()
	uri, err := url.Parse(identity)
	must(t, err)
	c := a.make(t, &x509.Certificate{URIs: []*url.URL{uri}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return &c
}

// ended makes a server's certificate that has expired.
func (a authority) ended(t testing.TB, name string) tls.Certificate {
	t.Helper()
	return a.make(t, &x509.Certificate{DNSNames: []string{name}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})
}

func (a authority) make(t testing.TB, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// secretOf is a Secret manifest with a certificate, and authorities where they are given.
func secretOf(t testing.TB, name string, c tls.Certificate, authorities ...string) string {
	t.Helper()
	certificate, key := pems(t, c)
	entries := []string{"tls.crt", certificate, "tls.key", key}
	if len(authorities) > 0 {
		entries = append(entries, "ca.crt", strings.Join(authorities, ""))
	}
	return secretWith(name, entries...)
}

func secretWith(name string, entries ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: istio-system}\ntype: kubernetes.io/tls\nstringData:\n", name)
	for i := 0; i+1 < len(entries); i += 2 {
		fmt.Fprintf(&b, "  %s: |\n    %s\n", entries[i], strings.ReplaceAll(strings.TrimSpace(entries[i+1]), "\n", "\n    "))
	}
	return b.String()
}

// server is a server of a secure scene's Gateway.
func server(port int, name, protocol, hosts, settings string) string {
	return fmt.Sprintf("  - {port: {number: %d, name: %s, protocol: %s}, bind: 127.0.0.1, hosts: [%s], tls: {%s}}\n", port, name, protocol, hosts, settings)
}

// secureRouting is a Gateway with servers, before an HTTP backend and an echo.
func secureRouting(backend, connections int, servers ...string) string {
	return "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: gateway}\nspec:\n  selector: {istio: ingressgateway}\n  servers:\n" +
		strings.Join(servers, "") + `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: backend}
spec:
  hosts: ["*"]
  gateways: [gateway]
  http: [{route: [{destination: {host: backend.local, port: {number: 80}}}]}]
  tcp: [{route: [{destination: {host: echo.local, port: {number: 80}}}]}]
` + forwarded("backend.local", backend) + forwarded("echo.local", connections)
}

// secureScene is a gateway at which TLS ends.
type secureScene struct {
	*plane
	gateway *envoytest.Envoy
	address string
	// authority has issued the certificates of the servers.
	authority       authority
	secrets, policy string
	port            int
}

// newSecureScene starts a gateway with servers on one port. They may use the Secrets that are
// given, each a manifest.
func newSecureScene(t *testing.T, authority authority, secrets string, servers func(port int) []string, flags ...string) *secureScene {
	t.Helper()
	envoytest.Require(t)
	port := envoytest.FreePort(t)
	dir := newPolicyDir(t, map[string]string{
		"routing.yaml": secureRouting(envoytest.RunBackend(t).Port(), echo(t, "echo", nil), servers(port)...),
		"secrets.yaml": secrets, "policy.yaml": ruled("AUDIT", "[{}]"),
	})
	s := &secureScene{
		plane: startPlane(t, dir, flags...), authority: authority, port: port,
		secrets: filepath.Join(dir, "secrets.yaml"), policy: filepath.Join(dir, "policy.yaml"),
	}
	s.gateway = s.startGateway(t, envoytest.Options{})
	s.address = s.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	return s
}

// secureClient is one connection over TLS.
type secureClient struct {
	*tls.Conn
	reader *bufio.Reader
}

// handshake connects to a name, with a client's certificate where one is given, and verifies
// the server's. The error may come with the first read, as it does in TLS 1.3.
func (s *secureScene) handshake(t testing.TB, name string, certificate *tls.Certificate) (*secureClient, error) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.authority.certificate)
	config := &tls.Config{RootCAs: roots, ServerName: name, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if certificate != nil {
		config.Certificates = []tls.Certificate{*certificate}
	}
	return s.dial(t, config)
}

// dial connects as a client's configuration says.
func (s *secureScene) dial(t testing.TB, config *tls.Config) (*secureClient, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	c, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", s.address)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = c.Close() })
	must(t, c.SetDeadline(time.Now().Add(bound)))
	return &secureClient{c.(*tls.Conn), bufio.NewReader(c)}, nil
}

// get asks for a path of a host on the connection.
func (c *secureClient) get(host, path string, header ...string) (int, http.Header, string, error) {
	r, err := http.NewRequest(http.MethodGet, "https://"+host+path, http.NoBody) //nolint:noctx // bounded by the connection
	if err != nil {
		return 0, nil, "", err
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if err := r.Write(c); err != nil {
		return 0, nil, "", err
	}
	response, err := http.ReadResponse(c.reader, r)
	if err != nil {
		return 0, nil, "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, string(body), err
}

// secureStatus asks on a connection of its own and returns the status, or 0 where there is
// no connection or no answer.
func (s *secureScene) secureStatus(t testing.TB, name, host string, certificate *tls.Certificate, header ...string) int {
	t.Helper()
	c, err := s.handshake(t, name, certificate)
	if err != nil {
		return 0
	}
	defer func() { _ = c.Close() }()
	status, _, _, err := c.get(host, "/", header...)
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() { //nolint:errorlint // of the connection itself
		t.Fatalf("neither an answer nor the end of the connection: %v", err)
	}
	return status
}

// shownCertificate returns the certificate that a server shows for a name, in its raw form.
func (s *secureScene) shownCertificate(t testing.TB, name string) string {
	t.Helper()
	c, err := s.handshake(t, name, nil)
	if err != nil {
		return ""
	}
	defer func() { _ = c.Close() }()
	return string(c.ConnectionState().PeerCertificates[0].Raw)
}
