package authority

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
)

// writeCRL writes the list of revoked certificates anew. It never goes stale before the authority does: a
// control plane reads it from this disk, where a list of yesterday is as good as one of today.
func (a *Authority) writeCRL() error {
	now := a.options.Now()
	list := &x509.RevocationList{Number: big.NewInt(now.UnixNano()), ThisUpdate: now.Add(-early), NextUpdate: a.certificate.NotAfter}
	for _, r := range a.records {
		if r.Revoked == nil || r.NotAfter.Before(now) {
			continue
		}
		serial, ok := new(big.Int).SetString(r.Serial, 16)
		if !ok {
			return fmt.Errorf("the record of %s has the serial %q, which is no number", r.Who(), r.Serial)
		}
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: *r.Revoked})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.certificate, a.key)
	if err != nil {
		return fmt.Errorf("sign the list of revoked certificates: %w", err)
	}
	return a.files.keep(a.path(crlName), pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), a.access())
}

// crlComplete reports whether the list is there, is this authority's and has all that are revoked.
func (a *Authority) crlComplete() bool {
	content, err := readFile(a.path(crlName))
	block, _ := pem.Decode(content)
	if err != nil || block == nil {
		return false
	}
	list, err := x509.ParseRevocationList(block.Bytes)
	if err != nil || list.CheckSignatureFrom(a.certificate) != nil {
		return false
	}
	for _, r := range a.records {
		listed := slices.ContainsFunc(list.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool { return serialText(e.SerialNumber) == r.Serial })
		if r.Revoked != nil && !listed && r.NotAfter.After(a.options.Now()) {
			return false
		}
	}
	return true
}

// serialText is how serial numbers are written.
func serialText(n *big.Int) string { return n.Text(16) }
