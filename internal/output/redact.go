package output

import (
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
)

// redactedText stands where a private key was.
const redactedText = "[redacted]"

// Redacted returns the secrets without their private keys. The names of files on the
// gateway's machine stay. Of a kind of secret that is not known, only the name is left. The
// secrets given are not changed.
func Redacted(secrets []*tlsv3.Secret) []*tlsv3.Secret {
	out := make([]*tlsv3.Secret, 0, len(secrets))
	for _, s := range secrets {
		out = append(out, redacted(s))
	}
	return out
}

// Withheld reports whether Redacted takes anything out of the secrets.
func Withheld(secrets []*tlsv3.Secret) bool {
	return slices.ContainsFunc(secrets, func(s *tlsv3.Secret) bool { return !proto.Equal(s, redacted(s)) })
}

func redacted(s *tlsv3.Secret) *tlsv3.Secret {
	switch kind := s.GetType().(type) {
	case *tlsv3.Secret_ValidationContext:
		return s
	case *tlsv3.Secret_TlsCertificate:
		c := proto.Clone(kind.TlsCertificate).(*tlsv3.TlsCertificate)
		c.PrivateKey, c.Pkcs12, c.Password = withoutText(c.GetPrivateKey()), withoutText(c.GetPkcs12()), withoutText(c.GetPassword())
		return &tlsv3.Secret{Name: s.GetName(), Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: c}}
	default:
		return &tlsv3.Secret{Name: s.GetName()}
	}
}

// withoutText leaves the name of a file, and nothing else of what a source holds.
func withoutText(d *corev3.DataSource) *corev3.DataSource {
	if d == nil || d.GetFilename() != "" {
		return d
	}
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: redactedText}}
}
