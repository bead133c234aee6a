package envoy

import (
	"net/netip"
	"slices"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	proxyprotocolv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/proxy_protocol/v3"
	rawbufferv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/raw_buffer/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// setTransport sets how bytes travel to an upstream: in plain text or TLS, and with the
// client's address before them or not.
func setTransport(c *clusterv3.Cluster, u upstream) {
	if tls := u.policy.GetTls(); resource.SpeaksTLS(tls) {
		var alpn []string
		if spokenHTTP2(u) {
			alpn = []string{"h2"}
		}
		c.TransportSocket = tlsSocket(upstreamTLS(tls, namesOf(u), alpn, u.view))
	}
	if pp := u.policy.GetProxyProtocol(); pp != nil {
		c.TransportSocket = proxyProtocolSocket(c.GetTransportSocket(), pp)
	}
}

func spokenHTTP2(u upstream) bool {
	http := u.policy.GetConnectionPool().GetHttp()
	return !http.GetUseClientProtocol() && (model.SpeaksHTTP2(u.port.Protocol) || upgrades(u, http.GetH2UpgradePolicy()))
}

// serverNames are the names that a backend is asked for and that its certificate must have.
// Where both are empty, Envoy takes them from the request.
type serverNames struct {
	sni  string
	sans []string
	// byRequest says that Envoy takes the name from the request's host.
	byRequest, verifyByRequest bool
}

// namesOf decides which name is verified. A verified connection always has one: what the
// DestinationRule or ServiceEntry says, else the SNI, else the host of the request or,
// where no request is read, of the service. Istio verifies none of the last two. A request
// for a tunnel has the host of the tunnel's target, which is not who the proxy is.
func namesOf(u upstream) serverNames {
	tls := u.policy.GetTls()
	if !resource.SpeaksTLS(tls) {
		return serverNames{}
	}
	out := serverNames{sni: tls.GetSni(), sans: tls.GetSubjectAltNames()}
	if len(out.sans) == 0 {
		out.sans = u.service.SubjectAltNames
	}
	if out.sni == "" && (u.opaque() || u.asked() || u.policy.GetTunnel() != nil) && !strings.HasPrefix(string(u.service.Host), "*") {
		out.sni = string(u.service.Host)
	}
	switch {
	case tls.GetInsecureSkipVerify().GetValue():
		out.sans = nil
	case len(out.sans) == 0 && out.sni != "":
		out.sans = []string{out.sni}
	}
	out.byRequest = out.sni == ""
	out.verifyByRequest = out.byRequest && len(out.sans) == 0 && !tls.GetInsecureSkipVerify().GetValue()
	return out
}

// opaque reports whether no request is read on the way to an upstream.
func (u upstream) opaque() bool {
	return slices.Contains([]string{"TCP", "TLS", "MONGO", "MYSQL", "REDIS"}, strings.ToUpper(u.port.Protocol))
}

// asked reports whether an upstream is an authorizer that is asked in HTTP. What it is asked
// has the host of the client's request, which says nothing of who the authorizer is.
func (u upstream) asked() bool {
	return slices.ContainsFunc(u.view.ProviderNames(), func(name string) bool {
		p, ok := u.view.Provider(name)
		return ok && p.HTTP != nil && p.Served && p.Cluster == u.name()
	})
}

// options are the part of the names that Envoy finds out for each request, or nil.
func (n serverNames) options() *corev3.UpstreamHttpProtocolOptions {
	if !n.byRequest {
		return nil
	}
	return &corev3.UpstreamHttpProtocolOptions{AutoSni: true, AutoSanValidation: n.verifyByRequest}
}

// upstreamTLS renders TLS to a backend. The backend's certificate must be signed by the
// authority of the DestinationRule or, without one, by one that the gateway's host trusts.
// Certificates and authorities come by secret discovery, also those in files: the cluster
// itself is never refused for a file that is not there, and takes the place of the one before
// in any case. Without a secret that it refers to it sends nothing.
func upstreamTLS(tls *networkingv1alpha3.ClientTLSSettings, names serverNames, alpn []string, v model.View) *tlsv3.UpstreamTlsContext {
	d := delivery{standalone: v.Standalone}
	common := &tlsv3.CommonTlsContext{TlsParams: modernTLS(), AlpnProtocols: alpn}
	secrets := model.ClientSecretsOf(tls)
	if secrets.Certificate != "" {
		common.TlsCertificateSdsSecretConfigs = []*tlsv3.SdsSecretConfig{secretConfig(secrets.Certificate, d)}
	}
	// Only insecureSkipVerify has no authorities. Envoy refuses a name that is empty.
	if !tls.GetInsecureSkipVerify().GetValue() {
		common.ValidationContextType = &tlsv3.CommonTlsContext_CombinedValidationContext{
			CombinedValidationContext: &tlsv3.CommonTlsContext_CombinedCertificateValidationContext{
				DefaultValidationContext:         &tlsv3.CertificateValidationContext{MatchTypedSubjectAltNames: altNames(names.sans)},
				ValidationContextSdsSecretConfig: secretConfig(secrets.Authorities, d),
			},
		}
	}
	return &tlsv3.UpstreamTlsContext{Sni: names.sni, CommonTlsContext: common}
}

// authoritiesOf returns the name of the secret that a backend is verified with, or nothing.
func authoritiesOf(tls *tlsv3.UpstreamTlsContext) string {
	return tls.GetCommonTlsContext().GetCombinedValidationContext().GetValidationContextSdsSecretConfig().GetName()
}

// modernTLS is the versions that Istio speaks to backends.
func modernTLS() *tlsv3.TlsParameters {
	return &tlsv3.TlsParameters{
		TlsMinimumProtocolVersion: tlsv3.TlsParameters_TLSv1_2,
		TlsMaximumProtocolVersion: tlsv3.TlsParameters_TLSv1_3,
	}
}

// altNames matches a certificate that has one of the names: an address, a URI such as
// spiffe://…, or a name of DNS.
func altNames(names []string) []*tlsv3.SubjectAltNameMatcher {
	var out []*tlsv3.SubjectAltNameMatcher
	for _, name := range names {
		m := &tlsv3.SubjectAltNameMatcher{
			SanType: tlsv3.SubjectAltNameMatcher_DNS,
			Matcher: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: name}},
		}
		if _, err := netip.ParseAddr(name); err == nil {
			m.SanType = tlsv3.SubjectAltNameMatcher_IP_ADDRESS
		} else if strings.Contains(name, "://") {
			m.SanType = tlsv3.SubjectAltNameMatcher_URI
		}
		out = append(out, m)
	}
	return out
}

func tlsSocket(context *tlsv3.UpstreamTlsContext) *corev3.TransportSocket {
	return &corev3.TransportSocket{
		Name:       "envoy.transport_sockets.tls",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: match.Any(context)},
	}
}

// proxyProtocolSocket puts the client's address before what another socket, or none, sends.
func proxyProtocolSocket(inner *corev3.TransportSocket, pp *networkingv1alpha3.TrafficPolicy_ProxyProtocol) *corev3.TransportSocket {
	if inner == nil {
		inner = &corev3.TransportSocket{
			Name:       "envoy.transport_sockets.raw_buffer",
			ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: match.Any(&rawbufferv3.RawBuffer{})},
		}
	}
	version := corev3.ProxyProtocolConfig_V1
	if pp.GetVersion() == networkingv1alpha3.TrafficPolicy_ProxyProtocol_V2 {
		version = corev3.ProxyProtocolConfig_V2
	}
	return &corev3.TransportSocket{
		Name: "envoy.transport_sockets.upstream_proxy_protocol",
		ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: match.Any(&proxyprotocolv3.ProxyProtocolUpstreamTransport{
			Config: &corev3.ProxyProtocolConfig{Version: version}, TransportSocket: inner,
		})},
	}
}
