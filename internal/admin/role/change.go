package role

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"slices"
)

// Change is what became of files that hold something else than before. No token, hash or key is in it.
type Change struct {
	// Files are the names of those that count together.
	Files []string
	// Err is why what they hold cannot be taken; what they held before stays in force. Nil is that it is in force.
	Err error
	// Certificates are those that are in force of these files: that of the interface, or the authorities of clients.
	Certificates []*x509.Certificate
	// Grants are those that are in force, of the file of roles, ordered: operators first.
	Grants []Grant
}

// Grant says who has a role.
type Grant struct {
	// Kind is token, certificate or oidc. Name is that of the token or of the certificate, or the claim and its value.
	Kind, Name string
	Role       Role
}

// grants are all that the file says.
func (r *roles) grants() (out []Grant) {
	for name, h := range r.tokens {
		out = append(out, Grant{"token", name, h.role})
	}
	for name, role := range r.certificates {
		out = append(out, Grant{"certificate", name, role})
	}
	if r.oidc != nil {
		for _, g := range r.oidc.granted {
			out = append(out, Grant{"oidc", r.oidc.issuer + " " + g.claim + "=" + g.value, g.role})
		}
	}
	slices.SortFunc(out, func(a, b Grant) int {
		return cmp.Or(cmp.Compare(b.Role, a.Role), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// authorities reads certificates, and passes over what is none.
func authorities(text []byte) (out []*x509.Certificate) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			out = append(out, c)
		}
	}
	return out
}
