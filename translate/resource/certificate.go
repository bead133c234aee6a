package resource

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
)

// KeyPair is a certificate with its key, as PEM and without anything else that the files held.
type KeyPair struct {
	Chain, Key []byte
	Leaf       *x509.Certificate
	// Pos is the place of the certificate.
	Pos diag.Position
}

// Algorithm is "RSA", "ECDSA" or "Ed25519".
func (p KeyPair) Algorithm() string { return p.Leaf.PublicKeyAlgorithm.String() }

// Authorities are the certificates that clients' certificates are verified with, and the
// lists of those that were revoked, which may be empty.
type Authorities struct {
	Bundle, Revoked []byte
	Certificates    []*x509.Certificate
	Pos             diag.Position
}

// KeyPair returns the certificate and key that the Secret holds, or what is wrong with them.
// The dates are not looked at: what time it is nobody knows here. The caller must not change
// what is returned.
func (s *Secret) KeyPair() (KeyPair, diag.List) { return s.keyPair() }

func (s *Secret) readKeyPair() (KeyPair, diag.List) {
	if found := s.whole(); found.HasErrors() {
		return KeyPair{}, found
	}
	for _, names := range certificateEntries() {
		certificate, haveCertificate := s.first(names[0])
		key, haveKey := s.first(names[1])
		switch {
		case !haveCertificate && !haveKey:
			continue
		case !haveKey:
			return KeyPair{}, diag.List{s.Diagnostic(diag.CodePrivateKey, certificate.pos, "%s has the certificate %s without its key", s, names[0]).WithHint("add %s", names[1])}
		case !haveCertificate:
			return KeyPair{}, diag.List{s.Diagnostic(diag.CodeCertificate, key.pos, "%s has the key %s without its certificate", s, names[1]).WithHint("add %s", names[0])}
		}
		return s.pairOf(certificate, key)
	}
	return KeyPair{}, diag.List{s.Diagnostic(diag.CodeSecret, s.Pos, "%s has no certificate", s).WithHint("tls.crt and tls.key, or cert and key")}
}

func (s *Secret) pairOf(certificate, key entryOf) (KeyPair, diag.List) {
	chain, found := s.certificates(certificate)
	private, at := s.privateKey(key)
	found = append(found, at...)
	if found.HasErrors() {
		return KeyPair{}, found
	}
	out := KeyPair{Chain: encoded(chain), Leaf: chain[0], Pos: certificate.pos, Key: pem.EncodeToMemory(private.block)}
	if reason := refusedByEnvoy(chain[0]); reason != "" {
		return KeyPair{}, diag.List{s.Diagnostic(diag.CodeWeakKey, certificate.pos, "Envoy does not take the certificate of %s: %s", s, reason).
			WithHint("an RSA key of at least 2048 bits, an ECDSA key on P-256, P-384 or P-521, or an Ed25519 key")}
	}
	public, ok := chain[0].PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(private.key.Public()) {
		return KeyPair{}, diag.List{s.Diagnostic(diag.CodeKeyMismatch, key.pos, "the key of %s is not that of its certificate, which is for %s", s, subject(chain[0])).
			WithHint("the key with which the first certificate of the chain was requested; the chain begins with the server's own certificate")}
	}
	return out, nil
}

// Authorities returns the authorities that the Secret holds, of which there is at least one,
// or what is wrong with them. A finding says that they are to verify peers, such as clients.
// The caller must not change what is returned.
func (s *Secret) Authorities(peers string) (Authorities, diag.List) {
	out, found := s.authorities()
	if len(out.Certificates) > 0 || found.HasErrors() {
		return out, found
	}
	return Authorities{}, diag.List{s.Diagnostic(diag.CodeSecret, s.Pos, "%s has no certificates to verify %s with", s, peers).
		WithHint("ca.crt or cacert, here or in a Secret named %s-cacert", strings.TrimSuffix(s.Name, AuthoritySuffix))}
}

// readAuthorities returns nothing where there are none.
func (s *Secret) readAuthorities() (Authorities, diag.List) {
	if found := s.whole(); found.HasErrors() {
		return Authorities{}, found
	}
	bundle, ok := s.first(authorityEntries()...)
	if !ok {
		return Authorities{}, nil
	}
	certificates, found := s.certificates(bundle)
	if found.HasErrors() {
		return Authorities{}, found
	}
	out := Authorities{Bundle: encoded(certificates), Certificates: certificates, Pos: bundle.pos}
	if revoked, ok := s.first(revocationEntries()...); ok {
		if out.Revoked, found = s.revocations(revoked); found.HasErrors() {
			return Authorities{}, found
		}
	}
	return out, nil
}

