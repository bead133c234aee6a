package test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/google/go-cmp/cmp"
)

// intruder is a client that is not the gateway that it says it is.
type intruder struct {
	config *tls.Config
	node   *corev3.Node
	// kind is by what it is counted, and reason what the log says of it, once.
	kind, reason string
}

// intruders are those that reach the port, by what is wrong with them. Their authority may sign anything.
func (g *guarded) intruders(t *testing.T) map[string]intruder {
	t.Helper()
	theVerb(t, "ca", "issue", "gateway", "edge-1", "--namespace", "edge", "--labels", "app=edge", "--dir", g.ca)
	edge, right := g.of(t, "edge", "edge-1"), g.of(t, "istio-system", "gateway")
	a, stranger := g.strangers.authority, newAuthority(t)
	const other = "spiffe://cluster.local/ns/istio-system/gateway/other"
	expired := &x509.Certificate{
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(-time.Minute),
		URIs: uris(t, rightID), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	old := g.shows(t, right)
	old.MaxVersion = tls.VersionTLS12
	more := claiming("gateway", "istio-system", map[string]any{"istio": "ingressgateway", "app": "edge"})
	return map[string]intruder{
		"another gateway's identity":           {g.shows(t, edge), ingress(), "identity", "which may be edge-1 in namespace edge with labels app=edge"},
		"another's name":                       {g.shows(t, right), claiming("edge-1", "istio-system", map[string]any{"istio": "ingressgateway"}), "identity", "claims the name"},
		"the wrong namespace":                  {g.shows(t, a.identified(t, "spiffe://cluster.local/ns/edge/gateway/gateway")), ingress(), "identity", "claims namespace istio-system"},
		"too many labels":                      {g.shows(t, a.identified(t, other)), claiming("other", "istio-system", map[string]any{"istio": "ingressgateway"}), "identity", "claims labels istio=ingressgateway"},
		"a label beside its own":               {g.shows(t, right), more, "identity", "claims labels app=edge,istio=ingressgateway"},
		"the wrong trust domain":               {g.shows(t, a.identified(t, "spiffe://elsewhere/ns/istio-system/gateway/gateway")), ingress(), "certificate", "--xds-trust-domain"},
		"a trust domain that it may not sign":  {g.shows(t, g.signer(t).identified(t, "spiffe://elsewhere/ns/istio-system/gateway/gateway")), ingress(), "certificate", "is not permitted by any constraint"},
		"two identities":                       {g.shows(t, a.identified(t, rightID, other)), ingress(), "certificate", "2 URIs"},
		"no identity":                          {g.shows(t, a.identified(t)), ingress(), "certificate", "names no gateway"},
		"no certificate":                       {g.shows(t), ingress(), "handshake", "--tls-dir"},
		"no TLS":                               {nil, ingress(), "handshake", "does not speak TLS"},
		"an old TLS":                           {old, ingress(), "handshake", "TLS 1.3"},
		"another authority":                    {g.shows(t, stranger.identified(t, rightID)), ingress(), "certificate", "authorities in --xds-client-ca"},
		"an expired certificate":               {g.shows(t, a.make(t, expired)), ingress(), "certificate", "renew it"},
		"a certificate of a server":            {g.shows(t, g.load(t, filepath.Join(g.ca, "server"))), ingress(), "certificate", "clientAuth"},
		"a revoked certificate, by a CRL":      {g.shows(t, a.identify(t, byList, rightID)), ingress(), "revoked", "is revoked (serial 77)"},
		"a revoked certificate, by its number": {g.shows(t, a.identify(t, byNumber, rightID)), ingress(), "revoked", "is revoked (serial ab)"},
	}
}

// TestNobodyGetsWhatItsIdentityDoesNotAllow tries to be the right gateway in every way that there is, in both forms of the
// protocol: nothing of the group comes over the connection, the attempt is counted and logged once with its
// reason, and the right gateway notices nothing.
func TestNobodyGetsWhatItsIdentityDoesNotAllow(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	intruders, since := g.intruders(t), g.since(t)
	g.hearsEverything(t, ingress())
	g.mapped(t, 2)
	source := byte(10)
	for name, i := range intruders {
		for form, open := range forms() {
			source++
			t.Run(name+", "+form, func(t *testing.T) { g.refuses(t, i, source, open) })
		}
	}
	g.undisturbed(t, since)
}

// refuses holds that an intruder hears nothing, and is refused once.
func (g *guarded) refuses(t *testing.T, i intruder, source byte, open form) {
	t.Helper()
	counted, lines := g.refusals(t)
	c := newCaller(t, g.xds, source, i.config)
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	heard := func() bool {
		_, some := c.heard(append(g.secrets, "type.googleapis.com/")...)
		return some
	}
	a, err := open(ctx, c)
	if err == nil {
		a.everything(i.node)
		err = a.until(heard)
	}
	if heard() || ctx.Err() != nil {
		t.Fatalf("it heard something, or waits for ever: %v", err)
	}
	g.counts(t, counted, lines, 1, i.kind, i.reason)
	t.Logf("it is told %v", err)
}

// counts holds that so many refusals more were counted, and each logged once with its reason.
func (p *plane) counts(t *testing.T, counted map[string]string, lines []string, times int, kind, reason string) {
	t.Helper()
	n, err := strconv.Atoi(counted[kind])
	must(t, err)
	want := maps.Clone(counted)
	want[kind] = strconv.Itoa(n + times)
	var got map[string]string
	var logged []string
	eventually(t, "the refusal is counted and logged", func() bool {
		got, logged = p.refusals(t)
		return got[kind] == want[kind] && len(logged) >= len(lines)+times
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
	logged = logged[len(lines):]
	if len(logged) != times || strings.Count(strings.Join(logged, ""), reason) != times {
		t.Errorf("logged, want %d lines that say %q:\n%s", times, reason, strings.Join(logged, ""))
	}
}

// hearsEverything holds that the right gateway hears all the secrets in both forms, and so that whoever hears none was not sent any.
func (g *guarded) hearsEverything(t *testing.T, n *corev3.Node) {
	t.Helper()
	for name, open := range forms() {
		c := newCaller(t, g.xds, 2, g.shows(t, g.of(t, "istio-system", "gateway")))
		ctx, cancel := context.WithTimeout(t.Context(), bound)
		a, err := open(ctx, c)
		must(t, err)
		a.everything(n)
		if err := a.until(func() bool { all, _ := c.heard(g.secrets...); return all }); err != nil {
			t.Errorf("%s: the right gateway does not hear what is its own: %v", name, err)
		}
		cancel()
		must(t, c.conn.Close())
	}
}
