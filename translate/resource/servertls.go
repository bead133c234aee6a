package resource

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

const (
	passthrough    = networkingv1alpha3.ServerTLSSettings_PASSTHROUGH
	mutual         = networkingv1alpha3.ServerTLSSettings_MUTUAL
	optionalMutual = networkingv1alpha3.ServerTLSSettings_OPTIONAL_MUTUAL
)

// serverTLSChecker checks tls of a Gateway's server.
type serverTLSChecker struct{ valueChecker }

// serverTLS checks the TLS settings of a server. Where no mode is written, the mode is
// PASSTHROUGH, as Istio's API has it.
func (c serverTLSChecker) serverTLS(path Path, s *networkingv1alpha3.Server) {
	at, tls := path.Field("tls"), s.GetTls()
	switch secure := tlsProtocol(s.GetPort()); {
	case secure && tls == nil:
		c.addMissing(diag.CodeGateway, path, "%s has no tls settings", path).WithHint("tls: {mode: SIMPLE, credentialName: the name of a Secret}, or tls: {mode: PASSTHROUGH}")
		return
	case !secure && tls != nil:
		c.plainTLS(at, s)
		return
	case !secure:
		return
	}
	if tls.GetHttpsRedirect() {
		c.add(diag.CodeIgnoredField, at.Field("httpsRedirect"), "%s has no effect on a server with the protocol %s", at.Field("httpsRedirect"), s.GetPort().GetProtocol()).WithHint("put it on the HTTP server")
	}
	switch tls.GetMode() {
	case passthrough:
		c.passthrough(at, tls)
	case networkingv1alpha3.ServerTLSSettings_SIMPLE, mutual, optionalMutual:
		c.serverCertificates(at, tls)
		c.clientCertificates(at, tls)
		c.protocolVersions(at, tls)
		c.cipherSuites(at.Field("cipherSuites"), tls.GetCipherSuites())
		c.curves(at.Field("ecdhCurves"), tls.GetEcdhCurves())
	default:
		c.add(diag.CodeUnsupported, at.Field("mode"), "the tls mode %s needs the certificates or the services of a mesh, which there is none of here", tls.GetMode()).
			WithHint("SIMPLE, MUTUAL or OPTIONAL_MUTUAL with certificates of your own, or PASSTHROUGH")
	}
}

func tlsProtocol(port *networkingv1alpha3.Port) bool {
	protocol := strings.ToUpper(port.GetProtocol())
	return protocol == "TLS" || protocol == "HTTPS"
}

func httpProtocol(port *networkingv1alpha3.Port) bool {
	return slices.Contains(requestProtocols(), strings.ToUpper(port.GetProtocol()))
}

// plainTLS checks the settings of a server without TLS. Only an HTTP server has any, and of
// them httpsRedirect alone has a meaning; Istio lets those stand that no certificate or mode
// makes meant for TLS.
func (c serverTLSChecker) plainTLS(path Path, s *networkingv1alpha3.Server) {
	tls, protocol := s.GetTls(), s.GetPort().GetProtocol()
	if !httpProtocol(s.GetPort()) || tls.GetMode() != passthrough || tls.GetServerCertificate()+tls.GetPrivateKey()+tls.GetCaCertificates() != "" {
		c.addKey(diag.CodeGateway, path, "a server with the protocol %s has no tls settings", protocol).WithHint("leave tls out, or write protocol: TLS or HTTPS; on an HTTP server httpsRedirect alone is possible")
		return
	}
	for _, name := range setFields(tls) {
		switch {
		case name == "httpsRedirect", name == "mode":
		case slices.Contains(pins(), name):
			c.unasked(path.Field(name), "PASSTHROUGH")
		default:
			c.add(diag.CodeIgnoredField, path.Field(name), "%s has no effect on a server with the protocol %s", path.Field(name), protocol).WithHint("leave it out, or write protocol: HTTPS and a mode")
		}
	}
}

// passthrough warns of settings that nobody can follow who does not decrypt. One that is
// about the certificates of clients is an error: it is meant to keep somebody out.
func (c serverTLSChecker) passthrough(path Path, tls *networkingv1alpha3.ServerTLSSettings) {
	c.certificateWays(path, tls)
	for _, name := range setFields(tls) {
		switch {
		case name == "httpsRedirect", name == "mode":
		case slices.Contains(pins(), name):
			c.unasked(path.Field(name), "PASSTHROUGH")
		default:
			c.add(diag.CodeIgnoredField, path.Field(name), "%s has no effect with the mode PASSTHROUGH: the gateway does not decrypt", path.Field(name)).WithHint("leave it out, or write mode: SIMPLE or MUTUAL")
		}
	}
}

