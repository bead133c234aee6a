package identity_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/portreeve/portreeve/xds/identity"
)

// moment is when the tests take place.
var moment = time.Date(2026, time.November, 30, 12, 0, 0, 0, time.UTC)

// authority issues certificates.
type authority struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	next int64
}

func newAuthority(t testing.TB, name string, change ...func(*x509.Certificate)) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, NotBefore: moment.Add(-time.Hour), NotAfter: moment.Add(24 * time.Hour),
	}
	for _, c := range change {
		c(template)
	}
	a.cert = sign(t, template, template, a.key, a.key)
	a.next = 100
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template, parent *x509.Certificate, of, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &of.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// issue issues the certificate of a gateway: of a SPIFFE ID, unless it is empty, with an hour before it.
func (a *authority) issue(id string, change ...func(*x509.Certificate)) *x509.Certificate {
	a.t.Helper()
	a.next++
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.next), NotBefore: moment.Add(-time.Hour), NotAfter: moment.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	if id != "" {
		template.URIs = []*url.URL{uri(a.t, id)}
	}
	for _, c := range change {
		c(template)
	}
	return sign(a.t, template, a.cert, newKey(a.t), a.key)
}

// under returns an authority that this one has certified.
func (a *authority) under(name string) *authority {
	a.t.Helper()
	out := &authority{t: a.t, key: newKey(a.t), next: 500}
	a.next++
	out.cert = sign(a.t, &x509.Certificate{
		SerialNumber: big.NewInt(a.next), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, NotBefore: moment.Add(-time.Hour), NotAfter: moment.Add(24 * time.Hour),
	}, a.cert, out.key, a.key)
	return out
}

// list returns a list of revoked certificates whose time is over.
func (a *authority) list(revoked ...*x509.Certificate) []byte {
	return a.listWith(nil, revoked...)
}

func (a *authority) listWith(change func(*x509.RevocationList), revoked ...*x509.Certificate) []byte {
	a.t.Helper()
	l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: moment.Add(-2 * time.Hour), NextUpdate: moment.Add(-time.Hour)}
	for _, c := range revoked {
		l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: moment.Add(-2 * time.Hour)})
	}
	if change != nil {
		change(l)
	}
	der, err := x509.CreateRevocationList(rand.Reader, l, a.cert, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

func bundle(of ...*authority) []byte {
	var out []byte
	for _, a := range of {
		out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})...)
	}
	return out
}

func trust(t testing.TB, authorities, revoked, serials []byte) *identity.Trust {
	t.Helper()
	out, err := identity.NewTrust(authorities, revoked, serials)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func uri(t testing.TB, text string) *url.URL {
	t.Helper()
	out, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func proof(certificates ...*x509.Certificate) identity.Proof {
	return identity.Proof{Transport: identity.TLS, Certificates: certificates}
}
