package resource

import (
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// protocolVersions refuses bounds that no version is between. Without a lower one Envoy
// begins with 1.2. Its own cipher suites are not for older versions.
func (c serverTLSChecker) protocolVersions(path Path, tls *networkingv1alpha3.ServerTLSSettings) {
	least, most := tls.GetMinProtocolVersion(), tls.GetMaxProtocolVersion()
	if least == networkingv1alpha3.ServerTLSSettings_TLS_AUTO {
		least = networkingv1alpha3.ServerTLSSettings_TLSV1_2
	}
	if most != networkingv1alpha3.ServerTLSSettings_TLS_AUTO && least > most {
		c.add(diag.CodeServerTLS, path.Field("maxProtocolVersion"), "no version is left: at least %s and at most %s", least, most).WithHint("a minProtocolVersion that is not above maxProtocolVersion")
	}
	if least < networkingv1alpha3.ServerTLSSettings_TLSV1_2 && len(tls.GetCipherSuites()) == 0 {
		c.add(diag.CodeCipherSuite, path.Field("minProtocolVersion"), "clients of TLS 1.0 and 1.1 get no connection: none of Envoy's own cipher suites is for them").WithHint("minProtocolVersion: TLSV1_2, or cipherSuites with one that they have, such as ECDHE-RSA-AES128-SHA")
	}
}

// cipherSuites warns, as Istio does, of each suite that is left out. Where none is left
// Envoy would take its own, which are more than the user wants: that is an error.
func (c serverTLSChecker) cipherSuites(path Path, written []string) {
	for i, suite := range written {
		switch {
		case !slices.Contains(knownCipherSuites(), suite):
			c.add(diag.CodeCipherSuite, path.Field(i), "the cipher suite %q is left out: Envoy does not know it", suite).WithHint("%s", suggestion(suite, knownCipherSuites()))
		case slices.Index(written, suite) < i:
			c.add(diag.CodeCipherSuite, path.Field(i), "the cipher suite %s stands twice", suite).WithHint("each once")
		}
	}
	if len(written) > 0 && len(CipherSuites(written)) == 0 {
		c.add(diag.CodeServerTLS, path, "none of the cipher suites is one that Envoy knows").WithHint("for example ECDHE-RSA-AES128-GCM-SHA256")
	}
}

// CipherSuites returns those of the suites that Envoy knows, each once.
func CipherSuites(written []string) []string {
	var out []string
	for _, suite := range written {
		if slices.Contains(knownCipherSuites(), suite) && !slices.Contains(out, suite) {
			out = append(out, suite)
		}
	}
	return out
}

func knownCipherSuites() []string {
	return []string{
		"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
		"ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA",
		"ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA", "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA",
	}
}

func (c serverTLSChecker) curves(path Path, written []string) {
	for i, curve := range written {
		if !slices.Contains(knownCurves(), curve) {
			c.add(diag.CodeServerTLS, path.Field(i), "the curve %q is not one that Envoy knows", curve).WithHint("one of %s", strings.Join(knownCurves(), ", "))
		}
	}
}

func knownCurves() []string {
	return []string{"X25519", "P-256", "P-384", "P-521", "X25519MLKEM768"}
}
