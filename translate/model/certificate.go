package model

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// Certificate is what there is to know of a certificate that a Gateway or a DestinationRule
// names a Secret for.
// Nothing in it is private.
type Certificate struct {
	// Namespace is that of the Secret, empty for a directory; Name is its name.
	Namespace, Name string
	// Authority says that clients or backends are verified with it.
	Authority bool
	Subject   string
	Hosts     []string
	NotBefore time.Time
	NotAfter  time.Time
	// Fingerprint is the SHA-256 of the certificate.
	Fingerprint string
	Pos         diag.Position
	// Scope is the gateways that may be served with it.
	Scope diag.Scope
}

// Certificates returns the certificates of all Secrets that are named, in the order of
// the files. Those that gateways read from their own files are not among them.
func (m *Model) Certificates() []Certificate { return m.certificates }

func compareCertificates(a, b Certificate) int {
	if c := a.Pos.Compare(b.Pos); c != 0 {
		return c
	}
	if c := strings.Compare(a.Fingerprint, b.Fingerprint); c != 0 || a.Authority == b.Authority {
		return c
	}
	if a.Authority {
		return 1
	}
	return -1
}

// described returns the certificates in a Secret, which may be there to verify peers, or what is wrong with it.
func (c credentials) described(s *resource.Secret, p purpose, peers string) ([]Certificate, diag.List) {
	if p == forServer {
		pair, found := c.keyPair(s)
		if found.HasErrors() {
			return nil, found
		}
		return []Certificate{describe(s, pair.Leaf, pair.Pos)}, found
	}
	a, found := c.authorities(s, peers)
	if found.HasErrors() {
		return nil, found
	}
	var out []Certificate
	for _, leaf := range a.Certificates {
		d := describe(s, leaf, a.Pos)
		d.Authority = true
		out = append(out, d)
	}
	return out, found
}

func describe(s *resource.Secret, c *x509.Certificate, pos diag.Position) Certificate {
	sum := sha256.Sum256(c.Raw)
	return Certificate{
		Namespace: s.Namespace, Name: s.Name, Subject: strings.ToValidUTF8(c.Subject.String(), "?"), Hosts: hostsOf(c),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), Fingerprint: hex.EncodeToString(sum[:]), Pos: pos,
	}
}

func hostsOf(c *x509.Certificate) []string {
	var out []string
	for _, name := range c.DNSNames {
		out = append(out, strings.ToValidUTF8(name, "?"))
	}
	for _, ip := range c.IPAddresses {
		out = append(out, ip.String())
	}
	return out
}

// Dated returns what is to be said of the certificates at a moment. One that has expired is
// an error, so that it does not replace a good one; but a certificate that is being served
// (by its fingerprint) and expires meanwhile is a warning, so that it does not hold up the
// policies beside it.
func (m *Model) Dated(now time.Time, served map[string]bool) diag.List {
	var out diag.List
	for _, c := range m.certificates {
		code, what := diag.CodeExpired, fmt.Sprintf("expired on %s", c.NotAfter.Format(time.RFC3339))
		switch {
		case now.Before(c.NotBefore):
			code, what = diag.CodeNotYetValid, fmt.Sprintf("is not valid before %s", c.NotBefore.Format(time.RFC3339))
		case !now.After(c.NotAfter):
			continue
		case served[c.Fingerprint]:
			code = diag.CodeExpiredServed
		}
		if c.Authority {
			code = diag.CodeAuthorityExpired
		}
		d := diag.New(code, c.Pos, "the certificate of %s %s", c.owner(), what).WithHint("replace it; the next one takes effect without closing a connection")
		d.Scope = c.Scope
		out = append(out, d)
	}
	return out
}

// owner names the certificate for a person.
func (c Certificate) owner() string {
	name := c.Name
	if c.Namespace != "" {
		name = c.Namespace + "/" + name
	}
	if len(c.Hosts) > 0 {
		return fmt.Sprintf("%s (%s)", name, strings.Join(c.Hosts, ", "))
	}
	return fmt.Sprintf("%s (%s)", name, c.Subject)
}
