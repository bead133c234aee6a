package bootstrap

import (
	"path/filepath"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

// The files of secrets, and the secrets in them.
const (
	certificateFile, certificateSecret = "xds-certificate.yaml", "xds-certificate"
	authorityFile, authoritySecret     = "xds-authority.yaml", "xds-authority"
)

// SecretFile is a file of a TLS directory by which Envoy finds certificates there. It holds no secret,
// only where they are.
type SecretFile struct {
	Path    string
	Content *discoveryv3.DiscoveryResponse
}

// SecretFiles returns the files that must stand in the directory.
//
// They stand beside the link ..data and not behind it, so that they outlast the pairs. Each names its
// directory as the one that is watched: the link is moved there when a pair is replaced, and then Envoy
// reads certificate and key again, until it has read the same twice.
func (t *TLS) SecretFiles() []SecretFile {
	return []SecretFile{
		t.secretFile(certificateFile, &tlsv3.Secret{Name: certificateSecret, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
			CertificateChain: t.file("tls.crt"), PrivateKey: t.file("tls.key"), WatchedDirectory: t.watched(),
		}}}),
		t.secretFile(authorityFile, &tlsv3.Secret{Name: authoritySecret, Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
			TrustedCa: t.file("ca.crt"), WatchedDirectory: t.watched(),
		}}}),
	}
}

func (t *TLS) secretFile(name string, s *tlsv3.Secret) SecretFile {
	return SecretFile{filepath.Join(t.Dir, name), &discoveryv3.DiscoveryResponse{Resources: []*anypb.Any{match.Any(s)}}}
}

func (t *TLS) file(name string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: filepath.Join(t.Dir, name)}}
}
