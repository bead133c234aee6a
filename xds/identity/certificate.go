package identity

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/spiffe/go-spiffe/v2/spiffeid"

	"github.com/portreeve/portreeve/xds/node"
)

// The bounds of what a peer shows.
const (
	maxShown       = 10
	maxCertificate = 64 << 10
	maxNames       = 100
)

// verify verifies what a peer shows, as of a time. The error is a *Refusal. Without trust nobody passes: a
// nil pool would be that of the machine, whose authorities certify anybody.
func (t *Trust) verify(shown []*x509.Certificate, now time.Time) error {
	if t == nil || t.pool == nil {
		return refusef(ofCertificate, "the control plane has no authorities to verify certificates with, see --xds-client-ca")
	}
	if err := bounded(shown); err != nil {
		return err
	}
	leaf, between := shown[0], x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	chains, err := leaf.Verify(x509.VerifyOptions{Roots: t.pool, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return Unverified(leaf, err)
	}
	for _, chain := range chains {
		for _, c := range chain {
			// Also where another chain has no such certificate: it fails closed.
			if t.isRevoked(c) {
				return refusef(ofRevoked, "the certificate of %s is revoked (serial %x): issue another", subjectOf(leaf), c.SerialNumber)
			}
		}
	}
	return nil
}

// bounded refuses what is more than a gateway shows.
func bounded(shown []*x509.Certificate) error {
	if len(shown) == 0 {
		return refusef(ofCertificate, "the gateway shows no certificate")
	}
	leaf := shown[0]
	names := len(leaf.URIs) + len(leaf.DNSNames) + len(leaf.IPAddresses) + len(leaf.EmailAddresses)
	switch {
	case len(shown) > maxShown:
		return refusef(ofCertificate, "the gateway shows %d certificates, want at most %d", len(shown), maxShown)
	case len(leaf.Raw) > maxCertificate:
		return refusef(ofCertificate, "the certificate has %d bytes, want at most %d", len(leaf.Raw), maxCertificate)
	case names > maxNames:
		return refusef(ofCertificate, "the certificate has %d alternative names, want at most %d", names, maxNames)
	case leaf.IsCA:
		return refusef(ofCertificate, "the certificate of %s is that of an authority, want one of a gateway", subjectOf(leaf))
	default:
		return nil
	}
}

// Unverified says why a certificate has not passed a verification, ours or that of the TLS library, which comes
// first. What it says of the owner is not proved.
func Unverified(leaf *x509.Certificate, err error) *Refusal {
	whose := "the certificate of " + subjectOf(leaf)
	var invalid x509.CertificateInvalidError
	switch unknown := (x509.UnknownAuthorityError{}); {
	case errors.As(err, &unknown):
		return refusef(ofCertificate, "%s is signed by none of the authorities in --xds-client-ca", whose)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert == leaf:
		return refusef(ofCertificate, "%s is valid from %s to %s only: renew it, or set the clock", whose, leaf.NotBefore.UTC().Format(time.RFC3339), leaf.NotAfter.UTC().Format(time.RFC3339))
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return refusef(ofCertificate, "%s is not one of a client, want the extended key usage clientAuth", whose)
	default:
		return refusef(ofCertificate, "%s cannot be verified: %s", whose, node.Cut(err.Error()))
	}
}

// idOf returns the SPIFFE ID of a certificate, or the zero one where it has no URI at all. What is there and is
// not an ID of a trust domain that counts is refused: nothing of it is passed by.
func (j *Judge) idOf(leaf *x509.Certificate) (spiffeid.ID, error) {
	switch len(leaf.URIs) {
	case 0:
		return spiffeid.ID{}, nil
	case 1:
	default:
		return spiffeid.ID{}, refusef(ofCertificate, "the certificate has %d URIs, want one, its SPIFFE ID", len(leaf.URIs))
	}
	id, err := spiffeid.FromURI(leaf.URIs[0])
	if err != nil {
		return spiffeid.ID{}, refusef(ofCertificate, "the URI of the certificate, %s, is not a SPIFFE ID: %s", subjectOf(leaf), node.Cut(err.Error()))
	}
	for _, domain := range j.options.TrustDomains {
		if id.MemberOf(domain) {
			return id, nil
		}
	}
	return spiffeid.ID{}, refusef(ofCertificate, "the certificate is of %s, whose trust domain does not count: see --xds-trust-domain", subjectOf(leaf))
}

// gatewayOf reads an ID of the form spiffe://TD/ns/NAMESPACE/gateway/NAME. Both are empty of any other.
func gatewayOf(id spiffeid.ID) (namespace, name string) {
	parts := strings.Split(id.Path(), "/")
	if len(parts) != 5 || parts[1] != "ns" || parts[3] != "gateway" {
		return "", ""
	}
	return parts[2], parts[4]
}

// subjectOf names whose certificate it is: its URI, else its DNS names, else its serial number.
func subjectOf(leaf *x509.Certificate) string {
	text := fmt.Sprintf("serial %x", leaf.SerialNumber)
	switch {
	case len(leaf.URIs) > 0:
		text = leaf.URIs[0].String()
	case len(leaf.DNSNames) > 0:
		text = "dns:" + strings.Join(leaf.DNSNames, ",")
	}
	return node.Cut(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text))
}
