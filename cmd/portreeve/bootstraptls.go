package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/portreeve/portreeve/internal/output"
	"github.com/portreeve/portreeve/xds/bootstrap"
)

// tls takes up the directory of certificates, where one is given.
func (b *bootstrapping) tls() error {
	if b.tlsDir == "" {
		if b.serverName != "" {
			return errors.New("--xds-server-name is the name in the control plane's certificate, so it needs --tls-dir")
		}
		return nil
	}
	dir, err := filepath.Abs(b.tlsDir)
	if err != nil {
		return fmt.Errorf("--tls-dir: %w", err)
	}
	for _, name := range []string{"tls.crt", "tls.key", "ca.crt"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err == nil && !info.Mode().IsRegular() {
			err = errors.New("it is no file")
		}
		if err != nil {
			return fmt.Errorf("--tls-dir %s has no %s to read: %w; make one with `%s`, which says where it is", b.tlsDir, name, err, b.issueCommand())
		}
	}
	b.options.TLS = &bootstrap.TLS{Dir: dir, ServerName: b.serverName}
	return nil
}

// writeSecretFiles writes the files by which Envoy finds the certificates, where they are not there already.
func (b *bootstrapping) writeSecretFiles(notes io.Writer) error {
	b.noteCertificate(notes)
	for _, f := range b.options.TLS.SecretFiles() {
		var content bytes.Buffer
		if err := output.YAML(&content, output.Proto{Message: f.Content}); err != nil {
			return err
		}
		if holds(f.Path, content.Bytes()) {
			continue
		}
		if err := replaceFile(f.Path, content.Bytes()); err != nil {
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
		fmt.Fprintf(notes, "wrote %s, which Envoy reads\n", f.Path)
	}
	return nil
}

// noteCertificate says where the certificate is not one with which this gateway can be served. It is not
// refused: the control plane may have a mapping for it, or it is renewed before Envoy starts.
func (b *bootstrapping) noteCertificate(notes io.Writer) {
	path := filepath.Join(b.options.TLS.Dir, "tls.crt")
	content, err := os.ReadFile(path)
	block, _ := pem.Decode(content)
	if err != nil || block == nil {
		fmt.Fprintf(notes, "note: %s is no certificate in PEM\n", path)
		return
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		fmt.Fprintf(notes, "note: %s: %v\n", path, err)
		return
	}
	b.notePair(notes, certificate)
	if end := certificate.NotAfter; time.Now().After(end) {
		fmt.Fprintf(notes, "note: %s has expired on %s; `portreeve ca renew` makes a new one\n", path, end.Format(time.RFC3339))
	}
	want := fmt.Sprintf("/ns/%s/gateway/%s", b.namespace, b.options.Name)
	if len(certificate.URIs) == 1 && certificate.URIs[0].Path != want {
		fmt.Fprintf(notes, "note: %s is of %s, and this gateway is %s in namespace %s: without a mapping that allows it the control plane refuses it\n",
			path, certificate.URIs[0], b.options.Name, b.namespace)
	}
}

// notePair says where certificate and key are a pair that no control plane takes.
func (b *bootstrapping) notePair(notes io.Writer, certificate *x509.Certificate) {
	dir := b.options.TLS.Dir
	if _, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")); err != nil {
		fmt.Fprintf(notes, "note: tls.crt and tls.key in %s are no pair: %v\n", dir, err)
	}
	usage := certificate.ExtKeyUsage
	if len(usage) > 0 && !slices.Contains(usage, x509.ExtKeyUsageClientAuth) && !slices.Contains(usage, x509.ExtKeyUsageAny) {
		fmt.Fprintf(notes, "note: tls.crt in %s is not for clients (extended key usage clientAuth), so the control plane refuses it; make one with `%s`\n", dir, b.issueCommand())
	}
}

// holds reports whether a file has this content. It waits for nothing that stands in its place.
func holds(path string, content []byte) bool {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() != int64(len(content)) {
		return false
	}
	has, err := os.ReadFile(path)
	return err == nil && bytes.Equal(has, content)
}

// replaceFile writes a file that all may read whom its directory lets in; it names files and holds no
// secret. Nobody sees half of it.
func replaceFile(path string, content []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = file.Write(content)
	err = errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close())
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
