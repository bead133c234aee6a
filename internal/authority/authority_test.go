package authority_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/internal/authority"
)

// scene is an authority in a folder, at a time that the test moves.
type scene struct {
	dir string
	now time.Time
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{filepath.Join(t.TempDir(), "ca"), time.Now().Truncate(time.Second)}
	s.init(t)
	return s
}

func (s *scene) options() authority.Options {
	return authority.Options{Dir: s.dir, Now: func() time.Time { return s.now }, LockWait: 5 * time.Second}
}

func (s *scene) init(t *testing.T) authority.Made {
	t.Helper()
	a, made, err := authority.Init(t.Context(), s.options(), authority.InitOptions{})
	must(t, err)
	must(t, a.Close())
	return made
}

// with opens the authority for one action.
func (s *scene) with(t *testing.T, action func(*authority.Authority) error) error {
	t.Helper()
	a, err := authority.Open(t.Context(), s.options())
	if err != nil {
		return err
	}
	defer a.Close()
	return action(a)
}

func (s *scene) issue(t *testing.T, name string) authority.Issued {
	t.Helper()
	var out authority.Issued
	must(t, s.with(t, func(a *authority.Authority) (err error) {
		out, err = a.IssueGateway(gateway(name), authority.Target{})
		return err
	}))
	return out
}

func (s *scene) renew(t *testing.T, which authority.Selection) []authority.Issued {
	t.Helper()
	var out []authority.Issued
	must(t, s.with(t, func(a *authority.Authority) (err error) {
		out, err = a.Renew(which)
		return err
	}))
	return out
}

func (s *scene) revoke(t *testing.T, which authority.Selection) authority.Revoked {
	t.Helper()
	var out authority.Revoked
	must(t, s.with(t, func(a *authority.Authority) (err error) {
		out, err = a.Revoke(which)
		return err
	}))
	return out
}

func (s *scene) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(s.dir, name))
	must(t, err)
	return string(content)
}

func (s *scene) parse(t *testing.T, name string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(s.read(t, name)))
	if block == nil {
		t.Fatalf("%s has no PEM", name)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	must(t, err)
	return c
}

// revoked returns the serial numbers of the list, which the authority must have signed.
func (s *scene) revoked(t *testing.T) []string {
	t.Helper()
	block, _ := pem.Decode([]byte(s.read(t, "crl.pem")))
	if block == nil {
		t.Fatal("crl.pem has no PEM")
	}
	list, err := x509.ParseRevocationList(block.Bytes)
	must(t, err)
	must(t, list.CheckSignatureFrom(s.parse(t, "ca.crt")))
	if !list.NextUpdate.After(s.now.Add(365 * 24 * time.Hour)) {
		t.Errorf("the list goes stale on %v", list.NextUpdate)
	}
	var out []string
	for _, e := range list.RevokedCertificateEntries {
		out = append(out, e.SerialNumber.Text(16))
	}
	slices.Sort(out)
	return out
}

// principals returns those of the mapping, but the one that is nobody's.
func (s *scene) principals(t *testing.T) []string {
	t.Helper()
	var out []string
	d := yaml.NewDecoder(strings.NewReader(s.read(t, "gateways.yaml")))
	for {
		var object struct {
			Spec struct{ Principals []string }
		}
		if err := d.Decode(&object); err != nil {
			return out
		}
		if !slices.Contains(object.Spec.Principals, "spiffe://cluster.local/nobody") {
			out = append(out, object.Spec.Principals...)
		}
	}
}

func gateway(name string) authority.Gateway {
	return authority.Gateway{Namespace: "edge", Name: name, Labels: map[string]string{"istio": "ingressgateway"}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// verify verifies a certificate as who trusts the authority does.
func (s *scene) verify(t *testing.T, c *x509.Certificate, use x509.ExtKeyUsage) error {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(s.parse(t, "ca.crt"))
	_, err := c.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: s.now, KeyUsages: []x509.ExtKeyUsage{use}})
	return err
}

// TestACertificateIsForOneUseOnly holds that a gateway's never passes for the control plane, nor the reverse.
func TestACertificateIsForOneUseOnly(t *testing.T) {
	s := newScene(t)
	s.issue(t, "edge-1")
	g, server := s.parse(t, "gateways/edge/edge-1/tls.crt"), s.parse(t, "server/tls.crt")
	must(t, s.verify(t, g, x509.ExtKeyUsageClientAuth))
	must(t, s.verify(t, server, x509.ExtKeyUsageServerAuth))
	if s.verify(t, g, x509.ExtKeyUsageServerAuth) == nil || s.verify(t, server, x509.ExtKeyUsageClientAuth) == nil {
		t.Error("a certificate passes for another use")
	}
	if len(g.URIs) != 1 || g.URIs[0].String() != "spiffe://cluster.local/ns/edge/gateway/edge-1" || len(g.DNSNames)+len(g.IPAddresses)+len(g.EmailAddresses) > 0 {
		t.Errorf("the gateway's names: %v %v %v", g.URIs, g.DNSNames, g.IPAddresses)
	}
	if len(server.URIs) > 0 || !slices.Equal(server.DNSNames, []string{"localhost"}) || len(server.IPAddresses) != 2 {
		t.Errorf("the server's names: %v %v %v", server.URIs, server.DNSNames, server.IPAddresses)
	}
	if days := g.NotAfter.Sub(s.now); days != 30*24*time.Hour {
		t.Errorf("valid for %v", days)
	}
	_, err := tls.LoadX509KeyPair(filepath.Join(s.dir, "gateways/edge/edge-1/tls.crt"), filepath.Join(s.dir, "gateways/edge/edge-1/tls.key"))
	must(t, err)
}

