package resource

import (
	"path"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// clientTLSChecker checks how a gateway speaks TLS to backends.
type clientTLSChecker struct{ valueChecker }

// clientTLS checks how a gateway speaks TLS to a backend. A backend that cannot be verified
// as written is an error: the gateway must not fall back to one that is not verified.
func (c clientTLSChecker) clientTLS(at Path, tls *networkingv1alpha3.ClientTLSSettings) {
	if tls == nil {
		return
	}
	mode := tls.GetMode()
	switch mode {
	case networkingv1alpha3.ClientTLSSettings_SIMPLE, networkingv1alpha3.ClientTLSSettings_MUTUAL:
		c.credentials(at, tls)
	case networkingv1alpha3.ClientTLSSettings_ISTIO_MUTUAL:
		c.add(diag.CodeNoIdentity, at.Field("mode"), "the gateway has no identity of a mesh, so its connections to this host are NOT encrypted and nobody is verified").
			WithHint("SIMPLE, or MUTUAL with certificates; DISABLE where plain text is meant")
		if tls.GetCredentialName() != "" {
			c.add(diag.CodeDestinationRule, at.Field("credentialName"), "the mode ISTIO_MUTUAL has no use for a Secret, and the host is spoken to in plain text").WithHint("mode: SIMPLE or MUTUAL")
		}
	case networkingv1alpha3.ClientTLSSettings_DISABLE:
		c.plain(at, tls)
	}
	for i, name := range tls.GetSubjectAltNames() {
		c.altName(at.Field("subjectAltNames", i), name)
	}
	if sni := tls.GetSni(); sni != "" && !isHostName(sni) {
		c.add(diag.CodeHost, at.Field("sni"), "%q is not a name that a server can be asked for", sni).WithHint("a host name")
	}
	for field, file := range certificateFiles(tls) {
		if file != "" && !path.IsAbs(file) {
			c.add(diag.CodeDestinationRule, at.Field(field), "%q is not an absolute path", file).WithHint("the path of a file on the gateway's host")
		}
	}
}

// SpeaksTLS reports the modes that encrypt. ISTIO_MUTUAL is not one of them: a gateway here
// has no identity of a mesh to show. A finding says that the host is spoken to in plain text.
func SpeaksTLS(tls *networkingv1alpha3.ClientTLSSettings) bool {
	return tls.GetMode() == networkingv1alpha3.ClientTLSSettings_SIMPLE || tls.GetMode() == networkingv1alpha3.ClientTLSSettings_MUTUAL
}

// plainPorts warns of ports that are spoken to in plain text although the rule has TLS: what is
// for a port inherits nothing. Base is what the rule says of TLS where the policy, of a
// subset, does not.
func (c clientTLSChecker) plainPorts(path Path, p *networkingv1alpha3.TrafficPolicy, base *networkingv1alpha3.ClientTLSSettings) {
	if p.GetTls() != nil {
		base = p.GetTls()
	}
	for i, s := range p.GetPortLevelSettings() {
		if at := path.Field("portLevelSettings", i); s.GetTls() == nil && SpeaksTLS(base) {
			c.add(diag.CodePlainPort, at, "%s has no tls and inherits none, so the port %d is spoken to in plain text", at, s.GetPort().GetNumber()).
				WithHint("repeat tls there, or write tls: {mode: DISABLE} where plain text is meant")
		}
	}
}

// plain warns of settings of TLS where TLS is off. DISABLE is also what no mode means.
func (c clientTLSChecker) plain(at Path, tls *networkingv1alpha3.ClientTLSSettings) {
	if len(tls.GetSubjectAltNames()) > 0 || tls.GetSni() != "" || tls.GetCaCertificates() != "" || tls.GetClientCertificate() != "" || tls.GetCredentialName() != "" {
		c.add(diag.CodeDestinationRule, c.deepest(at, "mode"), "%s has settings of TLS and no mode that uses it", at).WithHint("mode: SIMPLE or MUTUAL")
	}
}

func certificateFiles(tls *networkingv1alpha3.ClientTLSSettings) map[string]string {
	return map[string]string{
		"clientCertificate": tls.GetClientCertificate(), "privateKey": tls.GetPrivateKey(),
		"caCertificates": tls.GetCaCertificates(), "caCrl": tls.GetCaCrl(),
	}
}

// credentials checks the certificates of the modes SIMPLE and MUTUAL.
func (c clientTLSChecker) credentials(at Path, tls *networkingv1alpha3.ClientTLSSettings) {
	mutual := tls.GetMode() == networkingv1alpha3.ClientTLSSettings_MUTUAL
	switch {
	case tls.GetCredentialName() != "":
		c.clientCredential(at, tls)
	case mutual && (tls.GetClientCertificate() == "" || tls.GetPrivateKey() == ""):
		c.addMissing(diag.CodeDestinationRule, at, "the mode MUTUAL needs clientCertificate and privateKey").WithHint("the paths of two files on the gateway's host, or credentialName")
	case !mutual && (tls.GetClientCertificate() != "" || tls.GetPrivateKey() != ""):
		c.add(diag.CodeDestinationRule, at, "the mode SIMPLE has no client certificate").WithHint("mode: MUTUAL, or leave clientCertificate and privateKey out")
	}
	if tls.GetInsecureSkipVerify().GetValue() {
		c.add(diag.CodeUnverified, at.Field("insecureSkipVerify"), "the backend's certificate is not verified: anybody between can read and answer").WithHint("caCertificates: the authority of the backend's certificate")
		// With SIMPLE a Secret has nothing but what verifies.
		if tls.GetCaCertificates() != "" || len(tls.GetSubjectAltNames()) > 0 || tls.GetCaCrl() != "" || !mutual && tls.GetCredentialName() != "" {
			c.add(diag.CodeOneOf, at.Field("insecureSkipVerify"), "%s has insecureSkipVerify beside what is to be verified", at).WithHint("keep one of them")
		}
	}
}

// clientCredential checks the name of a Secret. Whatever is named beside it could be what
// counts, so nothing may be.
func (c clientTLSChecker) clientCredential(at Path, tls *networkingv1alpha3.ClientTLSSettings) {
	if !isObjectName(tls.GetCredentialName()) {
		c.add(diag.CodeDestinationRule, at.Field("credentialName"), "%q is not the name of a Secret", tls.GetCredentialName()).WithHint("the name alone: the Secret stands in the namespace of the gateway")
	}
	for _, field := range []string{"clientCertificate", "privateKey", "caCertificates", "caCrl"} {
		if certificateFiles(tls)[field] != "" {
			c.add(diag.CodeOneOf, at.Field(field), "%s has %s beside credentialName", at, field).WithHint("keep one of them")
		}
	}
}
