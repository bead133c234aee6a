package authority_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net/url"
	"testing"
	"time"
)

// signed makes a client's certificate with the authority's key, past what it would issue.
func (s *scene) signed(t *testing.T, id string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(s.read(t, "ca.key")))
	signer, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	must(t, err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	uri, err := url.Parse(id)
	must(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: s.now.Add(-time.Minute), NotAfter: s.now.Add(time.Hour),
		URIs: []*url.URL{uri}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, s.parse(t, "ca.crt"), key.Public(), signer)
	must(t, err)
	c, err := x509.ParseCertificate(der)
	must(t, err)
	return c
}
