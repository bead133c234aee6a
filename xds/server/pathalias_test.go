package server_test

import (
	"path"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// filed returns a snapshot of a secret that is a file, and of more of that file.
func filed(t *testing.T, file string, more ...string) *snapshot.Snapshot {
	t.Helper()
	ads := &corev3.ConfigSource{ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}}}
	context := &tlsv3.CommonTlsContext{}
	var r envoy.Resources
	for _, name := range append([]string{"a"}, more...) {
		context.TlsCertificateSdsSecretConfigs = append(context.TlsCertificateSdsSecretConfigs, &tlsv3.SdsSecretConfig{Name: name, SdsConfig: ads})
		r.Secrets = append(r.Secrets, &tlsv3.Secret{Name: name, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
			PrivateKey: &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: file}},
		}}})
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

// A gateway that was here before would accept, unread, a secret that it has refused: each time
// that it returns the path is written in another way, and what it says of it is told as it was.
func TestAGatewayThatReturnsReadsFilesAnew(t *testing.T) {
	const file = "/etc/tls.key"
	n, g := envoyNode(t, "edge")
	r := start(t, map[string]*snapshot.Snapshot{g.Key: filed(t, file)})
	written := map[string]bool{}
	for i := range 4 {
		c, ok := r.dial(ack.Delta, n).(*deltaClient)
		if !ok {
			t.Fatal("no delta client")
		}
		if i > 0 {
			c.initial = map[string]map[string]string{cds: {"some": "1"}}
		}
		c.ask(cds)
		c.accept(c.next())
		c.ask(sds, "a")
		got, err := c.stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		var secret tlsv3.Secret
		if err := got.GetResources()[0].GetResource().UnmarshalTo(&secret); err != nil {
			t.Fatal(err)
		}
		as := secret.GetTlsCertificate().GetPrivateKey().GetFilename()
		if written[as] || path.Clean(as) != file || i == 0 && as != file {
			t.Errorf("time %d: it is written %s, after %v", i, as, written)
		}
		written[as] = true
		if version := got.GetResources()[0].GetVersion(); version != filed(t, file).GetVersionMap(sds)["a"] {
			t.Errorf("version %s", version)
		}
		c.refuse(response{url: sds, nonce: got.GetNonce()}, "cannot read "+as)
		if said := r.await(ack.ResponseRefused, sds).Refusal.Message; strings.TrimPrefix(said, "cannot read ") != file {
			t.Errorf("told: %s", said)
		}
		c.end()
	}
}
