package snapshot

import (
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
)

// Aliased returns a secret whose files have a prefix, such as "/." or "/", that leaves a path
// meaning the same. Envoy reads a file of a secret once and passes by the same secret ever
// after, also where it could not use it: only a secret with other content is judged anew.
func Aliased(s *tlsv3.Secret, prefix string) *tlsv3.Secret {
	out := proto.CloneOf(s)
	certificate, authorities := out.GetTlsCertificate(), out.GetValidationContext()
	for _, source := range []*corev3.DataSource{certificate.GetCertificateChain(), certificate.GetPrivateKey(), authorities.GetTrustedCa(), authorities.GetCrl()} {
		if path := source.GetFilename(); strings.HasPrefix(path, "/") {
			source.Specifier = &corev3.DataSource_Filename{Filename: prefix + path}
		}
	}
	return out
}
