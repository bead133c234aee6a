package test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestThereIsNoOtherWayToASecret asks in ways that are not a stream of ADS, with the certificate that would be right: no
// method answers once, none serves one type alone, and REST is not spoken. Each is counted and logged once.
func TestThereIsNoOtherWayToASecret(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	since, right := g.since(t), g.of(t, "istio-system", "gateway")
	for source, method := range []string{
		"discovery.v3.AggregatedDiscoveryService/FetchAggregatedResources",
		"secret.v3.SecretDiscoveryService/FetchSecrets", "secret.v3.SecretDiscoveryService/StreamSecrets", "secret.v3.SecretDiscoveryService/DeltaSecrets",
		"listener.v3.ListenerDiscoveryService/FetchListeners", "extension.v3.ExtensionConfigDiscoveryService/FetchExtensionConfigs",
	} {
		t.Run(method, func(t *testing.T) {
			counted, lines := g.refusals(t)
			c := newCaller(t, g.xds, byte(10+source), g.shows(t, right))
			ctx, cancel := context.WithTimeout(t.Context(), bound)
			defer cancel()
			var out discoveryv3.DiscoveryResponse
			err := c.conn.Invoke(ctx, "/envoy.service."+method, &discoveryv3.DiscoveryRequest{Node: ingress(), TypeUrl: resourcev3.SecretType, ResourceNames: []string{"kubernetes://one"}}, &out)
			if _, some := c.heard(g.secrets...); some || status.Code(err) != codes.Unimplemented {
				t.Errorf("it is told %v", err)
			}
			g.counts(t, counted, lines, 1, "demand", "/envoy.service."+method+" is not served")
		})
	}
	for name, protocols := range map[string][]string{"REST": {"http/1.1"}, "REST, without ALPN": nil, "REST, in the name of HTTP/2": {"h2"}} {
		t.Run(name, func(t *testing.T) {
			counted, lines := g.refusals(t)
			config := g.shows(t, right)
			config.NextProtos = protocols
			if answer := rest(t, g.xds, config); strings.Contains(answer, "type.googleapis.com") || strings.Contains(answer, "HTTP/1.1 200") {
				t.Errorf("it hears %q", answer)
			}
			reason := "ALPN h2"
			if name == "REST, in the name of HTTP/2" {
				reason = "the peer does not speak HTTP/2"
			}
			g.counts(t, counted, lines, 1, "handshake", reason)
		})
	}
	g.undisturbed(t, since)
}

// rest asks for secrets over HTTP/1.1 and returns all that comes until the connection is closed.
func rest(t *testing.T, address string, config *tls.Config) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	c, err := tapped(ctx, address, 9, config)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = c.Close() }()
	must(t, c.SetDeadline(time.Now().Add(bound)))
	body := `{"node": {"id": "` + ingress().GetId() + `"}, "type_url": "` + resourcev3.SecretType + `", "resource_names": ["kubernetes://one"]}`
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/v3/discovery:secrets", strings.NewReader(body))
	must(t, err)
	_ = r.Write(c) // it may be closed already
	answer, err := io.ReadAll(bufio.NewReader(c))
	if timeout, ok := err.(interface{ Timeout() bool }); ok && timeout.Timeout() {
		t.Error("neither an answer nor the end of the connection")
	}
	return string(answer)
}

// TestNoSessionIsResumed holds that a client that keeps sessions is asked for its certificate at each connection, so that one
// that was revoked in between is refused.
func TestNoSessionIsResumed(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	since := g.since(t)
	config := g.shows(t, g.strangers.identify(t, 0x2001, rightID))
	sessions := &sessionCount{ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	config.ClientSessionCache = sessions
	for name, form := range forms() {
		for range 2 {
			c := newCaller(t, g.xds, 10, config)
			a, err := form(t.Context(), c)
			must(t, err)
			a.everything(ingress())
			must(t, a.until(func() bool { all, _ := c.heard(g.secrets...); return all }))
			if secure, ok := c.tap.Conn.(*tls.Conn); !ok || secure.ConnectionState().DidResume || sessions.kept != 0 {
				t.Errorf("%s: it resumes a session, or could: %d tickets", name, sessions.kept)
			}
			must(t, c.conn.Close())
		}
	}
	open := g.hears(t, 11, g.strangers.identify(t, 0x2001, rightID), ingress(), askDelta)
	g.strangers.revoke(t, byList, 0x2001)
	open.ends(t, codes.PermissionDenied, "is revoked") // so the list is in force
	for _, form := range forms() {
		g.refuses(t, intruder{config, ingress(), "revoked", "is revoked (serial 2001)"}, 12, form)
	}
	g.undisturbed(t, since)
}

// sessionCount counts the sessions that a server gives.
type sessionCount struct {
	tls.ClientSessionCache
	kept int
}

// Put counts.
func (s *sessionCount) Put(key string, state *tls.ClientSessionState) {
	if state != nil {
		s.kept++
	}
	s.ClientSessionCache.Put(key, state)
}
