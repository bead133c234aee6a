package identity

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/xds/node"
)

// MaxBytes is how long what trust is read from may be: lists of revoked certificates, and serial numbers.
const MaxBytes = 8 << 20

// The further bounds of that.
const (
	maxAuthorityBytes = 1 << 20
	maxAuthorities    = 256
	maxSerialDigits   = 64
)

// Trust is what certificates of gateways are verified with. It is immutable.
type Trust struct {
	authorities []*x509.Certificate
	pool        *x509.CertPool
	// revoked are the certificates of the lists, and serials those that are revoked whoever issued them.
	revoked, serials map[string]struct{}
	// strange are the issuers of lists that are of none of the authorities.
	strange []string
}

// NewTrust reads authorities (PEM), lists of revoked certificates (PEM or DER; one of an
// authority of these has its signature) and revoked serial numbers (hexadecimal, a line each, # begins a comment). Lists and numbers
// may be empty. A list stays in force when its time is over: it fails closed.
// An error says which of them is wrong and why; nothing is taken of any then.
func NewTrust(authorities, revoked, serials []byte) (*Trust, error) {
	t := &Trust{pool: x509.NewCertPool(), revoked: map[string]struct{}{}, serials: map[string]struct{}{}}
	if err := t.readAuthorities(authorities); err != nil {
		return nil, fmt.Errorf("read authorities: %w", err)
	}
	if err := t.readLists(revoked); err != nil {
		return nil, fmt.Errorf("read lists of revoked certificates: %w", err)
	}
	if err := t.readSerials(serials); err != nil {
		return nil, fmt.Errorf("read revoked serial numbers: %w", err)
	}
	return t, nil
}

// Pool returns the authorities, for a TLS configuration to name to clients.
func (t *Trust) Pool() *x509.CertPool { return t.pool.Clone() }

// Strange returns the issuers of lists that are of none of the authorities. Such a list revokes what its issuer has
// issued below one of them; of one that has issued nothing there it was mistaken.
func (t *Trust) Strange() []string { return slices.Clone(t.strange) }

// blocks splits PEM, of which nothing may be of another type: a file that holds a private key is another
// one than was meant.
func blocks(text []byte, of string) ([][]byte, error) {
	var out [][]byte
	begun := bytes.Count(text, []byte("-----BEGIN"))
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != of {
			return nil, fmt.Errorf("block %d is a %s, want %s", len(out)+1, node.Cut(block.Type), of)
		}
		out = append(out, block.Bytes)
	}
	// The library passes by what it cannot read, and with it what is revoked.
	if len(out) == 0 || len(out) != begun {
		return nil, fmt.Errorf("%d of %d blocks can be read as PEM, want one or more, all of them %s", len(out), begun, of)
	}
	return out, nil
}

func (t *Trust) readAuthorities(text []byte) error {
	if len(text) > maxAuthorityBytes {
		return fmt.Errorf("there are %d bytes, want at most %d", len(text), maxAuthorityBytes)
	}
	list, err := blocks(text, "CERTIFICATE")
	if err != nil {
		return err
	}
	if len(list) > maxAuthorities {
		return fmt.Errorf("there are %d certificates, want at most %d", len(list), maxAuthorities)
	}
	for i, der := range list {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return fmt.Errorf("certificate %d: %w", i+1, err)
		}
		if !c.IsCA {
			return fmt.Errorf("certificate %d (%s) is not one of an authority: it would certify itself", i+1, node.Cut(c.Subject.String()))
		}
		t.authorities = append(t.authorities, c)
		t.pool.AddCert(c)
	}
	return nil
}

func (t *Trust) readLists(text []byte) error {
	if len(text) > MaxBytes {
		return fmt.Errorf("there are %d bytes, want at most %d", len(text), MaxBytes)
	}
	if len(text) == 0 {
		return nil
	}
	list := [][]byte{text}
	if bytes.Contains(text, []byte("-----BEGIN")) {
		var err error
		if list, err = blocks(text, "X509 CRL"); err != nil {
			return err
		}
	}
	return t.readAll(list)
}

