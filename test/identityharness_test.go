package test

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// symmetric is a symmetric key of the policy of a guarded plane.
const symmetric = "YSBzZWNyZXQgb2YgYXQgbGVhc3QgMzIgYnl0ZXMsIHNoYXJlZA"

// symmetricPolicy makes gateways verify tokens with the symmetric key.
const symmetricPolicy = `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: symmetric, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwtRules:
  - issuer: symmetric@example.com
    jwks: '{"keys":[{"kty":"oct","kid":"s","alg":"HS256","k":"` + symmetric + `"}]}'
`

// The serial numbers of the certificates of strangers that are revoked from the start, by a list and by a file of numbers.
const byList, byNumber = 0x77, 0xab

// guarded is a control plane with mutual TLS that serves a private and a symmetric key to one group of gateways, and a
// gateway of this group under load.
type guarded struct {
	*plane
	fleet
	// strangers is another authority that is trusted, whose certificates may say anything.
	strangers tlsFiles
	// bundle has the authorities that are trusted, and serials the numbers that are revoked.
	bundle, serials string
	// secrets are what nobody but the group may ever hear.
	secrets []string
	gateway *envoytest.Envoy
	address string
	traffic *load
}

// newGuarded starts the control plane, and the right gateway.
func newGuarded(t *testing.T, flags ...string) *guarded {
	t.Helper()
	envoytest.Require(t)
	own := t.TempDir()
	g := &guarded{fleet: newFleet(t), strangers: tlsFiles{authority: newAuthority(t), crl: filepath.Join(own, "crl.pem")}, serials: filepath.Join(own, "serials")}
	g.strangers.revoke(t, byList)
	write(t, g.serials, fmt.Sprintf("%X\n", byNumber))
	g.bundle = filepath.Join(own, "bundle.pem")
	write(t, g.bundle, readFile(t, filepath.Join(g.ca, "ca.crt"))+g.strangers.pem())
	dir, port := g.policies(t)
	g.plane = startPlane(t, dir, append([]string{
		"--xds-tls-cert", filepath.Join(g.ca, "server", "tls.crt"), "--xds-tls-key", filepath.Join(g.ca, "server", "tls.key"),
		"--xds-client-ca", g.bundle, "--xds-client-crl", g.strangers.crl, "--xds-revoked-serials", g.serials, "--gateways", filepath.Join(g.ca, "gateways.yaml"),
	}, flags...)...)
	g.gateway = g.fleet.gateway(t, g.xds, envoytest.Live)
	g.address = g.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	g.traffic = startLoadOf(t, g.address, "/", 4, func(status int) bool { return status == 200 })
	return g
}

// policies writes what the group is served, with its keys, and returns the directory and the port in plain text.
func (g *guarded) policies(t *testing.T) (dir string, port int) {
	t.Helper()
	one := newAuthority(t).issue(t, "one.test")
	_, key := pems(t, one)
	for line := range strings.Lines(key) {
		if !strings.Contains(line, "-----") {
			g.secrets = append(g.secrets, strings.TrimSpace(line))
		}
	}
	g.secrets = append(g.secrets, symmetric)
	port = envoytest.FreePort(t)
	return newPolicyDir(t, map[string]string{
		"routing.yaml": secureRouting(envoytest.RunBackend(t).Port(), echo(t, "echo", nil),
			fmt.Sprintf("  - {port: {number: %d, name: http, protocol: HTTP}, bind: 127.0.0.1, hosts: ['*']}\n", port),
			server(envoytest.FreePort(t), "one", "HTTPS", "one.test", "mode: SIMPLE, credentialName: one")),
		"secrets.yaml": secretOf(t, "one", one), "policy.yaml": symmetricPolicy,
	}), port
}

// streams returns when the open streams of an identity began.
func (p *plane) streams(t *testing.T, identity string) (out []time.Time) {
	t.Helper()
	status, err := p.status(t)
	must(t, err)
	for _, gateway := range status.Gateways {
		if gateway.Identity == identity {
			out = append(out, gateway.Since)
		}
	}
	return out
}

