package server

import (
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
)

func fileSource(path string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path}}
}

// TestAliasedSecrets holds that files that are tried again keep their meaning and change their text,
// and that nothing else changes.
func TestAliasedSecrets(t *testing.T) {
	inline := &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: "key"}}
	pair := &tlsv3.Secret{Name: "pair", Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{CertificateChain: fileSource("/a"), PrivateKey: fileSource("/b")}}}
	roots := &tlsv3.Secret{Name: "roots", Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{TrustedCa: fileSource("/c"), Crl: fileSource("/d")}}}
	none := &tlsv3.Secret{Name: "inline", Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{CertificateChain: inline, PrivateKey: inline}}}
	before := proto.CloneOf(pair)
	again := aliasedSecret(pair, "/.").GetTlsCertificate()
	if c, k := again.GetCertificateChain().GetFilename(), again.GetPrivateKey().GetFilename(); c != "/./a" || k != "/./b" {
		t.Errorf("the pair is %s and %s", c, k)
	}
	authorities := aliasedSecret(roots, "/").GetValidationContext()
	if c, r := authorities.GetTrustedCa().GetFilename(), authorities.GetCrl().GetFilename(); c != "//c" || r != "//d" {
		t.Errorf("the authorities are %s and %s", c, r)
	}
	if !proto.Equal(aliasedSecret(none, "/."), none) || hasFiles(none) || !hasFiles(pair) || !hasFiles(roots) {
		t.Error("what is no file is taken for one, or the other way round")
	}
	if !proto.Equal(pair, before) {
		t.Error("what is served was changed itself")
	}
}