// AuthoritySuffix ends the name of a Secret that holds the authorities beside another one.
const AuthoritySuffix = "-cacert"

// certificates reads all certificates of a PEM text, of which there must be one.
func (s *Secret) certificates(e entryOf) ([]*x509.Certificate, diag.List) {
	if e.problem != "" {
		return nil, diag.List{s.Diagnostic(diag.CodeSecret, e.pos, "the certificate of %s %s", s, e.problem).WithHint("PEM text in base64, or as it is below stringData")}
	}
	var out []*x509.Certificate
	for rest := e.content; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, diag.List{s.Diagnostic(diag.CodeCertificate, e.pos, "certificate %d of %s cannot be read", len(out)+1, s).WithHint("a certificate in PEM: -----BEGIN CERTIFICATE-----")}
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, diag.List{s.Diagnostic(diag.CodeCertificate, e.pos, "%s holds no certificate where one should be", s).WithHint("a certificate in PEM: -----BEGIN CERTIFICATE-----")}
	}
	return out, nil
}

func encoded(certificates []*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, c := range certificates {
		out.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	return out.Bytes()
}

// revocations reads the revocation lists of a PEM text, of which there must be one.
func (s *Secret) revocations(e entryOf) ([]byte, diag.List) {
	bad := diag.List{s.Diagnostic(diag.CodeCertificate, e.pos, "the revocation list of %s cannot be read", s).WithHint("a list in PEM: -----BEGIN X509 CRL-----")}
	var out bytes.Buffer
	for rest := e.content; e.problem == ""; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "X509 CRL" {
			continue
		}
		if _, err := x509.ParseRevocationList(block.Bytes); err != nil {
			return nil, bad
		}
		out.Write(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes}))
	}
	if out.Len() == 0 {
		return nil, bad
	}
	return out.Bytes(), nil
}

// privateKey is a key and the PEM block that holds it.
type privateKey struct {
	block *pem.Block
	key   interface{ Public() crypto.PublicKey }
}

// privateKey reads the first key of a PEM text. Nothing that it says quotes the text.
func (s *Secret) privateKey(e entryOf) (privateKey, diag.List) {
	if e.problem != "" {
		return privateKey{}, diag.List{s.Diagnostic(diag.CodeSecret, e.pos, "the key of %s %s", s, e.problem).WithHint("PEM text in base64, or as it is below stringData")}
	}
	for rest := e.content; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return privateKey{}, diag.List{s.Diagnostic(diag.CodePrivateKey, e.pos, "%s holds no private key where one should be", s).WithHint("an RSA, ECDSA or Ed25519 key in PEM, without a passphrase")}
		}
		if !strings.HasSuffix(block.Type, "PRIVATE KEY") {
			continue // the parameters of a curve, for one
		}
		key, err := parsePrivateKey(block)
		if err != nil {
			return privateKey{}, diag.List{s.Diagnostic(diag.CodePrivateKey, e.pos, "the private key of %s %s", s, err).WithHint("an RSA, ECDSA or Ed25519 key in PEM, without a passphrase")}
		}
		return privateKey{&pem.Block{Type: block.Type, Bytes: block.Bytes}, key}, nil
	}
}

// parsePrivateKey reads a key in one of the forms that Envoy reads. The error is ours: what the
// parsers say could have a part of the key.
func parsePrivateKey(block *pem.Block) (interface{ Public() crypto.PublicKey }, error) {
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, errors.New("is encrypted")
	}
	var key any
	var err error
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, errors.New("has a form that Envoy does not read")
	}
	public, ok := key.(interface{ Public() crypto.PublicKey })
	if err != nil || !ok {
		return nil, errors.New("cannot be read")
	}
	return public, nil
}

// refusedByEnvoy says why Envoy would refuse a certificate for its kind of key.
func refusedByEnvoy(c *x509.Certificate) string {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() < 2048 {
			return "its RSA key is shorter than 2048 bits"
		}
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
		default:
			return "its curve is not one of P-256, P-384 and P-521"
		}
	case ed25519.PublicKey:
	default:
		return "its key is neither RSA nor ECDSA nor Ed25519"
	}
	return ""
}

// subject names a certificate for a person.
func subject(c *x509.Certificate) string {
	switch {
	case len(c.DNSNames) > 0:
		return strings.Join(c.DNSNames, ", ")
	case c.Subject.String() != "":
		return c.Subject.String()
	default:
		return "nobody"
	}
}
