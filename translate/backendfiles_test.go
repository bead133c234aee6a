package translate_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// backendFiles makes the files of certificates that the cases name, and returns what puts
// their real paths in place of those. Envoy refuses a cluster whose file is not there.
func backendFiles(t *testing.T) *strings.Replacer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature, SubjectKeyId: []byte{1},
	}
	certificate, e1 := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	private, e2 := x509.MarshalPKCS8PrivateKey(key)
	revoked, e3 := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), NextUpdate: time.Now().Add(time.Hour)}, template, key)
	if err := errors.Join(err, e1, e2, e3); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var paths []string
	for name, block := range map[string]*pem.Block{
		"/etc/ca.pem":  {Type: "CERTIFICATE", Bytes: certificate},
		"/etc/tls.crt": {Type: "CERTIFICATE", Bytes: certificate},
		"/etc/tls.key": {Type: "PRIVATE KEY", Bytes: private},
		"/etc/ca.crl":  {Type: "X509 CRL", Bytes: revoked},
	} {
		path := filepath.Join(dir, filepath.Base(name))
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, `"`+name+`"`, `"`+path+`"`)
	}
	// Logs are written to a directory that is there.
	return strings.NewReplacer(append(paths, `"/var/log/envoy/`, `"`+dir+`/`)...)
}
