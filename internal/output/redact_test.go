package output

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

func inline(text string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: text}}
}

func inlineBytes(text string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: []byte(text)}}
}

// deep packs a filter as policy is packed: in a chain, in a connection manager, in a listener.
func deep(filter proto.Message) proto.Message {
	inner := &hcmv3.HttpConnectionManager{HttpFilters: []*hcmv3.HttpFilter{{Name: "inner", ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: match.Any(filter)}}}}
	outer := &hcmv3.HttpConnectionManager{HttpFilters: []*hcmv3.HttpFilter{{Name: "outer", ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: match.Any(inner)}}}}
	return &corev3.TypedExtensionConfig{Name: "policy", TypedConfig: match.Any(&listenerv3.Filter{
		Name: "filter", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: match.Any(outer)},
	})}
}

// TestRedacted holds that no kind of secret is shown, however deep it stands, and that what is
// public is shown as it is.
func TestRedacted(t *testing.T) {
	const symmetric = `{"keys":[{"kty":"oct","k":"hush"}]}`
	set := func(d *corev3.DataSource) proto.Message {
		return deep(&jwtauthnv3.JwtAuthentication{Providers: map[string]*jwtauthnv3.JwtProvider{"a": {Issuer: "seen", JwksSourceSpecifier: &jwtauthnv3.JwtProvider_LocalJwks{LocalJwks: d}}}})
	}
	secret := func(s *tlsv3.Secret) proto.Message { s.Name = "seen"; return s }
	certificate := &tlsv3.TlsCertificate{
		CertificateChain: inline("seen"), PrivateKey: inlineBytes("hush"), Password: inline("hush"), Pkcs12: inlineBytes("hush"), OcspStaple: inline("seen"),
		PrivateKeyProvider: &tlsv3.PrivateKeyProvider{ProviderName: "seen", ConfigType: &tlsv3.PrivateKeyProvider_TypedConfig{TypedConfig: match.Any(&corev3.Node{Id: "hush"})}},
	}
	header := &corev3.HeaderValue{Key: "x-seen", Value: "hush", RawValue: []byte("hush")}
	for name, m := range map[string]proto.Message{
		"a key set":         set(inline(symmetric)),
		"in bytes":          set(inlineBytes(symmetric)),
		"broken":            set(inline(`{"keys":[{"kty":"oct","k":"hush"`)),
		"private":           set(inline(`{"keys":[{"kty":"EC","d":"hush"}]}`)),
		"an address":        deep(&corev3.HttpUri{Uri: "https://user:hush@seen/keys?code=hush"}),
		"certificate":       secret(&tlsv3.Secret{Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: certificate}}),
		"in a listener":     deep(&tlsv3.CommonTlsContext{TlsCertificates: []*tlsv3.TlsCertificate{certificate}}),
		"tickets":           deep(&tlsv3.DownstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{AlpnProtocols: []string{"seen"}}, SessionTicketKeysType: &tlsv3.DownstreamTlsContext_SessionTicketKeys{SessionTicketKeys: &tlsv3.TlsSessionTicketKeys{Keys: []*corev3.DataSource{inline("hush")}}}}),
		"secret of tickets": secret(&tlsv3.Secret{Type: &tlsv3.Secret_SessionTicketKeys{SessionTicketKeys: &tlsv3.TlsSessionTicketKeys{Keys: []*corev3.DataSource{inline("hush")}}}}),
		"generic secret":    secret(&tlsv3.Secret{Type: &tlsv3.Secret_GenericSecret{GenericSecret: &tlsv3.GenericSecret{Secret: inline("hush")}}}),
		"to an authorizer":  deep(&extauthzv3.AuthorizationRequest{HeadersToAdd: []*corev3.HeaderValue{header}}),
		"to a gRPC server":  deep(&corev3.GrpcService{InitialMetadata: []*corev3.HeaderValue{header}}),
		"to a backend":      deep(&routev3.Route{RequestHeadersToAdd: []*corev3.HeaderValueOption{{Header: &corev3.HeaderValue{Key: "X-Api-Key", Value: "hush"}}, {Header: &corev3.HeaderValue{Key: "x", Value: "seen"}}}}),
		"of a gRPC client":  deep(&corev3.GrpcService{TargetSpecifier: &corev3.GrpcService_GoogleGrpc_{GoogleGrpc: &corev3.GrpcService_GoogleGrpc{StatPrefix: "seen", CallCredentials: []*corev3.GrpcService_GoogleGrpc_CallCredentials{{CredentialSpecifier: &corev3.GrpcService_GoogleGrpc_CallCredentials_AccessToken{AccessToken: "hush"}}}}}}),
		"another source":    deep(&corev3.AsyncDataSource{Specifier: &corev3.AsyncDataSource_Local{Local: inline("hush seen")}}),
		"not linked in":     deep(&anypb.Any{TypeUrl: "type.googleapis.com/seen.Unknown", Value: []byte("hush")}),
	} {
		t.Run(name, func(t *testing.T) {
			before := proto.Clone(m)
			shown, withheld := Redacted(m)
			raw, err := proto.Marshal(shown)
			if err != nil {
				t.Fatal(err)
			}
			text, err := protojson.Marshal(shown)
			if (err != nil) != (name == "not linked in") {
				t.Fatal(err)
			}
			if strings.Contains(string(raw), "hush") || strings.Contains(string(text), "hush") || strings.Contains(string(text), "aHVza") || !withheld {
				t.Errorf("it shows %s (withheld: %v)", text, withheld)
			}
			if name != "another source" && name != "not linked in" && !strings.Contains(string(text), "seen") && !strings.Contains(string(raw), "policy") {
				t.Errorf("nothing is left: %s", text)
			}
			if !proto.Equal(before, m) {
				t.Error("the message given was changed")
			}
			if _, again := Redacted(shown); again && name != "not linked in" {
				if twice, _ := Redacted(shown); !proto.Equal(twice, shown) {
					t.Errorf("a second time it is %s", twice)
				}
			}
		})
	}
}

// TestNothingSecretIsLeftAsItIs holds that what has no secret is the same, byte by byte.
func TestNothingSecretIsLeftAsItIs(t *testing.T) {
	for name, m := range map[string]proto.Message{
		"public keys":   deep(&jwtauthnv3.JwtProvider{JwksSourceSpecifier: &jwtauthnv3.JwtProvider_LocalJwks{LocalJwks: inline(`{ "keys": [ {"kty":"EC"} ] }`)}}),
		"authority":     &tlsv3.Secret{Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{TrustedCa: inline("ca"), Crl: inline("crl")}}},
		"files":         &tlsv3.Secret{Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{PrivateKey: &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: "/key"}}}}},
		"direct answer": deep(&routev3.DirectResponseAction{Body: inline("hello")}),
	} {
		shown, withheld := Redacted(m)
		before, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		after, err := proto.MarshalOptions{Deterministic: true}.Marshal(shown)
		if err != nil {
			t.Fatal(err)
		}
		if withheld || string(before) != string(after) {
			t.Errorf("%s: it is %s", name, shown)
		}
	}
}
