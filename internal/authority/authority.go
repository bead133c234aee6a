// Package authority is a small certificate authority for gateways and their control plane, in a folder.
//
// The folder holds the authority's certificate and key, a record of each certificate that it has issued, the
// list of the revoked ones, the mapping of the gateways, and the pairs where no other place was named. One process
// at a time changes it. Every file is replaced as a whole, in an order that leaves the folder usable wherever
// a crash cuts it: the same command again brings it to its end.
package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// The files of the folder.
const (
	certificateName = "ca.crt"
	keyName         = "ca.key"
	crlName         = "crl.pem"
	mappingName     = "gateways.yaml"
	recordsName     = "issued"
	serverName      = "server"
	gatewaysName    = "gateways"
)

// How long certificates are valid.
const (
	// DefaultValid is for those of gateways and servers.
	DefaultValid = 30 * 24 * time.Hour
	ownYears     = 10
	// early is how much earlier than now a certificate begins, for clocks that are behind.
	early = 5 * time.Minute
)

// Options say where the authority is and how it works. Zero stands for the default.
type Options struct {
	Dir string
	// Valid is how long what is issued is valid; never longer than the authority itself.
	Valid time.Duration
	// LockWait bounds the wait for another process that changes the folder. 10 s by default.
	LockWait time.Duration
	// Now tells the time; the clock's by default.
	Now func() time.Time
}

func (o Options) complete() Options {
	if o.Valid <= 0 {
		o.Valid = DefaultValid
	}
	if o.LockWait <= 0 {
		o.LockWait = 10 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Authority is one that is open for changes. It is not safe for concurrent use.
type Authority struct {
	options     Options
	files       files
	lock        *os.File
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	domain      spiffeid.TrustDomain
	records     []Record
}

// Open opens an authority for changes and keeps others from changing it until Close.
func Open(ctx context.Context, o Options) (*Authority, error) {
	if !exists(filepath.Join(o.Dir, certificateName)) && !exists(filepath.Join(o.Dir, keyName)) {
		return nil, missing(o.Dir)
	}
	return open(ctx, o, files{})
}

func missing(dir string) error {
	return fmt.Errorf("there is no authority in %s; `portreeve ca init` makes one", dir)
}

func open(ctx context.Context, o Options, f files) (*Authority, error) {
	a, err := locked(ctx, o, f)
	if err != nil {
		return nil, err
	}
	if err := a.load(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// locked takes the lock of the folder, and removes what a crash has left.
func locked(ctx context.Context, o Options, f files) (*Authority, error) {
	o = o.complete()
	lock, err := lockFolder(ctx, o.Dir, o.LockWait)
	if err != nil {
		return nil, err
	}
	a := &Authority{options: o, files: f, lock: lock}
	if err := f.sweep(o.Dir, a.path(recordsName)); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// Close lets others change the folder.
func (a *Authority) Close() error { return a.lock.Close() }

// TrustDomain returns the trust domain of the gateways.
func (a *Authority) TrustDomain() string { return a.domain.Name() }

// NotAfter returns when the authority ends, and with it everything that it has issued.
func (a *Authority) NotAfter() time.Time { return a.certificate.NotAfter }

// Path returns the path of a file of the folder.
func (a *Authority) path(name string) string { return filepath.Join(a.options.Dir, name) }

// load reads the authority and brings the list of revoked certificates up to its records, which a crash
// may have kept from it.
func (a *Authority) load() error {
	if err := a.loadOwn(); err != nil {
		return err
	}
	records, err := readRecords(a.path(recordsName))
	if err != nil {
		return err
	}
	a.records = records
	if a.crlComplete() {
		return nil
	}
	return a.writeCRL()
}

// loadOwn reads the certificate and the key, and refuses half an authority.
func (a *Authority) loadOwn() error {
	crt, err := a.present(certificateName)
	if err != nil {
		return err
	}
	key, err := a.present(keyName)
	switch {
	case err != nil:
		return err
	case crt == nil && key == nil:
		return missing(a.options.Dir)
	case key == nil:
		return fmt.Errorf("%s is missing, so that %s can issue nothing: bring it back from a copy; without one, move %s away and begin again with `portreeve ca init` (what was issued goes on until it ends, and is replaced by then)",
			a.path(keyName), a.options.Dir, a.options.Dir)
	case crt == nil:
		return fmt.Errorf("%s is missing: bring it back from a copy, such as %s", a.path(certificateName), a.path(filepath.Join(serverName, certificateName)))
	}
	if a.certificate, a.domain, err = ownCertificate(crt); err != nil {
		return fmt.Errorf("%s: %w", a.path(certificateName), err)
	}
	if a.key, err = parseKey(key); err != nil {
		return fmt.Errorf("%s: %w", a.path(keyName), err)
	}
	if err := secret(a.path(keyName)); err != nil {
		return err
	}
	if !a.key.PublicKey.Equal(a.certificate.PublicKey) {
		return fmt.Errorf("%s is not the key of %s: bring back the one that is", a.path(keyName), a.path(certificateName))
	}
	return nil
}

// secret says why the key of the authority is not its own any more: who has it can be every gateway.
func secret(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	const others = 0o077
	if mode := info.Mode().Perm(); mode&others != 0 {
		return fmt.Errorf("%s has the mode %04o, so others may have read it: `chmod 600` it, and make a new authority where they may not be every gateway", path, mode)
	}
	return nil
}

// present reads a file of the folder; nil where it is not there.
func (a *Authority) present(name string) ([]byte, error) {
	content, err := readFile(a.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return content, err
}