// since returns when the stream of the right gateway began. There must be no other one of its identity.
func (g *guarded) since(t *testing.T) []time.Time {
	t.Helper()
	var out []time.Time
	eventually(t, "the right gateway has the only stream of its identity", func() bool {
		out = g.streams(t, rightID)
		return len(out) == 1
	})
	return out
}

// mapped waits until there are so many mappings in force, beside the one for nobody.
func (g *guarded) mapped(t *testing.T, count int) {
	t.Helper()
	eventually(t, "the mappings are in force", func() bool {
		status, err := g.status(t)
		return err == nil && status.Identities != nil && status.Identities.Count == count+1
	})
}

// rightID is the identity of the right gateway.
const rightID = "spiffe://cluster.local/ns/istio-system/gateway/gateway"

// undisturbed holds that the stream of the right gateway is the one that it was, and that no request was lost.
func (g *guarded) undisturbed(t *testing.T, since []time.Time) {
	t.Helper()
	if diff := cmp.Diff(since, g.since(t)); diff != "" {
		t.Errorf("the right gateway has another stream (-before +after):\n%s", diff)
	}
	g.traffic.stop()
	if len(g.traffic.lost) > 0 || g.traffic.requests == 0 {
		t.Errorf("%d of %d requests were lost: %v", len(g.traffic.lost), g.traffic.requests, g.traffic.lost[:min(1, len(g.traffic.lost))])
	}
	t.Logf("%d requests through the right gateway, 0 failed", g.traffic.requests)
}

// refusals returns how many refusals were counted, by reason, and the lines of the log about them.
func (p *plane) refusals(t testing.TB) (counted map[string]string, lines []string) {
	t.Helper()
	_, metrics := p.get("/metrics")
	counted = map[string]string{}
	for _, match := range regexp.MustCompile(`(?m)^portreeve_xds_refused_total\{reason="(\w+)"\} (\d+)$`).FindAllStringSubmatch(metrics, -1) {
		counted[match[1]] = match[2]
	}
	for line := range strings.Lines(p.log.String()) {
		if strings.Contains(line, `msg="gateway refused"`) {
			lines = append(lines, line)
		}
	}
	return counted, lines
}

// signer is the authority of the folder, by which anything can be signed.
func (f fleet) signer(t *testing.T) authority {
	t.Helper()
	crt, _ := pem.Decode([]byte(readFile(t, filepath.Join(f.ca, "ca.crt"))))
	certificate, err := x509.ParseCertificate(crt.Bytes)
	must(t, err)
	block, _ := pem.Decode([]byte(readFile(t, filepath.Join(f.ca, "ca.key"))))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	must(t, err)
	return authority{key: key.(*ecdsa.PrivateKey), certificate: certificate}
}

// shows is the TLS of a client that shows a certificate whatever authorities it is asked for, or none.
func (f fleet) shows(t *testing.T, own ...tls.Certificate) *tls.Config {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(f.signer(t).certificate)
	config := &tls.Config{RootCAs: roots, ServerName: "localhost", NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
	for _, c := range own {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }
	}
	return config
}

// identified makes a certificate of a gateway with SPIFFE IDs.
func (a authority) identified(t testing.TB, ids ...string) tls.Certificate {
	t.Helper()
	return a.make(t, &x509.Certificate{URIs: uris(t, ids...), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

func uris(t testing.TB, ids ...string) (out []*url.URL) {
	t.Helper()
	for _, id := range ids {
		uri, err := url.Parse(id)
		must(t, err)
		out = append(out, uri)
	}
	return out
}

// of loads the pair of a gateway.
func (f fleet) of(t *testing.T, namespace, name string) tls.Certificate {
	t.Helper()
	return f.load(t, filepath.Join(f.ca, "gateways", namespace, name))
}