// TestTheAuthorityIsConstrained holds that it signs for its own trust domain only, and that nobody below it signs.
func TestTheAuthorityIsConstrained(t *testing.T) {
	s := newScene(t)
	ca := s.parse(t, "ca.crt")
	if !ca.IsCA || ca.MaxPathLen != 0 || !ca.MaxPathLenZero || ca.KeyUsage != x509.KeyUsageCertSign|x509.KeyUsageCRLSign {
		t.Errorf("the authority: %+v", ca)
	}
	if !slices.Equal(ca.PermittedURIDomains, []string{"cluster.local"}) || !ca.PermittedDNSDomainsCritical || ca.NotAfter.Before(s.now.AddDate(9, 11, 0)) {
		t.Errorf("its constraints: %v, critical %v, until %v", ca.PermittedURIDomains, ca.PermittedDNSDomainsCritical, ca.NotAfter)
	}
	must(t, s.verify(t, s.signed(t, "spiffe://cluster.local/ns/a/gateway/b"), x509.ExtKeyUsageClientAuth))
	if s.verify(t, s.signed(t, "spiffe://other.example/ns/a/gateway/b"), x509.ExtKeyUsageClientAuth) == nil {
		t.Error("a certificate of another trust domain passes")
	}
}

func TestFilesAreForTheirUsersOnly(t *testing.T) {
	s := newScene(t)
	s.issue(t, "edge-1")
	for name, want := range map[string]os.FileMode{
		"": 0o700, "ca.key": 0o600, "crl.pem": 0o600, "gateways.yaml": 0o600, "issued": 0o700,
		"server/tls.key": 0o600, "gateways/edge/edge-1": 0o700, "gateways/edge/edge-1/tls.key": 0o600, "gateways/edge/edge-1/..data/": 0o700,
	} {
		info, err := os.Stat(filepath.Join(s.dir, name))
		must(t, err)
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%q has mode %o, want %o", name, got, want)
		}
	}
}

// TestAGroupReadsAllButTheKey holds for a control plane of another user.
func TestAGroupReadsAllButTheKey(t *testing.T) {
	s := &scene{filepath.Join(t.TempDir(), "ca"), time.Now()}
	owner, err := authority.ParseOwner(":" + big.NewInt(int64(os.Getgid())).String())
	must(t, err)
	a, _, err := authority.Init(t.Context(), s.options(), authority.InitOptions{Owner: owner})
	must(t, err)
	must(t, a.Close())
	s.issue(t, "edge-1")
	s.renew(t, authority.Selection{Servers: true})
	for name, want := range map[string]os.FileMode{"": 0o750, "ca.key": 0o600, "ca.crt": 0o640, "crl.pem": 0o640, "gateways.yaml": 0o640, "server": 0o750, "server/tls.key": 0o640, "gateways/edge/edge-1/tls.key": 0o600} {
		info, err := os.Stat(filepath.Join(s.dir, name))
		must(t, err)
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%q has mode %o, want %o", name, got, want)
		}
	}
}

// TestNamesStayInTheFolder holds that what is no name of a gateway becomes no path.
func TestNamesStayInTheFolder(t *testing.T) {
	s := newScene(t)
	for _, g := range []authority.Gateway{
		{Namespace: "edge", Name: ".."}, {Namespace: "edge", Name: "../x"}, {Namespace: "edge", Name: "a/b"}, {Namespace: "edge", Name: "a\nb"}, {Namespace: "edge", Name: ""},
		{Namespace: "..", Name: "a"}, {Namespace: "a/b", Name: "a"}, {Namespace: "", Name: "a"}, {Namespace: "a.b", Name: "a"}, {Namespace: "edge", Name: "a%2fb"}, {Namespace: "edge", Name: "a..b"},
		{Namespace: "edge", Name: strings.Repeat("a", 254)}, {Namespace: "edge", Name: "a", Labels: map[string]string{"a b": "c"}}, {Namespace: "edge", Name: "a", Labels: map[string]string{"a": "b\nc"}},
	} {
		err := s.with(t, func(a *authority.Authority) error {
			_, err := a.IssueGateway(g, authority.Target{})
			return err
		})
		if err == nil {
			t.Errorf("%+v was issued a certificate", g)
		}
	}
	if l, err := authority.List(s.options()); err != nil || len(l.Certificates) != 1 {
		t.Errorf("issued: %+v, %v, want the server's only", l.Certificates, err)
	}
	for _, domain := range []string{"10.0.0.1", "a_b", "A", "a..b", strings.Repeat("a", 254)} {
		if _, _, err := authority.Init(t.Context(), authority.Options{Dir: filepath.Join(t.TempDir(), "ca")}, authority.InitOptions{TrustDomain: domain}); err == nil {
			t.Errorf("the trust domain %q is taken", domain)
		}
	}
}
