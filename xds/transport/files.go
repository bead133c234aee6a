package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/portreeve/portreeve/xds/identity"
	"github.com/portreeve/portreeve/xds/reread"
)

// MaxFile is how large each file may be: no list that is good is too long to be read.
const MaxFile = identity.MaxBytes

// Files are the names of the files of TLS. Those of what is revoked may be empty.
type Files struct {
	// Certificate is that of the control plane, with what is between it and its authority; Key is its key.
	Certificate, Key string
	// Authorities are those of the certificates of gateways.
	Authorities string
	// Revoked is a list of revoked certificates (CRL), and Serials holds revoked serial numbers.
	Revoked, Serials string
}

// part are files that count together.
type part struct {
	reread.Files
	// certificates are those that are in force.
	certificates []*x509.Certificate
}

// pair is the certificate and the key of the control plane.
func (t *TLS) pair() *part {
	files := t.options.Files
	p := &part{Files: reread.Files{Names: []string{files.Certificate, files.Key}}}
	p.Take = func(contents [][]byte) error {
		certificate, err := tls.X509KeyPair(contents[0], contents[1])
		if err != nil {
			return err
		}
		if !forServers(certificate.Leaf) {
			return errors.New("the certificate is not one for servers (extended key usage serverAuth), gateways would refuse it")
		}
		t.certificate.Store(&certificate)
		p.certificates = []*x509.Certificate{certificate.Leaf}
		t.metrics.ends(files.Certificate, certificate.Leaf.NotAfter)
		return nil
	}
	return p
}

func forServers(c *x509.Certificate) bool {
	return len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0 ||
		slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) || slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// trust is what certificates of gateways are verified with.
func (t *TLS) trust() *part {
	files := t.options.Files
	p := &part{Files: reread.Files{Names: []string{files.Authorities, files.Revoked, files.Serials}}}
	p.Take = func(contents [][]byte) error {
		// A list is emptied by who writes it in place: taken for none, it would let everybody in again.
		if files.Revoked != "" && len(contents[1]) == 0 {
			return fmt.Errorf("%s is empty: want a list of revoked certificates, also where none is revoked", files.Revoked)
		}
		if files.Serials != "" && len(contents[2]) == 0 {
			return fmt.Errorf("%s is empty: want a serial number, or a line that begins with # where none is revoked", files.Serials)
		}
		trust, err := identity.NewTrust(contents[0], contents[1], contents[2])
		if err != nil {
			return err
		}
		if strange := trust.Strange(); len(strange) > 0 {
			t.options.Logger.Warn("lists of revoked certificates are of no authority of gateways: they count for what their issuers have issued, and cannot be checked",
				"file", files.Revoked, "lists", len(strange), "first", strange[0], "hint", "that is right of intermediates that gateways show; of others give the list of an authority in "+files.Authorities)
		}
		pool := trust.Pool()
		if pool == nil { // the library would take the authorities of the system
			return errors.New("there are no authorities")
		}
		// The judge first: a handshake in between is verified by both.
		t.options.Judge.SetTrust(trust)
		t.authorities.Store(pool)
		p.certificates = certificates(contents[0])
		t.metrics.ends(files.Authorities, firstEnd(p.certificates))
		return nil
	}
	return p
}

// firstEnd returns when the first of some authorities ends.
func firstEnd(authorities []*x509.Certificate) (first time.Time) {
	for _, c := range authorities {
		if first.IsZero() || c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	return first
}

// warnBefore is how long before its end the log speaks of the certificate of the control plane, once a day;
// of one that lives for a few days or hours, in the last third of its life.
const (
	day        = 24 * time.Hour
	warnBefore = 7 * day
)

// warned is of which certificate the log spoke last, and when.
type warned struct {
	of *tls.Certificate
	at time.Time
}

// warn tells of a certificate that soon ends: gateways would not connect any more.
func (t *TLS) warn(now time.Time) {
	certificate := t.certificate.Load()
	end := certificate.Leaf.NotAfter
	before := min(warnBefore, end.Sub(certificate.Leaf.NotBefore)/3)
	if end.Sub(now) > before || certificate == t.warned.of && now.Sub(t.warned.at) < day {
		return
	}
	t.warned = warned{certificate, now}
	t.options.Logger.Warn("the certificate of the control plane ends soon, or has ended: gateways that connect after its end refuse it", "file", t.options.Files.Certificate,
		"until", end.UTC().Format(time.RFC3339), "left", end.Sub(now).Round(time.Hour).String(), "hint", "put a new pair in its place (portreeve ca renew); it is read without a restart")
}

// report tells of files that were looked at.
func (t *TLS) report(p *part, l reread.Look) {
	if l.News {
		t.options.Changed(Change{Files: p.Present(), Changed: l.Changed, Err: l.Err, Certificates: p.certificates})
	}
	switch {
	case l.Err != nil:
		t.metrics.failures.Inc()
		if l.News {
			t.options.Logger.Error("cannot take what the files of TLS for gateways hold: what they held before stays in force", "error", l.Err,
				"hint", "put files in their place that fit each other, all of them by one rename; they are read again as soon as they change")
		}
	case l.News:
		t.options.Logger.Info("the files of TLS for gateways have changed, and what they hold is in force", "files", p.Present())
	}
}
