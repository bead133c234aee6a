package test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"path/filepath"
	"testing"
	"time"
)

// TestClientsAreVerifiedByTheAuthoritiesOfTheirServer has servers that take the authorities for their
// clients from each place where they can stand. One authority is right for a server and the other
// wrong, so that a server which verified by another's, or by none, would show.
func TestClientsAreVerifiedByTheAuthoritiesOfTheirServer(t *testing.T) {
	a, right, wrong := newAuthority(t), newAuthority(t), newAuthority(t)
	certificate := a.issue(t, "*.test")
	good, revoked, bad := right.client(t, "spiffe://cluster.local/ns/shop/sa/good"), right.client(t, "spiffe://cluster.local/ns/shop/sa/revoked"), wrong.client(t, "spiffe://cluster.local/ns/shop/sa/good")
	leaf, err := x509.ParseCertificate(good.Certificate[0])
	must(t, err)
	spki, hash := sha256.Sum256(leaf.RawSubjectPublicKeyInfo), sha256.Sum256(leaf.Raw)
	dir := t.TempDir()
	crt, key := pems(t, certificate)
	for name, content := range map[string]string{"tls.crt": crt, "tls.key": key, "ca.crt": right.pem(), "ca.crl": right.revoking(t, revoked)} {
		write(t, filepath.Join(dir, name), content)
	}
	secrets := secretOf(t, "own", certificate, right.pem()) + // in the Secret itself
		secretOf(t, "beside", certificate, wrong.pem()) + secretWith("beside-cacert", "cacert", right.pem()) + // in the one that is named for it
		secretOf(t, "named", certificate, wrong.pem()) + secretWith("named-cacert", "ca.crt", wrong.pem()) + secretWith("apart", "ca.crt", right.pem()) + // in the one that is written
		secretOf(t, "both", certificate, right.pem()+wrong.pem())
	files := fmt.Sprintf("serverCertificate: %[1]s/tls.crt, privateKey: %[1]s/tls.key, caCertificates: %[1]s/ca.crt", dir)
	s := newSecureScene(t, a, secrets, func(port int) []string {
		return []string{
			server(port, "own", "HTTPS", "own.test", "mode: MUTUAL, credentialName: own"),
			server(port, "beside", "HTTPS", "beside.test", "mode: MUTUAL, credentialName: beside"),
			server(port, "named", "HTTPS", "named.test", "mode: MUTUAL, credentialName: named, caCertCredentialName: apart"),
			server(port, "both", "HTTPS", "both.test", "mode: MUTUAL, credentialName: both"),
			server(port, "files", "HTTPS", "files.test", "mode: MUTUAL, "+files),
			server(port, "revoked", "HTTPS", "revoked.test", fmt.Sprintf("mode: MUTUAL, %s, caCrl: %s/ca.crl", files, dir)),
			server(port, "optional", "HTTPS", "optional.test", "mode: OPTIONAL_MUTUAL, "+files),
			server(port, "pinned", "HTTPS", "pinned.test", "mode: OPTIONAL_MUTUAL, credentialName: own, subjectAltNames: [spiffe://cluster.local/ns/shop/sa/none, spiffe://cluster.local/ns/shop/sa/good]"),
			server(port, "spki", "HTTPS", "spki.test", fmt.Sprintf("mode: OPTIONAL_MUTUAL, credentialName: own, verifyCertificateSpki: [%q]", base64.StdEncoding.EncodeToString(spki[:]))),
			server(port, "hash", "HTTPS", "hash.test", fmt.Sprintf("mode: OPTIONAL_MUTUAL, credentialName: own, verifyCertificateHash: [%q]", hex.EncodeToString(hash[:]))),
		}
	})
	for name, want := range map[string][4]int{ // good, revoked, bad, none
		"own.test": {200, 200, 0, 0}, "beside.test": {200, 200, 0, 0}, "named.test": {200, 200, 0, 0}, "both.test": {200, 200, 200, 0},
		"files.test": {200, 200, 0, 0}, "revoked.test": {200, 0, 0, 0}, "optional.test": {200, 200, 0, 200}, // Envoy, and so Istio, demands a certificate where one is pinned.
		"pinned.test": {200, 0, 0, 0}, "spki.test": {200, 0, 0, 0}, "hash.test": {200, 0, 0, 0},
	} {
		for i, c := range []*tls.Certificate{good, revoked, bad, nil} {
			if got := s.secureStatus(t, name, name, c); got != want[i] {
				t.Errorf("%s, %s: %d, want %d", name, []string{"good", "revoked", "bad", "none"}[i], got, want[i])
			}
		}
	}
}

// TestTwoCertificatesAreServedFromFiles serves an RSA and an ECDSA certificate from the gateway's
// files, each to a client that can verify only that, and counts a server with a name on its own.
func TestTwoCertificatesAreServedFromFiles(t *testing.T) {
	a, dir := newAuthority(t), t.TempDir()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(7), DNSNames: []string{"one.test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &private.PublicKey, a.key)
	must(t, err)
	certificates := map[string]tls.Certificate{"ecdsa": a.issue(t, "one.test"), "rsa": {Certificate: [][]byte{der}, PrivateKey: private}}
	for name, c := range certificates {
		crt, key := pems(t, c)
		write(t, filepath.Join(dir, name+".crt"), crt)
		write(t, filepath.Join(dir, name+".key"), key)
	}
	s := newSecureScene(t, a, secretWith("unused", "password", "a"), func(port int) []string {
		return []string{fmt.Sprintf("  - {name: shopfront, port: {number: %d, name: one, protocol: HTTPS}, bind: 127.0.0.1, hosts: [one.test], tls: {mode: SIMPLE, maxProtocolVersion: TLSV1_2, tlsCertificates: [{serverCertificate: %[2]s/rsa.crt, privateKey: %[2]s/rsa.key}, {serverCertificate: %[2]s/ecdsa.crt, privateKey: %[2]s/ecdsa.key}]}}\n", port, dir)}
	})
	roots := x509.NewCertPool()
	roots.AddCert(a.certificate)
	for name, suite := range map[string]uint16{"ecdsa": tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "rsa": tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256} {
		// In TLS 1.2 the cipher suite says of which algorithm the certificate is. Where a server has 1.3 too,
		// Envoy goes by the signatures that a client can verify, and Go's client can verify all.
		c, err := s.dial(t, &tls.Config{ServerName: "one.test", RootCAs: roots, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}})
		if err != nil {
			t.Errorf("a client of %s: %v", name, err)
			continue
		}
		if got := c.ConnectionState().PeerCertificates[0].Raw; string(got) != string(certificates[name].Certificate[0]) {
			t.Errorf("a client of %s gets another certificate", name)
		}
		if status, _, _, err := c.get("one.test", "/"); err != nil || status != 200 {
			t.Errorf("a client of %s: %d, %v", name, status, err)
		}
	}
	s.gateway.MustReach(t, "http.shopfront.downstream_rq_2xx", 2)
}
