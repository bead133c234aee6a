package transport

import (
	"crypto/x509"
	"encoding/pem"
)

// Change is what became of files of TLS that hold something else than before.
type Change struct {
	// Files are the names of those that count together, and Changed of those of them that hold something else than when all
	// could be read last. There need be none where they cannot, or can again.
	Files, Changed []string
	// Err is why what they hold cannot be taken; what they held before stays in force. Nil is that it is in force.
	Err error
	// Certificates are those that are in force of these files: that of the control plane, or the authorities of gateways.
	Certificates []*x509.Certificate
}

// Certificate returns the certificate by which gateways are served at present.
func (t *TLS) Certificate() *x509.Certificate { return t.certificate.Load().Leaf }

// certificates reads what has been read before, so nothing in it is wrong.
func certificates(text []byte) (out []*x509.Certificate) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			out = append(out, c)
		}
	}
	return out
}
