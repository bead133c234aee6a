package identity

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
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
	for i, der := range list {
		if err := t.readList(der); err != nil {
			return fmt.Errorf("list %d: %w", i+1, err)
		}
	}
	return nil
}

func (t *Trust) readList(der []byte) error {
	l, err := x509.ParseRevocationList(der)
	if err != nil {
		return err
	}
	if !t.maySay(l) {
		return fmt.Errorf("it says that it is of %s, whose signature it does not have", node.Cut(l.Issuer.String()))
	}
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
		t.revoked[issued(l.RawIssuer, entry.SerialNumber)] = struct{}{}
	}
	return nil
}

// maySay reports whether a list counts. One of an authority that is here has its signature. Any other one cannot be
// checked and counts all the same, as it can only take away: of an intermediate that clients bring it revokes
// what that issued, and an authority that is taken out goes at once, whether or not its list goes with it.
func (t *Trust) maySay(l *x509.RevocationList) bool {
	here := false
	for _, a := range t.authorities {
		if !bytes.Equal(a.RawSubject, l.RawIssuer) {
			continue
		}
		if l.CheckSignatureFrom(a) == nil {
			return true
		}
		here = true
	}
	return !here
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
