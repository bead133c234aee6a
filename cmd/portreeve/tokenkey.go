package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

const (
	issuerKeyBits = 2048
	// maxIssuerKey bounds the file of a key.
	maxIssuerKey = 64 << 10
)

// issuerKey is the private key in a file, which is made where there is none, or a new one that is
// kept nowhere where no file is named. What is in a file that is no such key stays as it is, and is
// in no error.
func issuerKey(name string) (*rsa.PrivateKey, error) {
	if name == "" {
		return newIssuerKey()
	}
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return keepIssuerKey(name)
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxIssuerKey))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s: it holds no private key in PEM", name)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: it holds no private key in PKCS #8 (BEGIN PRIVATE KEY)", name)
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok || key.N.BitLen() < issuerKeyBits {
		return nil, fmt.Errorf("%s: its key is no RSA key of %d bits or more", name, issuerKeyBits)
	}
	return key, nil
}

func newIssuerKey() (*rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, issuerKeyBits)
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return key, nil
}

// keepIssuerKey makes a key and its file, which its user alone may read and which replaces nothing.
func keepIssuerKey(name string) (*rsa.PrivateKey, error) {
	key, err := newIssuerKey()
	if err != nil {
		return nil, err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("write key: %w", err)
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	err = pem.Encode(file, &pem.Block{Type: "PRIVATE KEY", Bytes: encoded})
	return key, errors.Join(err, file.Close())
}
