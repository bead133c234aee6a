package authority

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// pair is what a place holds, as PEM.
type pair struct{ certificate, key, authority []byte }

// data is the link by which a whole pair is replaced at once, as Kubernetes does: the names that people use are
// links through it.
const data = "..data"

func pairNames() []string { return []string{"tls.crt", "tls.key", certificateName} }

// freeFor says why a directory cannot take a pair: it has files of these names that were not made here.
func freeFor(dir string) error {
	for _, name := range pairNames() {
		target, err := os.Readlink(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) || err == nil && target == filepath.Join(data, name) {
			continue
		}
		return fmt.Errorf("%s is there and is not from `portreeve ca`: move it away, or name another directory", filepath.Join(dir, name))
	}
	return nil
}

// inPlace returns the certificate of a place, where it has one whose key is beside it.
func inPlace(dir string) (*x509.Certificate, bool) {
	crt, err := readFile(filepath.Join(dir, "tls.crt"))
	if err != nil {
		return nil, false
	}
	key, err := readFile(filepath.Join(dir, "tls.key"))
	if err != nil {
		return nil, false
	}
	both, err := tls.X509KeyPair(crt, key)
	if err != nil {
		return nil, false
	}
	return both.Leaf, true
}

// hasAuthority reports whether a place has this authority.
func (a *Authority) hasAuthority(dir string) bool {
	content, err := readFile(filepath.Join(dir, certificateName))
	return err == nil && bytes.Equal(content, certificatePEM(a.certificate.Raw))
}

// put replaces the pair of a directory as a whole: who reads through the names finds the one before or this.
//
// Everything goes through the opened directory: it may be somebody else's who could lead other ways out of it.
func (f files) put(dir string, p pair, owner Owner, now time.Time) error {
	root, err := openPlace(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	version := ".." + now.UTC().Format("2006_01_02_15_04_05.") + rand.Text()[:10]
	w := pairWriter{f, root, owner}
	if err := w.version(version, p); err != nil {
		return fmt.Errorf("write a pair into %s: %w", dir, err)
	}
	if err := w.swap(version); err != nil {
		return fmt.Errorf("replace the pair in %s: %w", dir, err)
	}
	return w.clean(version)
}

// pairWriter writes a pair below a directory.
type pairWriter struct {
	files
	root  *os.Root
	owner Owner
}

// version writes a directory with a pair that nothing refers to yet.
func (w pairWriter) version(name string, p pair) error {
	if err := w.do("make a version", func() error { return w.root.Mkdir(name, 0o700) }); err != nil {
		return err
	}
	version, err := w.root.OpenRoot(name)
	if err != nil {
		return err
	}
	defer version.Close()
	for i, content := range [][]byte{p.certificate, p.key, p.authority} {
		if err := w.file(version, pairNames()[i], content); err != nil {
			return err
		}
	}
	return w.do("open a version", func() error { return errors.Join(own(version, w.owner.directory()), syncRoot(version)) })
}

func (w pairWriter) file(version *os.Root, name string, content []byte) error {
	return w.do("write "+name, func() error {
		file, err := version.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = file.Write(content)
		return errors.Join(err, w.owner.give(file), file.Chmod(w.owner.file().mode), file.Sync(), file.Close())
	})
}

func syncRoot(root *os.Root) error {
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// swap makes a version the one that is read.
func (w pairWriter) swap(version string) error {
	for _, name := range pairNames() {
		if _, err := w.root.Lstat(name); err == nil {
			continue
		}
		if err := w.do("link "+name, func() error { return w.root.Symlink(filepath.Join(data, name), name) }); err != nil {
			return err
		}
	}
	link := newPrefix + rand.Text()
	if err := w.do("link the version", func() error { return w.root.Symlink(version, link) }); err != nil {
		return err
	}
	if err := w.do("swap", func() error { return w.root.Rename(link, data) }); err != nil {
		return err
	}
	return w.do("sync", func() error { return syncRoot(w.root) })
}

// clean removes the versions of before, and what was left of ones that never came to be.
func (w pairWriter) clean(version string) error {
	d, err := w.root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	all, err := d.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range all {
		old := strings.HasPrefix(name, "..2") && name != version || strings.HasPrefix(name, newPrefix)
		if !old {
			continue
		}
		if err := w.do("remove an old version", func() error { return w.root.RemoveAll(name) }); err != nil {
			return err
		}
	}
	return nil
}
