package server

import (
	"slices"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/xds/rollout"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// TestASecretWithoutFilesIsNotTriedAgain holds that a refused secret whose content can have no other
// form is left alone, and so is one that is gone: Envoy would take the same content unread, and it
// would pass for accepted.
func TestASecretWithoutFilesIsNotTriedAgain(t *testing.T) {
	ads := &corev3.ConfigSource{ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}}}
	context := &tlsv3.CommonTlsContext{}
	var r envoy.Resources
	for name, source := range map[string]*corev3.DataSource{
		"file":   {Specifier: &corev3.DataSource_Filename{Filename: "/etc/tls.key"}},
		"inline": {Specifier: &corev3.DataSource_InlineString{InlineString: "key"}},
	} {
		context.TlsCertificateSdsSecretConfigs = append(context.TlsCertificateSdsSecretConfigs, &tlsv3.SdsSecretConfig{Name: name, SdsConfig: ads})
		r.Secrets = append(r.Secrets, &tlsv3.Secret{Name: name, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{PrivateKey: source}}})
	}
	r.Listeners = []*listenerv3.Listener{{Name: "l", FilterChains: []*listenerv3.FilterChain{{TransportSocket: &corev3.TransportSocket{
		Name: "tls", ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: match.Any(&tlsv3.DownstreamTlsContext{CommonTlsContext: context})},
	}}}}}
	s, err := snapshot.New(r)
	if err != nil {
		t.Fatal(err)
	}
	retry := secretRetry{slashes: map[string]int{}, refused: map[string]struct{}{"file": {}, "inline": {}, "gone": {}}}
	retry.due(rollout.Of(s, nil).Part(resourcev3.SecretType))
	if !slices.Equal(retry.names, []string{"file"}) || len(retry.refused) != 0 {
		t.Errorf("%v are sent again, and %v wait", retry.names, retry.refused)
	}
}
