package server_test

import (
	"fmt"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// secrets returns a snapshot of the secrets a, b, c and so on, each with a content.
func secrets(t *testing.T, contents ...int) *snapshot.Snapshot {
	t.Helper()
	ads := &corev3.ConfigSource{ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}}}
	context := &tlsv3.CommonTlsContext{}
	var r envoy.Resources
	for i, content := range contents {
		name := fmt.Sprintf("%c", 'a'+i)
		context.TlsCertificateSdsSecretConfigs = append(context.TlsCertificateSdsSecretConfigs, &tlsv3.SdsSecretConfig{Name: name, SdsConfig: ads})
		r.Secrets = append(r.Secrets, &tlsv3.Secret{Name: name, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{PrivateKey: inline(content)}}})
	}
	r.Listeners = []*listenerv3.Listener{{Name: "l", FilterChains: []*listenerv3.FilterChain{{TransportSocket: &corev3.TransportSocket{
		Name: "tls", ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: match.Any(&tlsv3.DownstreamTlsContext{CommonTlsContext: context})},
	}}}}}
	s, err := snapshot.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// expect takes the next response, which must have these names.
func expect(t *testing.T, c client, want ...string) response {
	t.Helper()
	r := c.next()
	if d := cmp.Diff(want, r.names); d != "" {
		t.Fatalf("names (-want +got):\n%s", d)
	}
	return r
}

// Of secrets that are refused together each is sent again alone, so that the bad one holds up no
// other, and is known for what it is. It is not sent again before it is another.
func TestRefusedSecretsAreSentAlone(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: secrets(t, 1, 1, 1)})
		c := r.dial(p, n)
		c.ask(sds, "a", "b", "c")
		c.refuse(expect(t, c, "a", "b", "c"), "something is wrong")
		c.accept(expect(t, c, "a"))
		c.refuse(expect(t, c, "b"), "something is wrong")
		c.accept(expect(t, c, "c"))
		for event := r.await(ack.ResponseAccepted, sds); event.Resources[0] != "c"; {
			event = r.await(ack.ResponseAccepted, sds)
		}
		got := r.typeOf(sds)
		for _, res := range got.Resources {
			if refused := res.Refused != ""; refused != (res.Name == "b") {
				t.Errorf("%s is refused: %v", res.Name, refused)
			}
		}
		if got.State != ack.Refused || len(got.Resources) != 3 {
			t.Errorf("recorded: %+v", got)
		}
		// Nothing more was due: what comes next is the next change.
		r.set(g.Key, secrets(t, 1, 2, 1))
		want := []string{"b"}
		if p == ack.SotW {
			want = []string{"a", "b", "c"}
		}
		resp := expect(t, c, want...)
		c.accept(resp)
		for r.await(ack.ResponseAccepted, sds).Version != resp.version {
		}
		if got := r.typeOf(sds); got.State != ack.Accepted {
			t.Errorf("recorded after the repair: %+v", got)
		}
	})
}

// A newer version takes the place of secrets that were still to be sent alone, or what is sent alone is of it.
func TestANewerVersionEndsSendingAlone(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: secrets(t, 1, 1)})
		c := r.dial(p, n)
		c.ask(sds, "a", "b")
		c.refuse(expect(t, c, "a", "b"), "something is wrong")
		resp := expect(t, c, "a")
		r.set(g.Key, secrets(t, 2, 2))
		c.accept(resp)
		if p == ack.Delta {
			c.accept(expect(t, c, "b"))
			c.accept(expect(t, c, "a"))
		} else {
			c.accept(expect(t, c, "a", "b"))
		}
		r.set(g.Key, secrets(t, 3, 3))
		c.accept(expect(t, c, "a", "b"))
	})
}

// A request for one secret more does not lose the one that was to be sent alone.
func TestOneSecretMoreMeanwhile(t *testing.T) {
	n, g := envoyNode(t, "edge")
	r := start(t, map[string]*snapshot.Snapshot{g.Key: secrets(t, 1, 1, 1)})
	c := r.dial(ack.Delta, n)
	c.ask(sds, "a", "b")
	c.refuse(expect(t, c, "a", "b"), "something is wrong")
	c.ask(sds, "c")
	seen := map[string]bool{}
	for len(seen) < 3 {
		resp := c.next()
		for _, name := range resp.names {
			seen[name] = true
		}
		c.accept(resp)
	}
}

// A gateway that has asked for some of the secrets so far, those of its clusters, is given them:
// it asks for the others, those of listeners, only when it has these.
func TestSecretsAreAskedForInParts(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: secrets(t, 1, 1, 1)})
		c := r.dial(p, n)
		c.ask(sds, "a", "b")
		c.accept(expect(t, c, "a", "b"))
		c.ask(sds, "c")
		all := []string{"c"}
		if p == ack.SotW {
			all = []string{"a", "b", "c"}
		}
		c.accept(expect(t, c, all...))
		r.set(g.Key, secrets(t, 2, 2, 2))
		c.accept(expect(t, c, "a", "b", "c"))
	})
}