// pins are the fields that say which client certificates are taken.
func pins() []string {
	return []string{"subjectAltNames", "verifyCertificateSpki", "verifyCertificateHash"}
}

func (c serverTLSChecker) unasked(path Path, mode string) {
	c.add(diag.CodeClientUnasked, path, "%s says which client certificates are taken, but with the mode %s none is asked for", path, mode).
		WithHint("mode: MUTUAL, or leave it out")
}

// certificateWays returns the fields that say where a server's certificates are. Of two it
// is unknown which is meant.
func (c serverTLSChecker) certificateWays(path Path, tls *networkingv1alpha3.ServerTLSSettings) []string {
	var ways []string
	for _, w := range []struct {
		name string
		set  bool
	}{
		{"credentialName", tls.GetCredentialName() != ""},
		{"credentialNames", len(tls.GetCredentialNames()) > 0},
		{"tlsCertificates", len(tls.GetTlsCertificates()) > 0},
		{"serverCertificate", tls.GetServerCertificate() != "" || tls.GetPrivateKey() != ""},
	} {
		if w.set {
			ways = append(ways, w.name)
		}
	}
	if len(ways) > 1 {
		c.addKey(diag.CodeServerTLS, path.Field(ways[1]), "%s has certificates in %s and in %s", path, ways[0], ways[1]).WithHint("keep one of them")
	}
	return ways
}

// serverCertificates checks that the server has its certificates in exactly one way.
func (c serverTLSChecker) serverCertificates(path Path, tls *networkingv1alpha3.ServerTLSSettings) {
	ways := c.certificateWays(path, tls)
	if len(ways) == 0 {
		c.addMissing(diag.CodeServerTLS, path, "%s with the mode %s names no certificate", path, tls.GetMode()).WithHint("credentialName, or serverCertificate and privateKey")
	}
	if tls.GetCredentialName() != "" {
		c.credential(path.Field("credentialName"), tls.GetCredentialName())
	}
	for i, name := range tls.GetCredentialNames() {
		c.credential(path.Field("credentialNames", i), name)
		if first := slices.Index(tls.GetCredentialNames(), name); first < i {
			c.add(diag.CodeServerTLS, path.Field("credentialNames", i), "%q stands twice", name).WithHint("each name once")
		}
	}
	if len(tls.GetCredentialNames()) > 2 || len(tls.GetTlsCertificates()) > 2 {
		c.add(diag.CodeTooMany, path.Field(ways[0]), "%s has more than two certificates", path).WithHint("one RSA and one ECDSA certificate")
	}
	if tls.GetServerCertificate() != "" || tls.GetPrivateKey() != "" {
		c.certificateFiles(path, tls.GetServerCertificate(), tls.GetPrivateKey())
	}
	for i, t := range tls.GetTlsCertificates() {
		c.certificateFiles(path.Field("tlsCertificates", i), t.GetServerCertificate(), t.GetPrivateKey())
		c.ownAuthorities(path, i, tls)
	}
}

// ownAuthorities judges caCertificates of one of several certificates. Like Istio, a server
// verifies clients by its own caCertificates only, whichever certificate it shows. Other ones
// are an error where clients are verified: they are meant to say who comes in.
func (c serverTLSChecker) ownAuthorities(path Path, i int, tls *networkingv1alpha3.ServerTLSSettings) {
	file, at := tls.GetTlsCertificates()[i].GetCaCertificates(), path.Field("tlsCertificates", i, "caCertificates")
	switch {
	case file == "" || file == tls.GetCaCertificates():
	case tls.GetMode() == networkingv1alpha3.ServerTLSSettings_SIMPLE:
		c.add(diag.CodeIgnoredField, at, "%s has no effect with the mode SIMPLE: no client certificate is asked for", at).WithHint("leave it out")
	default:
		c.add(diag.CodeServerTLS, at, "%s is not used, as in Istio: which certificate a client is shown does not decide who verifies the client's", at).
			WithHint("put the authorities into %s, which counts for all certificates", path.Field("caCertificates"))
	}
}

func (c serverTLSChecker) certificateFiles(path Path, certificate, key string) {
	for _, f := range []struct{ name, value string }{{"serverCertificate", certificate}, {"privateKey", key}} {
		if f.value == "" {
			c.addMissing(diag.CodeServerTLS, path, "%s has no %s", path, f.name).WithHint("the path of a PEM file on the gateway's machine")
		} else {
			c.file(path.Field(f.name), f.value)
		}
	}
}

// file checks a path on the gateway's machine, where nobody here can look.
func (c serverTLSChecker) file(path Path, name string) {
	if strings.Contains(name, "-----") {
		c.add(diag.CodeServerTLS, path, "%s holds a certificate or key, where the path of a file should be", path).WithHint("put it into a Secret, and name that in credentialName")
		return
	}
	if !strings.HasPrefix(name, "/") {
		c.add(diag.CodeServerTLS, path, "%q is not the whole path of a file", name).WithHint("a path on the gateway's machine that begins with /")
	}
}

