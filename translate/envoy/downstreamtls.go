package envoy

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	tlsinspectorv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/tls_inspector/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// handshakeTimeout is how long a client may take for TLS, as in Istio.
const handshakeTimeout = 15_000_000_000

// tlsInspector reads the name that a client asks for.
func tlsInspector() *listenerv3.ListenerFilter {
	return &listenerv3.ListenerFilter{
		Name:       "envoy.filters.listener.tls_inspector",
		ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: match.Any(&tlsinspectorv3.TlsInspector{})},
	}
}

// setTLS makes TLS end at a filter chain. Its certificates come by secret discovery, so
// replacing one changes no listener and closes no connection.
func setTLS(out *listenerv3.FilterChain, t *model.Termination, d delivery) {
	out.TransportSocketConnectTimeout = durationpb.New(handshakeTimeout)
	out.TransportSocket = &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: match.Any(downstreamTLS(t, d))},
	}
}

func downstreamTLS(t *model.Termination, d delivery) *tlsv3.DownstreamTlsContext {
	common := &tlsv3.CommonTlsContext{TlsParams: tlsParameters(t.Settings), AlpnProtocols: []string{"h2", "http/1.1"}}
	for _, name := range t.Certificates {
		common.TlsCertificateSdsSecretConfigs = append(common.TlsCertificateSdsSecretConfigs, secretConfig(name, d))
	}
	if t.Authorities != "" {
		common.ValidationContextType = &tlsv3.CommonTlsContext_CombinedValidationContext{
			CombinedValidationContext: &tlsv3.CommonTlsContext_CombinedCertificateValidationContext{
				DefaultValidationContext:         clientValidation(t.Settings),
				ValidationContextSdsSecretConfig: secretConfig(t.Authorities, d),
			},
		}
	}
	return &tlsv3.DownstreamTlsContext{
		CommonTlsContext: common,
		// Every mode but those that may do without one demands a certificate.
		RequireClientCertificate: wrapperspb.Bool(demandsCertificate(t.Settings.GetMode())),
	}
}

func demandsCertificate(mode networkingv1alpha3.ServerTLSSettings_TLSmode) bool {
	return mode != networkingv1alpha3.ServerTLSSettings_SIMPLE && mode != networkingv1alpha3.ServerTLSSettings_OPTIONAL_MUTUAL
}

// secretConfig asks for a secret on the gateway's stream, or takes it from the bootstrap.
func secretConfig(name string, d delivery) *tlsv3.SdsSecretConfig {
	if d.standalone {
		return &tlsv3.SdsSecretConfig{Name: name}
	}
	return &tlsv3.SdsSecretConfig{Name: name, SdsConfig: adsSource()}
}

// tlsParameters are nil where the settings leave everything to Envoy.
func tlsParameters(s *networkingv1alpha3.ServerTLSSettings) *tlsv3.TlsParameters {
	out := &tlsv3.TlsParameters{
		TlsMinimumProtocolVersion: tlsVersion(s.GetMinProtocolVersion()),
		TlsMaximumProtocolVersion: tlsVersion(s.GetMaxProtocolVersion()),
		CipherSuites:              resource.CipherSuites(s.GetCipherSuites()),
		EcdhCurves:                s.GetEcdhCurves(),
	}
	if out.TlsMinimumProtocolVersion == 0 && out.TlsMaximumProtocolVersion == 0 && len(out.CipherSuites)+len(out.EcdhCurves) == 0 {
		return nil
	}
	return out
}

// tlsVersion mirrors the version. What is not known is Envoy's own choice.
func tlsVersion(v networkingv1alpha3.ServerTLSSettings_TLSProtocol) tlsv3.TlsParameters_TlsProtocol {
	switch v {
	case networkingv1alpha3.ServerTLSSettings_TLSV1_0:
		return tlsv3.TlsParameters_TLSv1_0
	case networkingv1alpha3.ServerTLSSettings_TLSV1_1:
		return tlsv3.TlsParameters_TLSv1_1
	case networkingv1alpha3.ServerTLSSettings_TLSV1_2:
		return tlsv3.TlsParameters_TLSv1_2
	case networkingv1alpha3.ServerTLSSettings_TLSV1_3:
		return tlsv3.TlsParameters_TLSv1_3
	default:
		return tlsv3.TlsParameters_TLS_AUTO
	}
}

// clientValidation says which of the certificates that the authorities vouch for are taken:
// those that have one of the names, if any are listed, and one of the digests.
func clientValidation(s *networkingv1alpha3.ServerTLSSettings) *tlsv3.CertificateValidationContext {
	out := &tlsv3.CertificateValidationContext{
		VerifyCertificateSpki: s.GetVerifyCertificateSpki(),
		VerifyCertificateHash: s.GetVerifyCertificateHash(),
	}
	for _, name := range s.GetSubjectAltNames() {
		out.MatchTypedSubjectAltNames = append(out.MatchTypedSubjectAltNames, subjectAltName(name)...)
	}
	if s.GetInsecureSkipVerify().GetValue() {
		out.TrustChainVerification = tlsv3.CertificateValidationContext_ACCEPT_UNTRUSTED
	}
	return out
}

// subjectAltName matches a name of any kind, as Istio means it. Which kind a name is of is
// not written.
func subjectAltName(name string) []*tlsv3.SubjectAltNameMatcher {
	var out []*tlsv3.SubjectAltNameMatcher
	for _, kind := range []tlsv3.SubjectAltNameMatcher_SanType{
		tlsv3.SubjectAltNameMatcher_EMAIL, tlsv3.SubjectAltNameMatcher_DNS, tlsv3.SubjectAltNameMatcher_URI, tlsv3.SubjectAltNameMatcher_IP_ADDRESS,
	} {
		out = append(out, &tlsv3.SubjectAltNameMatcher{
			SanType: kind,
			Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: name}},
		})
	}
	return out
}
