package sink

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/portreeve/portreeve/internal/disk"
)

// The bounds of files that the file of --audit-sinks names.
const (
	maxSecretBytes = 64 << 10
	maxPEMBytes    = 1 << 20
	maxKeys        = 8
	minKeyBytes    = 16
	maxHeaders     = 32
	// filePatience is how long the disk may take for one of them.
	filePatience = 5 * time.Second
)

func readFile(path string, most int64) ([]byte, error) {
	read, err := disk.New(disk.Options{Timeout: filePatience}).Read(path, most)
	if err != nil {
		return nil, err
	}
	return read.Bytes, nil
}

// lines returns the lines of a file of secrets that are neither empty nor, with # in front, for people. No error of it shows one.
func lines(path string) ([]string, error) {
	content, err := readFile(path, maxSecretBytes)
	if err != nil {
		return nil, err
	}
	var out []string
	for s := bufio.NewScanner(bytes.NewReader(content)); s.Scan(); {
		if line := strings.TrimSpace(s.Text()); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: it is empty", path)
	}
	return out, nil
}

// signingKeys reads the keys of a file, one a line. Without a file there are none.
func signingKeys(path string) ([][]byte, error) {
	if path == "" {
		return nil, nil
	}
	all, err := lines(path)
	if err != nil {
		return nil, err
	}
	if len(all) > maxKeys {
		return nil, fmt.Errorf("%s: it has %d keys, want at most %d", path, len(all), maxKeys)
	}
	var keys [][]byte
	for i, line := range all {
		if len(line) < minKeyBytes {
			return nil, fmt.Errorf("%s: key %d is shorter than %d bytes", path, i+1, minKeyBytes)
		}
		keys = append(keys, []byte(line))
	}
	return keys, nil
}

// headers reads a file of headers, "Name: value" a line. Without a file there are none.
func headers(path string) (map[string]string, error) {
	out := map[string]string{}
	if path == "" {
		return out, nil
	}
	all, err := lines(path)
	if err != nil {
		return nil, err
	}
	if len(all) > maxHeaders {
		return nil, fmt.Errorf("%s: it has %d headers, want at most %d", path, len(all), maxHeaders)
	}
	for i, line := range all {
		name, value, found := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !found || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, fmt.Errorf("%s: line %d of those that count is not a header, Name: value", path, i+1)
		}
		out[http.CanonicalHeaderKey(name)] = value
	}
	return out, nil
}

// config returns what a client trusts and shows. It never skips a check of the receiver's certificate.
func (f TLSFiles) config() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.CAFile != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			return nil, fmt.Errorf("read the system's roots: %w", err)
		}
		content, err := readFile(f.CAFile, maxPEMBytes)
		if err != nil {
			return nil, err
		}
		if !pool.AppendCertsFromPEM(content) {
			return nil, fmt.Errorf("%s: it has no certificate in PEM", f.CAFile)
		}
		c.RootCAs = pool
	}
	if f.CertFile == "" {
		return c, nil
	}
	certificate, err1 := readFile(f.CertFile, maxPEMBytes)
	key, err2 := readFile(f.KeyFile, maxPEMBytes)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", f.CertFile, f.KeyFile, err)
	}
	c.Certificates = []tls.Certificate{pair}
	return c, nil
}
