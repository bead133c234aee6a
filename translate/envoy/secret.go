package envoy

import (
	"cmp"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
)

// secrets renders what the ports need by secret discovery. Private keys are in it as they
// are: whoever prints it has to take them out (output.Redacted).
func secrets(v model.View) []*tlsv3.Secret {
	out := make([]*tlsv3.Secret, 0, len(v.Secrets))
	for _, s := range v.Secrets {
		out = append(out, secret(s))
	}
	return out
}

// withSecrets returns secrets and more of them, each once, ordered by name.
func withSecrets(list, more []model.Secret) []model.Secret {
	out := slices.Clone(list)
	for _, s := range more {
		if !slices.ContainsFunc(list, func(have model.Secret) bool { return have.Name == s.Name }) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b model.Secret) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func (t Trace) addSecrets(list []model.Secret) {
	for _, s := range list {
		t[s.Name] = diag.PlacesOf(map[string]diag.Position{"": s.Pos})
	}
}

func secret(s model.Secret) *tlsv3.Secret {
	switch {
	case s.KeyPair != nil:
		return certificateSecret(s.Name, inline(s.KeyPair.Chain), inline(s.KeyPair.Key))
	case s.Authorities != nil:
		return authoritySecret(s.Name, inline(s.Authorities.Bundle), inline(s.Authorities.Revoked))
	case s.Files.Authorities != "":
		return authoritySecret(s.Name, file(s.Files.Authorities), file(s.Files.Revoked))
	default:
		return certificateSecret(s.Name, file(s.Files.Certificate), file(s.Files.Key))
	}
}

func certificateSecret(name string, chain, key *corev3.DataSource) *tlsv3.Secret {
	return &tlsv3.Secret{Name: name, Type: &tlsv3.Secret_TlsCertificate{
		TlsCertificate: &tlsv3.TlsCertificate{CertificateChain: chain, PrivateKey: key},
	}}
}

func authoritySecret(name string, bundle, revoked *corev3.DataSource) *tlsv3.Secret {
	return &tlsv3.Secret{Name: name, Type: &tlsv3.Secret_ValidationContext{
		ValidationContext: &tlsv3.CertificateValidationContext{TrustedCa: bundle, Crl: revoked},
	}}
}

// inline holds PEM, which is ASCII. Nothing gives nil.
func inline(pem []byte) *corev3.DataSource {
	if len(pem) == 0 {
		return nil
	}
	return &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: string(pem)}}
}

// file names a file that Envoy reads, and watches, on its own machine.
func file(path string) *corev3.DataSource {
	if path == "" {
		return nil
	}
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path}}
}
