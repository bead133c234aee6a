package bootstrap

import (
	"cmp"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

// TLS is mutual TLS with the control plane, from files of a directory that change when certificates are
// renewed: tls.crt and tls.key of the gateway, ca.crt with the authorities of the control plane, and beside
// them the files of SecretFiles.
type TLS struct {
	// Dir is absolute, and the same for Envoy.
	Dir string
	// ServerName is the DNS name or IP address that the certificate of every control plane must have; empty: of each the
	// host of its address, and localhost for a Unix socket.
	ServerName string
}

// socket returns what encrypts the connection to a control plane of this name.
func (t *TLS) socket(name string) *corev3.TransportSocket {
	context := &tlsv3.UpstreamTlsContext{
		CommonTlsContext: &tlsv3.CommonTlsContext{
			// Without a maximum Envoy offers TLS 1.2 at most.
			TlsParams: &tlsv3.TlsParameters{
				TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_3, TlsMaximumProtocolVersion: tlsv3.TlsParameters_TLSv1_3,
			},
			AlpnProtocols:                  []string{"h2"},
			TlsCertificateSdsSecretConfigs: []*tlsv3.SdsSecretConfig{{Name: certificateSecret, SdsConfig: t.source(certificateFile)}},
			ValidationContextType: &tlsv3.CommonTlsContext_CombinedValidationContext{
				CombinedValidationContext: &tlsv3.CommonTlsContext_CombinedCertificateValidationContext{
					// The authority issues the certificates of gateways too, so its name alone proves nothing: without
					// this any gateway could pass for the control plane.
					DefaultValidationContext: &tlsv3.CertificateValidationContext{
						MatchTypedSubjectAltNames: []*tlsv3.SubjectAltNameMatcher{named(name)},
					},
					ValidationContextSdsSecretConfig: &tlsv3.SdsSecretConfig{Name: authoritySecret, SdsConfig: t.source(authorityFile)},
				},
			},
		},
	}
	if _, err := netip.ParseAddr(name); err != nil {
		context.Sni = name // which is never an address
	}
	return &corev3.TransportSocket{
		Name: "envoy.transport_sockets.tls", ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: match.Any(context)},
	}
}

// name returns the name that the control plane's certificate must have.
func (t *TLS) name(at Address) (string, error) {
	name := cmp.Or(t.ServerName, at.host, "localhost")
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.WithZone("").String(), nil // as Envoy writes those of certificates
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "" || len(name) > 253 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		return "", fmt.Errorf("the name %q of the control plane is neither a DNS name nor an IP address", name)
	}
	return name, nil
}

// named matches certificates of exactly this name.
func named(name string) *tlsv3.SubjectAltNameMatcher {
	kind := tlsv3.SubjectAltNameMatcher_DNS
	if _, err := netip.ParseAddr(name); err == nil {
		kind = tlsv3.SubjectAltNameMatcher_IP_ADDRESS
	}
	return &tlsv3.SubjectAltNameMatcher{SanType: kind, Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: name}}}
}

// source is a file of secrets. Envoy takes it up anew whenever something is moved into the directory.
func (t *TLS) source(file string) *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ConfigSourceSpecifier: &corev3.ConfigSource_PathConfigSource{PathConfigSource: &corev3.PathConfigSource{
			Path: filepath.Join(t.Dir, file), WatchedDirectory: t.watched(),
		}},
		ResourceApiVersion: corev3.ApiVersion_V3,
	}
}

func (t *TLS) watched() *corev3.WatchedDirectory { return &corev3.WatchedDirectory{Path: t.Dir} }
