package test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// revoking returns the authority's list of the certificates that it has revoked, as PEM.
func (a authority) revoking(t testing.TB, certificates ...*tls.Certificate) string {
	t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	for _, c := range certificates {
		parsed, err := x509.ParseCertificate(c.Certificate[0])
		must(t, err)
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: parsed.SerialNumber, RevocationTime: time.Now().Add(-time.Minute)})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, a.certificate, a.key)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

// TestOnlyClientsThatArePinnedAndNotRevokedAreServed narrows the client certificates that an authority
// vouches for: by digests and by a revocation list; and takes all of them where verifying is given up.
func TestOnlyClientsThatArePinnedAndNotRevokedAreServed(t *testing.T) {
	a, clients := newAuthority(t), newAuthority(t)
	right, other := clients.client(t, "spiffe://cluster.local/ns/shop/sa/right"), clients.client(t, "spiffe://cluster.local/ns/shop/sa/other")
	wrong := newAuthority(t).client(t, "spiffe://cluster.local/ns/shop/sa/right")
	leaf, err := x509.ParseCertificate(right.Certificate[0])
	must(t, err)
	spki, hash := sha256.Sum256(leaf.RawSubjectPublicKeyInfo), sha256.Sum256(leaf.Raw)
	certificate, key := pems(t, a.issue(t, "spki.test", "hash.test", "revoked.test", "insecure.test"))
	secrets := secretWith("server", "tls.crt", certificate, "tls.key", key, "ca.crt", clients.pem()) +
		secretWith("revoking", "tls.crt", certificate, "tls.key", key, "ca.crt", clients.pem(), "ca.crl", clients.revoking(t, other))
	s := newSecureScene(t, a, secrets, func(port int) []string {
		return []string{
			server(port, "spki", "HTTPS", "spki.test", `mode: MUTUAL, credentialName: server, verifyCertificateSpki: ["`+base64.StdEncoding.EncodeToString(spki[:])+`"]`),
			server(port, "hash", "HTTPS", "hash.test", `mode: MUTUAL, credentialName: server, verifyCertificateHash: ["`+hex.EncodeToString(hash[:])+`"]`),
			server(port, "revoked", "HTTPS", "revoked.test", `mode: OPTIONAL_MUTUAL, credentialName: revoking`),
			server(port, "insecure", "HTTPS", "insecure.test", `mode: MUTUAL, credentialName: server, insecureSkipVerify: true`),
		}
	})
	for name, want := range map[string][4]int{"spki.test": {200, 0, 0, 0}, "hash.test": {200, 0, 0, 0}, "revoked.test": {200, 0, 0, 200}, "insecure.test": {200, 200, 200, 0}} {
		for i, c := range []*tls.Certificate{right, other, wrong, nil} {
			if got := s.secureStatus(t, name, name, c); got != want[i] {
				t.Errorf("%s, %s: %d, want %d", name, []string{"right", "other", "wrong", "none"}[i], got, want[i])
			}
		}
	}
}

// TestAServerHasCertificatesOfTwoAlgorithms gives a server an RSA and an ECDSA certificate for one
// host: Envoy holds both, and a client that can verify either gets the ECDSA one.
func TestAServerHasCertificatesOfTwoAlgorithms(t *testing.T) {
	a := newAuthority(t)
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(0xabcdef), DNSNames: []string{"one.test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &private.PublicKey, a.key)
	must(t, err)
	ecdsa := a.issue(t, "one.test")
	secrets := secretOf(t, "ecdsa", ecdsa) + secretOf(t, "rsa", tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private})
	s := newSecureScene(t, a, secrets, func(port int) []string {
		return []string{server(port, "one", "HTTPS", "one.test", "mode: SIMPLE, credentialNames: [rsa, ecdsa]")}
	})
	if got := s.shownCertificate(t, "one.test"); got != string(ecdsa.Certificate[0]) {
		t.Error("the ECDSA certificate is not served")
	}
	certificates, err := s.gateway.Get(t.Context(), "/certs")
	must(t, err)
	if !strings.Contains(string(certificates), `"abcdef"`) || strings.Count(string(certificates), `"dns": "one.test"`) != 2 {
		t.Errorf("Envoy holds %s", certificates)
	}
}

// TestAServerThatComesAndGoesDisturbsNoOther adds and removes an HTTPS server beside another, whose
// connections stay and whose requests do not fail.
func TestAServerThatComesAndGoesDisturbsNoOther(t *testing.T) {
	a := newAuthority(t)
	secrets := secretOf(t, "one", a.issue(t, "one.test")) + secretOf(t, "two", a.issue(t, "two.test"))
	var one, two string
	s := newSecureScene(t, a, secrets, func(port int) []string {
		one = server(port, "one", "HTTPS", "one.test", "mode: SIMPLE, credentialName: one")
		two = server(port, "two", "HTTPS", "two.test", "mode: SIMPLE, credentialName: two")
		return []string{one}
	})
	routing := filepath.Join(s.dir, "routing.yaml")
	first := readFile(t, routing)
	l := s.startLoad(t, "one.test", 4)
	for range 3 {
		replace(t, routing, strings.Replace(first, one, one+two, 1))
		eventually(t, "the second server is there", func() bool { return s.secureStatus(t, "two.test", "two.test", nil) == 200 })
		l.further(t, 50)
		replace(t, routing, first)
		eventually(t, "the second server is gone", func() bool { return s.secureStatus(t, "two.test", "two.test", nil) == 0 })
		l.further(t, 50)
	}
	l.stop()
	if len(l.failed) > 0 {
		t.Errorf("%d of %d requests at the other server failed, first: %v", len(l.failed), l.requests, l.failed[0])
	}
}

// TestABackendOfGRPCWebIsSpokenToInGRPC holds that a backend of a GRPC-WEB server is spoken to in
// gRPC, and one of an HTTP server in what the client speaks.
func TestABackendOfGRPCWebIsSpokenToInGRPC(t *testing.T) {
	envoytest.Require(t)
	web, plain := envoytest.FreePort(t), envoytest.FreePort(t)
	gateway := func(port int, name, protocol string) string {
		return fmt.Sprintf("  - {port: {number: %d, name: %s, protocol: %s}, bind: 127.0.0.1, hosts: [\"*\"]}\n", port, name, protocol)
	}
	spoken := make(chan string, 1)
	backend := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { spoken <- r.Header.Get("Content-Type") }))
	t.Cleanup(backend.Close)
	dir := newPolicyDir(t, map[string]string{"routing.yaml": secureRouting(backend.Listener.Addr().(*net.TCPAddr).Port, 1, gateway(web, "web", "GRPC-WEB"), gateway(plain, "plain", "HTTP"))})
	e := startPlane(t, dir).startGateway(t, envoytest.Options{})
	for port, want := range map[int]string{web: "application/grpc", plain: "application/grpc-web"} {
		address := e.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
		ask(t, address, "/", "Content-Type", "application/grpc-web")
		if got := <-spoken; got != want {
			t.Errorf("the backend is spoken to in %q, want %q", got, want)
		}
	}
}
