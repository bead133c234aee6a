package reload

import (
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/envoy"
)

func fileSource(path string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path}}
}

// TestRespelledSecrets holds that the files that are tried again keep their meaning and change
// their text, and that nothing else changes.
func TestRespelledSecrets(t *testing.T) {
	inline := &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: "key"}}
	served := envoy.Resources{Secrets: []*tlsv3.Secret{
		{Name: "pair", Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{CertificateChain: fileSource("/a"), PrivateKey: fileSource("/b")}}},
		{Name: "roots", Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{TrustedCa: fileSource("/c"), Crl: fileSource("/d")}}},
		{Name: "inline", Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{CertificateChain: inline, PrivateKey: inline}}},
		{Name: "other", Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{TrustedCa: fileSource("/c")}}},
	}}
	before := proto.CloneOf(served.Secrets[0])
	g := &group{respelled: map[string]bool{"pair": true, "roots": true, "inline": true, "other": false}}
	got := g.spelled(served).Secrets
	pair, roots := got[0].GetTlsCertificate(), got[1].GetValidationContext()
	if c, k := pair.GetCertificateChain().GetFilename(), pair.GetPrivateKey().GetFilename(); c != "/./a" || k != "/./b" {
		t.Errorf("the pair is %s and %s", c, k)
	}
	if c, r := roots.GetTrustedCa().GetFilename(), roots.GetCrl().GetFilename(); c != "/./c" || r != "/./d" {
		t.Errorf("the authorities are %s and %s", c, r)
	}
	for _, i := range []int{2, 3} {
		if !proto.Equal(got[i], served.Secrets[i]) {
			t.Errorf("%s has changed: %v", got[i].GetName(), got[i])
		}
	}
	if !proto.Equal(served.Secrets[0], before) {
		t.Error("what is served was changed itself")
	}
}
