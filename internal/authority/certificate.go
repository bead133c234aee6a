package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"slices"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// selfSigned makes the authority's certificate for a key.
//
// It signs certificates and lists of revoked ones and nothing else, no authority below it, and no
// SPIFFE ID of another trust domain.
func selfSigned(domain spiffeid.TrustDomain, key *ecdsa.PrivateKey, now time.Time) ([]byte, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "portreeve gateways of " + domain.Name()},
		NotBefore: now.Add(-early), NotAfter: now.AddDate(ownYears, 0, 0),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
		PermittedDNSDomainsCritical: true, // of all constraints, whatever its name says
		PermittedURIDomains:         []string{domain.Name()},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the authority's certificate: %w", err)
	}
	return certificatePEM(der), nil
}

// gatewayTemplate is the certificate of a gateway: a client's only, so that it never passes for the control plane.
func gatewayTemplate(id spiffeid.ID) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: "portreeve gateway"},
		URIs:    []*url.URL{id.URL()}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

// serverTemplate is the certificate of a control plane: a server's only, so that it never passes for a gateway.
func serverTemplate(names []string) *x509.Certificate {
	out := &x509.Certificate{Subject: pkix.Name{CommonName: "portreeve control plane"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			out.IPAddresses = append(out.IPAddresses, ip)
		} else {
			out.DNSNames = append(out.DNSNames, name)
		}
	}
	return out
}

// names returns what a certificate is for, in order.
func names(c *x509.Certificate) []string {
	out := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		out = append(out, ip.String())
	}
	for _, u := range c.URIs {
		out = append(out, u.String())
	}
	slices.Sort(out)
	return out
}

// sign makes a certificate and a key of its own for a template.
func (a *Authority) sign(template *x509.Certificate) (*x509.Certificate, pair, error) {
	now := a.options.Now()
	if !now.Before(a.certificate.NotAfter) {
		return nil, pair{}, fmt.Errorf("the authority in %s ended on %s: move it away and begin again with `portreeve ca init`", a.options.Dir, a.certificate.NotAfter.Format(time.RFC3339))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, pair{}, fmt.Errorf("make a key: %w", err)
	}
	if template.SerialNumber, err = newSerial(); err != nil {
		return nil, pair{}, err
	}
	template.NotBefore, template.NotAfter = now.Add(-early), now.Add(a.options.Valid)
	if template.NotAfter.After(a.certificate.NotAfter) {
		template.NotAfter = a.certificate.NotAfter
	}
	template.BasicConstraintsValid, template.KeyUsage = true, x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, pair{}, fmt.Errorf("sign a certificate: %w", err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, pair{}, fmt.Errorf("sign a certificate: %w", err)
	}
	private, err := keyPEM(key)
	return certificate, pair{certificatePEM(der), private, certificatePEM(a.certificate.Raw)}, err
}

// newSerial returns a serial number that nobody has: a positive one of 128 bits.
func newSerial() (*big.Int, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return nil, fmt.Errorf("make a serial number: %w", err)
	}
	b[0] |= 0x40 // of full length always, so that all are written alike
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b), nil
}

func certificatePEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keyPEM(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// parseCertificate reads the first certificate of a file.
func parseCertificate(content []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(content)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("it holds no certificate in PEM")
	}
	return x509.ParseCertificate(block.Bytes)
}

// parseKey reads a key. Its errors say nothing of what it holds.
func parseKey(content []byte) (*ecdsa.PrivateKey, error) {
	if block, _ := pem.Decode(content); block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if key, ok := key.(*ecdsa.PrivateKey); ok {
				return key, nil
			}
		}
	}
	return nil, errors.New("it holds no ECDSA key in PEM (PKCS #8)")
}

// ownCertificate reads an authority that was made here.
func ownCertificate(content []byte) (*x509.Certificate, spiffeid.TrustDomain, error) {
	c, err := parseCertificate(content)
	if err != nil {
		return nil, spiffeid.TrustDomain{}, err
	}
	if !c.IsCA || len(c.PermittedURIDomains) != 1 {
		return nil, spiffeid.TrustDomain{}, errors.New("it is not of an authority that `portreeve ca init` has made")
	}
	domain, err := trustDomain(c.PermittedURIDomains[0])
	return c, domain, err
}
