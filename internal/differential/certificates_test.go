package differential

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/portreeve/portreeve/translate/explain"
)

// certificates are those of gateways and of clients, of one authority.
type certificates struct {
	// secret is the content of the Secret of gateways.
	secret object
	// clients are those of clients, by their names.
	clients map[string]tls.Certificate
}

// clientCertificates are what gateways read of clients' certificates.
func clientCertificates() map[string]*explain.Certificate {
	return map[string]*explain.Certificate{
		"b":   {URIs: []string{"spiffe://cluster.local/ns/a/sa/b"}, Subject: "CN=b"},
		"c":   {URIs: []string{"spiffe://cluster.local/ns/b/sa/c"}, DNSNames: []string{"c.example"}, Subject: "CN=c"},
		"dns": {DNSNames: []string{"client.example"}, Subject: "CN=dns"},
	}
}

func newCertificates(t testing.TB) *certificates {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	root := sign(t, authority, authority, key, key)
	server := sign(t, &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{"*.example"}}, authority, nil, key)
	out := &certificates{clients: map[string]tls.Certificate{}}
	content, private := pems(t, server)
	out.secret = object{"tls.crt": content, "tls.key": private, "ca.crt": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate[0]}))}
	for name, c := range clientCertificates() {
		template := &x509.Certificate{SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: name}, DNSNames: c.DNSNames, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		for _, u := range c.URIs {
			uri, err := url.Parse(u)
			must(t, err)
			template.URIs = append(template.URIs, uri)
		}
		out.clients[name] = sign(t, template, authority, nil, key)
	}
	return out
}

// sign makes a certificate; of a key of its own where none is given.
func sign(t testing.TB, template, parent *x509.Certificate, key, by *ecdsa.PrivateKey) tls.Certificate {
	t.Helper()
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	if key == nil {
		var err error
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, by)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// pems returns a certificate and its key as PEM.
func pems(t testing.TB, c tls.Certificate) (certificate, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}
