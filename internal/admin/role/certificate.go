package role

import (
	"crypto/x509"
	"time"
)

// maxChain bounds the certificates that a client shows.
const maxChain = 10

// certified says whose a certificate is. It is verified at each request, by what is trusted and named then, so that a
// connection outlives neither.
func certified(shown []*x509.Certificate, trusted *x509.CertPool, named map[string]Role, now time.Time) (Caller, *Refusal) {
	if trusted == nil || len(shown) > maxChain { // the library would take the authorities of the system for none
		return Caller{}, badCertificate()
	}
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	_, err := shown[0].Verify(x509.VerifyOptions{Roots: trusted, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return Caller{}, badCertificate()
	}
	var out Caller
	for _, name := range names(shown[0]) {
		if r := named[name]; r > out.Role {
			out = Caller{Role: r, Name: name}
		}
	}
	if out.Role == Nobody {
		return Caller{}, badCertificate()
	}
	return out, nil
}

// names are those by which the file may call a certificate: URIs such as SPIFFE IDs and DNS names, and the common name of one that
// has neither these nor other alternative names. Authorities that watch over alternative names often let who asks write the
// common name, which must not stand for one of them then.
func names(c *x509.Certificate) []string {
	out := make([]string, 0, len(c.URIs)+len(c.DNSNames)+1)
	for _, u := range c.URIs {
		out = append(out, u.String())
	}
	out = append(out, c.DNSNames...)
	if len(out)+len(c.IPAddresses)+len(c.EmailAddresses) == 0 && c.Subject.CommonName != "" {
		out = append(out, c.Subject.CommonName)
	}
	return out
}
