package resource

import (
	"strings"

	meshv1alpha1 "istio.io/api/mesh/v1alpha1"

	"github.com/portreeve/portreeve/translate/diag"
)

// proxyHeaderFields are the fields of proxyHeaders that count on a gateway, and after them
// those that say nothing to one.
func proxyHeaderFields() []string {
	return []string{"server.disabled", "server.value", "requestId.disabled", "attemptCount.disabled", "envoyDebugHeaders.disabled",
		"xForwardedHost.enabled", "xForwardedPort.enabled", "forwardedClientCert", "metadataExchangeHeaders.mode"}
}

// proxyHeaders checks which headers of its own a gateway adds.
func (c meshChecker) proxyHeaders(path Path, h *meshv1alpha1.ProxyConfig_ProxyHeaders) {
	c.supportedIn(h.ProtoReflect(), path, "", proxyHeaderFields())
	if strings.ContainsFunc(h.GetServer().GetValue(), func(r rune) bool { return r < ' ' || r == 0x7f }) {
		c.add(diag.CodeHeaderOperation, path.Field("server", "value"), "%q cannot be the value of a header", h.GetServer().GetValue()).WithHint("printable characters, for example gateway")
	}
	if h.GetForwardedClientCert() != meshv1alpha1.ForwardClientCertDetails_UNDEFINED {
		at := path.Field("forwardedClientCert")
		c.addKey(diag.CodeIgnoredField, at, "%s is for sidecars", at).WithHint("for gateways defaultConfig.gatewayTopology.forwardClientCertDetails")
	}
	if h.GetMetadataExchangeHeaders() != nil {
		c.idle(path.Field("metadataExchangeHeaders"))
	}
}