// credential checks the name of a Secret. Istio's other forms name things that are not here.
func (c serverTLSChecker) credential(path Path, name string) {
	if isObjectName(name) {
		return
	}
	c.add(diag.CodeServerTLS, path, "%q is not the name of a Secret", name).WithHint("the name alone: the Secret stands in the namespace of the gateway")
}

// clientCertificates checks what is said of clients' certificates.
func (c serverTLSChecker) clientCertificates(path Path, tls *networkingv1alpha3.ServerTLSSettings) {
	if tls.GetMode() == networkingv1alpha3.ServerTLSSettings_SIMPLE {
		c.simple(path, tls)
		return
	}
	if tls.GetCaCertCredentialName() != "" {
		c.credential(path.Field("caCertCredentialName"), tls.GetCaCertCredentialName())
	}
	credentials := tls.GetCredentialName() != "" || len(tls.GetCredentialNames()) > 0
	switch files := tls.GetCaCertificates() != ""; {
	case credentials && files:
		c.add(diag.CodeServerTLS, path.Field("caCertificates"), "%s has certificates in Secrets and authorities in a file", path).WithHint("caCertCredentialName, or ca.crt in the Secret")
	case files && tls.GetCaCertCredentialName() != "":
		c.addKey(diag.CodeServerTLS, path.Field("caCertificates"), "%s has authorities in a file and in a Secret", path).WithHint("keep one of them")
	case !credentials && !files && tls.GetCaCertCredentialName() == "":
		c.addMissing(diag.CodeServerTLS, path, "%s with the mode %s has no authorities to verify clients with", path, tls.GetMode()).WithHint("caCertificates: the path of a PEM file on the gateway's machine")
	case files:
		c.file(path.Field("caCertificates"), tls.GetCaCertificates())
	}
	if tls.GetCaCrl() != "" {
		c.file(path.Field("caCrl"), tls.GetCaCrl())
		if tls.GetCaCertificates() == "" {
			c.add(diag.CodeServerTLS, path.Field("caCrl"), "%s has a revocation list in a file beside authorities in a Secret", path).WithHint("ca.crl in the Secret")
		}
	}
	if tls.GetInsecureSkipVerify().GetValue() {
		c.add(diag.CodeClientUnverified, path.Field("insecureSkipVerify"), "a certificate that fails verification is taken all the same: a client can claim any identity, and policies about identities believe it").
			WithHint("leave it out")
	}
	c.pinned(path, tls)
}

// simple judges what stands beside the mode SIMPLE, which asks for no client certificate. As
// in Istio, a revocation list is an error only beside certificates in files.
func (c serverTLSChecker) simple(path Path, tls *networkingv1alpha3.ServerTLSSettings) {
	credentials := tls.GetCredentialName() != "" || len(tls.GetCredentialNames()) > 0
	for _, name := range setFields(tls) {
		switch {
		case slices.Contains(pins(), name), name == "caCrl" && !credentials:
			c.unasked(path.Field(name), "SIMPLE")
		case slices.Contains([]string{"caCertificates", "caCertCredentialName", "caCrl", "insecureSkipVerify"}, name):
			c.add(diag.CodeIgnoredField, path.Field(name), "%s has no effect with the mode SIMPLE: no client certificate is asked for", path.Field(name)).WithHint("mode: MUTUAL, or leave it out")
		}
	}
}

// pinned checks the forms of names and digests, which Envoy would refuse the listener for.
func (c serverTLSChecker) pinned(path Path, tls *networkingv1alpha3.ServerTLSSettings) {
	c.nonEmpty(path, "subjectAltNames", tls.GetSubjectAltNames())
	for i, v := range tls.GetVerifyCertificateSpki() {
		if b, err := base64.StdEncoding.DecodeString(v); err != nil || len(b) != 32 {
			c.add(diag.CodeServerTLS, path.Field("verifyCertificateSpki", i), "%q is not the SHA-256 of a public key in base64", v).WithHint("44 characters, as openssl dgst -sha256 -binary | openssl enc -base64 prints them")
		}
	}
	for i, v := range tls.GetVerifyCertificateHash() {
		if b, err := hex.DecodeString(strings.ReplaceAll(v, ":", "")); err != nil || len(b) != 32 {
			c.add(diag.CodeServerTLS, path.Field("verifyCertificateHash", i), "%q is not the SHA-256 of a certificate in hexadecimal", v).WithHint("64 digits, with or without colons")
		}
	}
}
