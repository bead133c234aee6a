package envoy_test

import (
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/resource"
)

func text(s string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: s}}
}

func file(s string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: s}}
}

// TestWhatHoldsAKey holds where keys are found, and what is none.
func TestWhatHoldsAKey(t *testing.T) {
	jwks := func(keys string) proto.Message {
		return &corev3.TypedExtensionConfig{Name: "policy", TypedConfig: match.Any(&jwtauthnv3.JwtAuthentication{Providers: map[string]*jwtauthnv3.JwtProvider{
			"p": {JwksSourceSpecifier: &jwtauthnv3.JwtProvider_LocalJwks{LocalJwks: text(keys)}},
		}})}
	}
	fetched := func(uri string) proto.Message {
		return &jwtauthnv3.JwtProvider{JwksSourceSpecifier: &jwtauthnv3.JwtProvider_RemoteJwks{RemoteJwks: &jwtauthnv3.RemoteJwks{HttpUri: &corev3.HttpUri{Uri: uri}}}}
	}
	pair := func(key *corev3.DataSource) *tlsv3.TlsCertificate {
		return &tlsv3.TlsCertificate{CertificateChain: text("chain"), PrivateKey: key}
	}
	secret := func(key *corev3.DataSource) proto.Message {
		return &tlsv3.Secret{Name: "s", Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: pair(key)}}
	}
	for name, tc := range map[string]struct {
		of   proto.Message
		want bool
	}{
		"a key":            {secret(text("key")), true},
		"a key in bytes":   {secret(&corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: []byte("key")}}), true},
		"a key in a file":  {secret(file("/etc/tls.key")), false},
		"a password":       {&tlsv3.Secret{Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{PrivateKey: file("/k"), Password: text("p")}}}, true},
		"a generic secret": {&tlsv3.Secret{Type: &tlsv3.Secret_GenericSecret{GenericSecret: &tlsv3.GenericSecret{Secret: text("x")}}}, true},
		"one in a file":    {&tlsv3.Secret{Type: &tlsv3.Secret_GenericSecret{GenericSecret: &tlsv3.GenericSecret{Secret: file("/x")}}}, false},
		"ticket keys":      {&tlsv3.Secret{Type: &tlsv3.Secret_SessionTicketKeys{SessionTicketKeys: &tlsv3.TlsSessionTicketKeys{Keys: []*corev3.DataSource{text("x")}}}}, true},
		"authorities":      {&tlsv3.Secret{Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{TrustedCa: text("ca")}}}, false},
		"a key in a listener": {&listenerv3.Listener{FilterChains: []*listenerv3.FilterChain{{TransportSocket: &corev3.TransportSocket{ConfigType: &corev3.TransportSocket_TypedConfig{
			TypedConfig: match.Any(&tlsv3.DownstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{TlsCertificates: []*tlsv3.TlsCertificate{pair(text("key"))}}}),
		}}}}}, true},
		"a symmetric key":            {jwks(`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`), true},
		"a public key":               {jwks(`{"keys":[{"kty":"EC","crv":"P-256","x":"eA","y":"eQ","kid":"a"}]}`), false},
		"a private one":              {jwks(`{"keys":[{"kty":"EC","crv":"P-256","x":"eA","y":"eQ","d":"ZA"}]}`), true},
		"no keys":                    {jwks(resource.ClosedKeys), false},
		"keys that nobody can read":  {jwks("hello"), true},
		"a password in a URI":        {fetched("https://user:pass@keys.example.com/jwks"), true},
		"a URI":                      {fetched("https://keys.example.com/jwks?p=policy"), false},
		"a URI that nobody can read": {fetched("https://keys.example.com/%zz"), true},
		"what is not known":          {&corev3.TypedExtensionConfig{TypedConfig: &anypb.Any{TypeUrl: "type.googleapis.com/not.Known"}}, true},
		"nothing":                    {&listenerv3.Listener{Name: "l"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := envoy.HoldsKey(tc.of); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