// readAll takes lists. One of an authority that is here has its signature, else there is another one that has it: so
// an authority that is taken out goes at once, whether or not its list goes with it and its successor has its name.
// Any other list cannot be checked and counts all the same, as it can only take away: of an intermediate that clients
// bring it revokes what that issued.
func (t *Trust) readAll(lists [][]byte) error {
	signed, unsigned := map[string]bool{}, map[string]int{}
	for i, der := range lists {
		l, err := x509.ParseRevocationList(der)
		if err != nil {
			return fmt.Errorf("list %d: %w", i+1, err)
		}
		issuers := [][]byte{l.RawIssuer}
		for _, a := range t.signers(l) {
			signed[string(a.RawSubject)] = true
			issuers = append(issuers, a.RawSubject)
		}
		if len(issuers) == 1 {
			t.strange = append(t.strange, node.Cut(l.Issuer.String()))
			unsigned[string(l.RawIssuer)] = i
		}
		if err := t.readList(l, issuers); err != nil {
			return fmt.Errorf("list %d: %w", i+1, err)
		}
	}
	for issuer, i := range unsigned {
		if t.named([]byte(issuer)) && !signed[issuer] {
			return fmt.Errorf("list %d: it says that it is of one of the authorities, whose signature it does not have, and no other list is of that one", i+1)
		}
	}
	return nil
}

// readList takes what a list revokes.
func (t *Trust) readList(l *x509.RevocationList, issuers [][]byte) error {
	// Where the list covers only some certificates it is still right about those that it names.
	distributionPoint := asn1.ObjectIdentifier{2, 5, 29, 28}
	for _, e := range l.Extensions {
		if e.Critical && !e.Id.Equal(distributionPoint) {
			return fmt.Errorf("it has the critical extension %s, which is not known: want a whole list", e.Id)
		}
	}
	for _, entry := range l.RevokedCertificateEntries {
		for _, e := range entry.Extensions {
			if e.Critical {
				return fmt.Errorf("serial %x has the critical extension %s, which is not known: want a list of the authority's own certificates", entry.SerialNumber, e.Id)
			}
		}
		for _, issuer := range issuers {
			t.revoked[issued(issuer, entry.SerialNumber)] = struct{}{}
		}
	}
	return nil
}

// signers returns the authorities whose list it is, also where it has their name in another encoding.
func (t *Trust) signers(l *x509.RevocationList) []*x509.Certificate {
	var out []*x509.Certificate
	for _, a := range t.authorities {
		of := len(a.SubjectKeyId) > 0 && bytes.Equal(a.SubjectKeyId, l.AuthorityKeyId)
		if (of || bytes.Equal(a.RawSubject, l.RawIssuer)) && l.CheckSignatureFrom(a) == nil {
			out = append(out, a)
		}
	}
	return out
}

// named reports whether an authority has a name.
func (t *Trust) named(rawSubject []byte) bool {
	return slices.ContainsFunc(t.authorities, func(a *x509.Certificate) bool { return bytes.Equal(a.RawSubject, rawSubject) })
}

func (t *Trust) readSerials(text []byte) error {
	if len(text) > MaxBytes {
		return fmt.Errorf("there are %d bytes, want at most %d", len(text), MaxBytes)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		serial, err := serialOf(line)
		if err != nil {
			return fmt.Errorf("line %d: %q %w", n, node.Cut(line), err)
		}
		t.serials[serial.Text(16)] = struct{}{}
	}
	return nil
}

// serialOf reads a number as openssl prints it, with or without colons.
func serialOf(text string) (*big.Int, error) {
	digits := strings.ReplaceAll(text, ":", "")
	if len(digits) > maxSerialDigits || strings.Trim(strings.ToLower(digits), "0123456789abcdef") != "" {
		return nil, errors.New("is not a serial number, want hexadecimal digits")
	}
	serial, ok := new(big.Int).SetString(digits, 16)
	if !ok {
		return nil, errors.New("is not a serial number, want hexadecimal digits")
	}
	return serial, nil
}

func (t *Trust) isRevoked(c *x509.Certificate) bool {
	_, listed := t.revoked[issued(c.RawIssuer, c.SerialNumber)]
	_, named := t.serials[c.SerialNumber.Text(16)]
	return listed || named
}

// issued is the key of a certificate: its issuer, which is DER and so ends where it says, and its number.
func issued(rawIssuer []byte, serial *big.Int) string { return string(rawIssuer) + serial.Text(16) }
