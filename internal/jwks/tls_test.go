package jwks_test

import (
	cryptotls "crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/jwks"
	"github.com/portreeve/portreeve/translate/model"
)

func prefixes(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

// TestTLS holds that a server is trusted by the CA file, that the keys stay when it is no
// longer trusted, and that nothing leads from https to http.
func TestTLS(t *testing.T) {
	i := newIssuer(t, tls)
	source := uri(i.URL + "/keys")
	i.serve("/keys", body(set(keyA)))
	o := often()
	o.StateDir = t.TempDir()
	trusting := o
	trusting.CAFile = i.caFile(t)
	f := run(t, trusting)
	f.Want(requests(source))
	f.await(t, model.Keys{source: set(keyA)})

	insecure := newIssuer(t, plain)
	insecure.serve("/keys", body(set(keyB)))
	i.serve("/keys", http.RedirectHandler(insecure.URL+"/keys", http.StatusFound).ServeHTTP)
	f.log.await(t, "from https to less")
	f.stop()

	i.serve("/keys", body(set(keyB)))
	f = run(t, o)
	f.Want(requests(source))
	f.log.await(t, "cannot be fetched")
	if got := f.only(t); got.State != jwks.Stale || !strings.Contains(got.Error, "certificate") || !strings.Contains(got.Error, "--jwks-ca-file") {
		t.Errorf("status %+v", got)
	}
	if f.Keys()[source] != set(keyA) {
		t.Errorf("keys %v", f.Keys())
	}
}

// TestOldTLS holds that a server without TLS 1.2 is refused.
func TestOldTLS(t *testing.T) {
	i := newIssuer(t, func(s *httptest.Server) {
		s.TLS = &cryptotls.Config{MinVersion: cryptotls.VersionTLS10, MaxVersion: cryptotls.VersionTLS11}
		s.StartTLS()
	})
	i.serve("/keys", body(set(keyA)))
	o := seldom()
	o.CAFile = i.caFile(t)
	f := run(t, o)
	f.Want(requests(uri(i.URL + "/keys")))
	if line := f.log.await(t, "cannot be fetched"); !strings.Contains(line, "protocol version") {
		t.Error(line)
	}
}

// TestNewRefuses holds that a mistake of the operator is told at the start.
func TestNewRefuses(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]jwks.Options{
		"no CA file":           {CAFile: "/absent"},
		"CA file without a CA": {CAFile: empty},
		"state dir in a file":  {StateDir: filepath.Join(empty, "state")},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := jwks.New(o); err == nil {
				t.Error("accepted")
			}
		})
	}
}
