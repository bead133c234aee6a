package origin

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/xds/transport"
)

// TLSDetails are those of files of TLS that hold something else than before.
type TLSDetails struct {
	// Files count together, and Changed are those of them that changed, where all can be read.
	Files   []string `json:"files"`
	Changed []string `json:"changed,omitempty"`
	// InForce are the certificates of these files that are in force from now on, the first hundred.
	InForce []CertificateName `json:"inForce"`
}

// CertificateName is what is said of a certificate.
type CertificateName struct {
	Subject string `json:"subject,omitempty"`
	// Names are those that it is for.
	Names []string `json:"names,omitempty"`
	// Serial is in hexadecimal, and Fingerprint the SHA-256 of the certificate.
	Serial      string    `json:"serial"`
	Fingerprint string    `json:"fingerprint"`
	NotBefore   time.Time `json:"notBefore"`
	NotAfter    time.Time `json:"notAfter"`
}

// TLS returns the event of a change of the files of TLS by which gateways are served.
func TLS(c transport.Change) audit.Event {
	details := TLSDetails{Files: c.Files, Changed: c.Changed, InForce: namesOf(c.Certificates)}
	e := audit.Event{Type: audit.CertificateChanged, Subject: c.Files[0], Outcome: audit.Success, Details: details}
	e.Message = "the files of TLS for gateways changed, and what they hold is in force: " + strings.Join(c.Files, ", ")
	if c.Err != nil {
		e.Outcome, e.Message = audit.Failure, fmt.Sprintf("the files of TLS for gateways changed and cannot be taken, what they held before stays in force: %v", c.Err)
	}
	return e
}

// namesOf says what is said of the first hundred of some certificates.
func namesOf(certificates []*x509.Certificate) (out []CertificateName) {
	for _, one := range certificates[:min(len(certificates), maxFew)] {
		out = append(out, nameOf(one))
	}
	return out
}

// maxNames bounds the names of one certificate that are told.
const maxNames = 3

func nameOf(c *x509.Certificate) CertificateName {
	sum := sha256.Sum256(c.Raw)
	names := slices.Clone(c.DNSNames)
	for _, address := range c.IPAddresses {
		names = append(names, address.String())
	}
	for _, uri := range c.URIs {
		names = append(names, uri.Redacted())
	}
	names = names[:min(len(names), maxNames)]
	return CertificateName{
		Subject: cut(c.Subject.String()), Names: few(names), Serial: c.SerialNumber.Text(16), Fingerprint: hex.EncodeToString(sum[:]),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
	}
}
