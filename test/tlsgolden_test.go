package test

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestEnvoyTakesTheGatewayCases has Envoy check what the compiler's cases about servers and
// TLS become, without opening a port.
func TestEnvoyTakesTheGatewayCases(t *testing.T) {
	binary := envoytest.Require(t)
	cases, err := filepath.Glob("../translate/testdata/gateway-*/in")
	must(t, err)
	if len(cases) < 3 {
		t.Fatalf("the cases are %v", cases)
	}
	// The paths on the gateway's machine lead to files that are there.
	files := t.TempDir()
	secrets := "../translate/testdata/gateway-tls/in/secrets/in-files/"
	for name, from := range map[string]string{"tls.crt": "tls.crt", "tls.key": "tls.key", "ecdsa.crt": "tls.crt", "ecdsa.key": "tls.key", "ca.crt": "ca.crt"} {
		write(t, filepath.Join(files, name), readFile(t, secrets+from))
	}
	manifests := readFile(t, "../translate/testdata/gateway-tls/in/secrets.yaml")
	rsa := manifests[strings.Index(manifests, "name: one-rsa"):]
	write(t, filepath.Join(files, "rsa.crt"), entry(t, rsa, "tls.crt"))
	write(t, filepath.Join(files, "rsa.key"), entry(t, rsa, "tls.key"))
	write(t, filepath.Join(files, "ca.crl"), entry(t, manifests, "crl"))
	for _, in := range cases {
		t.Run(filepath.Base(filepath.Dir(in)), func(t *testing.T) {
			flags := []string{"--with-secrets"}
			if _, err := os.Stat(filepath.Join(in, "secrets")); err == nil {
				flags = append(flags, "--secrets-dir", filepath.Join(in, "secrets"))
			}
			path := filepath.Join(t.TempDir(), "bootstrap.yaml")
			write(t, path, strings.ReplaceAll(static(t, in, flags...), "/etc/certs", files))
			var said bytes.Buffer
			c := exec.CommandContext(t.Context(), binary, "--mode", "validate", "--config-path", path, "--log-level", "warning")
			c.Stdout, c.Stderr = &said, &said
			if err := c.Run(); err != nil || strings.Contains(strings.ToLower(said.String()), "deprecated") {
				t.Errorf("%v: %s", err, &said)
			}
		})
	}
}

// entry returns the first value of a name in Secret manifests.
func entry(t *testing.T, manifests, name string) string {
	t.Helper()
	found := regexp.MustCompile(`\n  ` + regexp.QuoteMeta(name) + `: (\S+)\n`).FindStringSubmatch(manifests)
	if found == nil {
		t.Fatalf("no %s", name)
	}
	content, err := base64.StdEncoding.DecodeString(found[1])
	must(t, err)
	return string(content)
}

// TestCertificatesRotateInStateOfTheWorld serves and rotates certificates over the older form of
// ADS, in which a gateway asks for all its secrets at once.
func TestCertificatesRotateInStateOfTheWorld(t *testing.T) {
	a := newAuthority(t)
	two := a.issue(t, "two.test")
	s := newSecureScene(t, a, secretOf(t, "one", a.issue(t, "one.test"))+secretOf(t, "two", two, a.pem()), func(port int) []string {
		return []string{
			server(port, "one", "HTTPS", "one.test", "mode: SIMPLE, credentialName: one"),
			server(port, "two", "HTTPS", "two.test", "mode: OPTIONAL_MUTUAL, credentialName: two"),
		}
	})
	s.gateway.Stop()
	bootstrap := bytes.Replace(s.bootstrap(t), []byte("DELTA_GRPC"), []byte("GRPC"), 1)
	s.gateway = envoytest.Run(t, envoytest.Options{Bootstrap: bootstrap})
	s.gateway.MustListener(t, "127.0.0.1_"+s.address[strings.LastIndexByte(s.address, ':')+1:])
	for range 3 {
		next := a.issue(t, "one.test")
		replace(t, s.secrets, secretOf(t, "one", next)+secretOf(t, "two", two, a.pem()))
		eventually(t, "the new certificate is served", func() bool { return s.shownCertificate(t, "one.test") == string(next.Certificate[0]) })
		if got := s.shownCertificate(t, "two.test"); got != string(two.Certificate[0]) {
			t.Error("the other certificate is not served")
		}
	}
}
