package test

import (
	"crypto/tls"
	"crypto/x509"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// quoted are the lines that docs/fleet.md quotes of one case: what stands for them in the log of the gateway, and in that of
// the control plane.
type quoted struct{ gateway, plane *regexp.Regexp }

// quotations reads the section about refusals, by the headings of its cases. In a line … stands for anything.
func quotations(t *testing.T) map[string]quoted {
	t.Helper()
	_, section, found := strings.Cut(readFile(t, "../docs/fleet.md"), "\n## When a gateway is refused\n")
	if !found {
		t.Fatal("docs/fleet.md has no section about refusals")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	out := map[string]quoted{}
	for _, part := range strings.Split(section, "\n### ")[1:] {
		heading, text, _ := strings.Cut(part, "\n")
		block := regexp.MustCompile("(?s)```text\ngateway +(.+?)\ncontrol plane +(.+?)\n```\n").FindStringSubmatch(text)
		if block == nil {
			t.Fatalf("%s: there is no block that quotes both sides", heading)
		}
		out[heading] = quoted{pattern(block[1]), pattern(block[2])}
	}
	return out
}

// pattern is a line that is quoted, as an expression.
func pattern(line string) *regexp.Regexp {
	return regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*"))
}

// refusals is where gateways are refused.
type refusals struct {
	fleet
	strangers tlsFiles
	policies  string
}

// tlsFlags are those of a plane with mutual TLS.
func (r *refusals) tlsFlags(t *testing.T) []string {
	t.Helper()
	bundle := filepath.Join(t.TempDir(), "bundle.pem")
	write(t, bundle, readFile(t, filepath.Join(r.ca, "ca.crt"))+r.strangers.pem())
	return []string{
		"--xds-tls-cert", filepath.Join(r.ca, "server", "tls.crt"), "--xds-tls-key", filepath.Join(r.ca, "server", "tls.key"),
		"--xds-client-ca", bundle, "--xds-client-crl", r.strangers.crl, "--gateways", filepath.Join(r.ca, "gateways.yaml"),
	}
}

// holding makes a directory of a gateway that holds another certificate, or trusts another authority.
func (r *refusals) holding(t *testing.T, pair tls.Certificate, trusted string) string {
	t.Helper()
	dir := t.TempDir()
	certificate, key := pems(t, pair)
	swap(t, dir, map[string]string{"tls.crt": certificate, "tls.key": key, "ca.crt": trusted})
	return dir
}

// refusalCase is a control plane and a gateway that it refuses.
type refusalCase struct {
	plane *plane
	flags []string
}

// cases are all that are quoted, by their headings.
func (r *refusals) cases(t *testing.T) map[string]refusalCase {
	t.Helper()
	secure := func(flags ...string) refusalCase {
		return refusalCase{startPlane(t, r.policies, r.tlsFlags(t)...), flags}
	}
	own, a := readFile(t, filepath.Join(r.ca, "ca.crt")), r.strangers.authority
	shown := func(pair tls.Certificate) refusalCase { return secure("--tls-dir", r.holding(t, pair, own)) }
	broken := filepath.Join(t.TempDir(), "gateways.yaml")
	write(t, broken, strings.Replace(readFile(t, filepath.Join(r.ca, "gateways.yaml")), "grant", "grants", 1))
	keys := newPolicyDir(t, map[string]string{"routing.yaml": routing(envoytest.FreePort(t), 1), "policy.yaml": symmetricPolicy})
	return map[string]refusalCase{
		"It speaks plain text, and TLS is asked for":   secure(),
		"Another authority has signed its certificate": shown(newAuthority(t).identified(t, rightID)),
		"Its certificate has expired": shown(a.make(t, &x509.Certificate{
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(-time.Minute), URIs: uris(t, rightID), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})),
		"Its certificate is revoked":                 shown(a.identify(t, byList, rightID)),
		"Its trust domain is not listed":             shown(a.identified(t, "spiffe://elsewhere/ns/istio-system/gateway/gateway")),
		"It claims what its identity does not allow": secure("--tls-dir", r.pair, "--labels", "istio=other"),
		"It does not trust the control plane":        secure("--tls-dir", r.holding(t, r.of(t, "istio-system", "gateway"), newAuthority(t).pem())),
		"It knows the control plane by another name": secure("--tls-dir", r.holding(t, r.of(t, "istio-system", "gateway"), own), "--xds-server-name", "plane.example.com"),
		"No mapping is known yet":                    {startPlane(t, r.policies, append(r.tlsFlags(t), "--gateways", broken)...), []string{"--tls-dir", r.holding(t, r.of(t, "istio-system", "gateway"), own)}},
		"It proves nothing":                          {startPlane(t, r.policies, "--require-identity"), nil},
		"A key would be sent in plain text":          {newPlain(t, keys), nil},
	}
}

// TestRefusalsReadAsTheyAreQuoted refuses a real gateway in each way that docs/fleet.md tells of, and looks for what it quotes of
// both sides in their logs.
func TestRefusalsReadAsTheyAreQuoted(t *testing.T) {
	t.Parallel()
	if apart(t) {
		return
	}
	envoytest.Require(t)
	r := &refusals{fleet: newFleet(t), strangers: tlsFiles{authority: newAuthority(t), crl: filepath.Join(t.TempDir(), "crl.pem")}}
	r.policies = newPolicyDir(t, map[string]string{"guard.yaml": guardPolicy})
	r.strangers.revoke(t, byList)
	all, quotes := r.cases(t), quotations(t)
	gateways := map[string]*envoytest.Envoy{}
	for name, c := range all { // side by side: Envoy says some of it after seconds only
		gateways[name] = c.plane.startGateway(t, envoytest.Options{Until: envoytest.AdminOpen}, c.flags...)
	}
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			quote, ok := quotes[name]
			if !ok {
				t.Fatal("docs/fleet.md does not quote it")
			}
			delete(quotes, name)
			eventually(t, "both say what is quoted: "+quote.gateway.String(), func() bool {
				return quote.gateway.MatchString(gateways[name].Log()) && quote.plane.MatchString(c.plane.log.String())
			})
		})
	}
	for heading := range quotes {
		t.Errorf("docs/fleet.md quotes what is not tried: %s", heading)
	}
}
