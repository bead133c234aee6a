package role

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"
)

// signer signs certificates.
type signer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// sign issues one; nil is one that signs itself.
func (s *signer) sign(t *testing.T, change func(*x509.Certificate)) *signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "keeper"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
	change(c)
	by := s
	if by == nil {
		by = &signer{c, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by.certificate, key.Public(), by.key)
	must(t, err)
	c, err = x509.ParseCertificate(der)
	must(t, err)
	return &signer{c, key}
}

func signing(c *x509.Certificate) {
	c.IsCA, c.KeyUsage, c.Subject.CommonName, c.ExtKeyUsage = true, x509.KeyUsageCertSign, "authority", nil
}

// TestACertificateHasToProve holds what one must be to have a role.
func TestACertificateHasToProve(t *testing.T) {
	root := (*signer)(nil).sign(t, signing)
	between := root.sign(t, signing)
	nothing := func(*x509.Certificate) {}
	good := root.sign(t, nothing).certificate
	trusted, nobody := x509.NewCertPool(), x509.NewCertPool()
	trusted.AddCert(root.certificate)
	long := []*x509.Certificate{good}
	for range maxChain {
		long = append(long, between.certificate)
	}
	for name, c := range map[string]struct {
		shown   []*x509.Certificate
		trusted *x509.CertPool
		at      time.Time
		role    Role
	}{
		"good":                            {[]*x509.Certificate{good}, trusted, time.Now(), Operator},
		"by one between":                  {[]*x509.Certificate{between.sign(t, nothing).certificate, between.certificate}, trusted, time.Now(), Operator},
		"without the one between":         {[]*x509.Certificate{between.sign(t, nothing).certificate}, trusted, time.Now(), Nobody},
		"by name of DNS":                  {[]*x509.Certificate{root.sign(t, func(c *x509.Certificate) { c.Subject.CommonName, c.DNSNames = "", []string{"a", "watcher"} }).certificate}, trusted, time.Now(), Viewer},
		"the highest of its names":        {[]*x509.Certificate{root.sign(t, func(c *x509.Certificate) { c.DNSNames = []string{"watcher", "keeper"} }).certificate}, trusted, time.Now(), Operator},
		"by a common name beside others":  {[]*x509.Certificate{root.sign(t, func(c *x509.Certificate) { c.DNSNames = []string{"a"} }).certificate}, trusted, time.Now(), Nobody},
		"or beside an address":            {[]*x509.Certificate{root.sign(t, func(c *x509.Certificate) { c.EmailAddresses = []string{"a@b.test"} }).certificate}, trusted, time.Now(), Nobody},
		"without a name":                  {[]*x509.Certificate{root.sign(t, func(c *x509.Certificate) { c.Subject.CommonName = "" }).certificate}, trusted, time.Now(), Nobody},
		"of another name":                 {[]*x509.Certificate{root.sign(t, func(c *x509.Certificate) { c.Subject.CommonName = "Keeper" }).certificate}, trusted, time.Now(), Nobody},
		"of a server":                     {[]*x509.Certificate{root.sign(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }).certificate}, trusted, time.Now(), Nobody},
		"expired":                         {[]*x509.Certificate{good}, trusted, time.Now().Add(2 * time.Hour), Nobody},
		"not yet":                         {[]*x509.Certificate{good}, trusted, time.Now().Add(-2 * time.Hour), Nobody},
		"of another authority":            {[]*x509.Certificate{(*signer)(nil).sign(t, nothing).certificate}, trusted, time.Now(), Nobody},
		"where nobody is trusted":         {[]*x509.Certificate{good}, nobody, time.Now(), Nobody},
		"where no authorities are given":  {[]*x509.Certificate{good}, nil, time.Now(), Nobody},
		"with more than need be followed": {long, trusted, time.Now(), Nobody},
	} {
		caller, refusal := certified(c.shown, c.trusted, map[string]Role{"keeper": Operator, "watcher": Viewer}, c.at)
		if caller.Role != c.role || (refusal == nil) != (c.role != Nobody) {
			t.Errorf("%s: %+v, %+v", name, caller, refusal)
		}
	}
}
