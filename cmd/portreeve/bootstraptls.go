package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
		if old, err := os.ReadFile(f.Path); err == nil && bytes.Equal(old, content.Bytes()) {
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
	if end := certificate.NotAfter; time.Now().After(end) {
		fmt.Fprintf(notes, "note: %s has expired on %s; `portreeve ca renew` makes a new one\n", path, end.Format(time.RFC3339))
	}
	want := fmt.Sprintf("/ns/%s/gateway/%s", b.namespace, b.options.Name)
	if len(certificate.URIs) == 1 && certificate.URIs[0].Path != want {
		fmt.Fprintf(notes, "note: %s is of %s, and this gateway is %s in namespace %s: without a mapping that allows it the control plane refuses it\n",
			path, certificate.URIs[0], b.options.Name, b.namespace)
	}
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
