package server

import (
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
)

// aliasedSecret returns a secret whose files have a prefix, such as "/." or "/", that leaves a path
// meaning the same. Envoy reads a file of a secret once and passes by the same secret ever
// after, also where it could not use it: only a secret with other content is judged anew.
func aliasedSecret(s *tlsv3.Secret, prefix string) *tlsv3.Secret {
	out := proto.CloneOf(s)
	for _, source := range filesOf(out) {
		source.Specifier = &corev3.DataSource_Filename{Filename: prefix + source.GetFilename()}
	}
	return out
}

// hasFiles reports whether aliasedSecret changes anything: whether some of the secret is a file.
func hasFiles(s *tlsv3.Secret) bool { return len(filesOf(s)) > 0 }

// filesOf returns what of a secret is a file.
func filesOf(s *tlsv3.Secret) []*corev3.DataSource {
	certificate, authorities := s.GetTlsCertificate(), s.GetValidationContext()
	all := []*corev3.DataSource{certificate.GetCertificateChain(), certificate.GetPrivateKey(), authorities.GetTrustedCa(), authorities.GetCrl()}
	return slices.DeleteFunc(all, func(d *corev3.DataSource) bool { return !strings.HasPrefix(d.GetFilename(), "/") })
}
