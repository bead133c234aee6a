package test

import (
	"context"
	"crypto/tls"
	"path/filepath"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// opens connects, without TLS where there is no configuration of it, and opens a stream that lives as long as the test.
func (p *plane) opens(t *testing.T, source byte, config *tls.Config, open form) (*caller, *asker) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	t.Cleanup(cancel)
	c := newCaller(t, p.xds, source, config)
	a, err := open(ctx, c)
	must(t, err)
	return c, a
}

// hears opens a stream as a gateway of the group, and reads until all secrets are heard.
func (g *guarded) hears(t *testing.T, source byte, certificate tls.Certificate, n *corev3.Node, open form) *asker {
	t.Helper()
	c, a := g.opens(t, source, g.shows(t, certificate), open)
	a.everything(n)
	must(t, a.until(func() bool { all, _ := c.heard(g.secrets...); return all }))
	return a
}

// ends holds that a stream ends with a reason.
func (a *asker) ends(t *testing.T, code codes.Code, says string) {
	t.Helper()
	if err := a.until(func() bool { return false }); status.Code(err) != code || !strings.Contains(err.Error(), says) {
		t.Errorf("the stream ended with %v, want %v and %q", err, code, says)
	}
}

// TestAStreamEndsWithItsRights takes the rights of open streams away in every way that there is: they end at once and say
// why, which is counted and logged once for each, and the gateway beside them, whose rights stay, notices nothing.
func TestAStreamEndsWithItsRights(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	theVerb(t, "ca", "issue", "gateway", "second", "--dir", g.ca)
	second := claiming("second", "istio-system", map[string]any{"istio": "ingressgateway"})
	g.mapped(t, 2)
	since := g.since(t)
	for source, c := range []struct {
		name         string
		certificate  tls.Certificate
		node         *corev3.Node
		change       func()
		kind, reason string
	}{
		{"a list revokes it", g.strangers.identify(t, 0x1001, rightID), ingress(), func() { g.strangers.revoke(t, byList, 0x1001) }, "revoked", "is revoked (serial 1001)"},
		{"its number is revoked", g.strangers.identify(t, 0x1002, rightID), ingress(), func() { replace(t, g.serials, "1002\n") }, "revoked", "is revoked (serial 1002)"},
		{"its mapping is taken away", g.of(t, "istio-system", "second"), second, func() { theVerb(t, "ca", "revoke", "second", "--dir", g.ca) }, "identity", "which may be second in namespace istio-system with no labels"},
		{"its authority is taken away", g.strangers.identify(t, 0x1003, rightID), ingress(), func() { replace(t, g.bundle, readFile(t, filepath.Join(g.ca, "ca.crt"))) }, "certificate", "is signed by none of the authorities"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var open []*asker
			for _, form := range forms() {
				open = append(open, g.hears(t, byte(10+source), c.certificate, c.node, form))
			}
			counted, lines := g.refusals(t)
			c.change()
			for _, a := range open {
				a.ends(t, codes.PermissionDenied, c.reason)
			}
			g.counts(t, counted, lines, len(open), c.kind, c.reason)
		})
	}
	g.undisturbed(t, since)
}

// TestAStreamKeepsItsNode holds that a gateway that was let in as itself cannot become another one.
func TestAStreamKeepsItsNode(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	theVerb(t, "ca", "issue", "gateway", "edge-1", "--namespace", "edge", "--dir", g.ca)
	edge := claiming("edge-1", "edge", map[string]any{"istio": "ingressgateway"})
	g.mapped(t, 2)
	since, source := g.since(t), byte(10)
	for name, form := range forms() {
		t.Run(name, func(t *testing.T) {
			source++
			c, a := g.opens(t, source, g.shows(t, g.of(t, "edge", "edge-1")), form)
			a.node = edge
			a.ask(resourcev3.ListenerType)
			a.ask(resourcev3.SecretType, "kubernetes://one")
			eventually(t, "it is served as what it is", func() bool {
				return len(g.streams(t, "spiffe://cluster.local/ns/edge/gateway/edge-1")) == 1
			})
			counted, lines := g.refusals(t)
			a.everything(ingress())
			a.ends(t, codes.InvalidArgument, "node changed")
			if _, some := c.heard(append(g.secrets, "BEGIN CERTIFICATE")...); some {
				t.Error("it heard what is another group's")
			}
			g.counts(t, counted, lines, 1, "node", "node changed")
		})
	}
	g.undisturbed(t, since)
}

// TestABrokenMappingChangesNoRights holds that the last good mapping stays in force: the right gateway is served on
// and let in again, and the others are not.
func TestABrokenMappingChangesNoRights(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	theVerb(t, "ca", "issue", "gateway", "edge-1", "--namespace", "edge", "--labels", "app=edge", "--dir", g.ca)
	g.mapped(t, 2)
	edge := intruder{
		g.shows(t, g.of(t, "edge", "edge-1")), claiming("edge-1", "istio-system", map[string]any{"istio": "ingressgateway"}),
		"identity", "which may be edge-1 in namespace edge with labels app=edge",
	}
	since := g.since(t)
	mapping := readFile(t, filepath.Join(g.ca, "gateways.yaml"))
	source := byte(10)
	for name, broken := range map[string]string{
		"no YAML":                          "{" + mapping,
		"an unknown grant":                 strings.Replace(mapping, "grant: EXACTLY", "grant: EVERYTHING", 1),
		"wider, beside one that is broken": strings.NewReplacer("namespace: edge\n  labels", "namespace: istio-system\n  labels", "app: edge", "istio: ingressgateway", "spiffe://cluster.local/nobody", "nobody").Replace(mapping),
		"twice":                            mapping + "---\n" + strings.SplitAfterN(mapping, "---\n", 2)[1],
		"nothing at all":                   "",
	} {
		t.Run(name, func(t *testing.T) {
			before, err := g.status(t)
			must(t, err)
			replace(t, filepath.Join(g.ca, "gateways.yaml"), broken)
			eventually(t, "it is read", func() bool {
				after, err := g.status(t)
				return err == nil && after.Latest.Seq > before.Latest.Seq && len(after.Diagnostics.Errors()) > 0
			})
			for _, form := range forms() {
				source++
				g.hears(t, source, g.of(t, "istio-system", "gateway"), ingress(), form)
				g.refuses(t, edge, source, form)
			}
		})
	}
	g.undisturbed(t, since)
}
