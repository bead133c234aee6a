package model

import (
	"cmp"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// hostRoots is where a gateway's host has the certificates of public authorities: on Debian,
// Ubuntu, Alpine, distroless and in Envoy's own images. Envoy 1.40 does not implement
// system_root_certs. A gateway without this file sends nothing to what it verifies with it.
const hostRoots = "/etc/ssl/certs/ca-certificates.crt"

// HostRoots is the secret with the authorities that the gateway's host trusts. Its name is
// Istio's, and no path.
func HostRoots() Secret {
	return Secret{Name: "file-root:system", Files: &SecretFiles{Authorities: hostRoots}}
}

// ClientSecrets are the names of the secrets that TLS to a backend needs.
type ClientSecrets struct {
	// Certificate is the client's own; empty for none.
	Certificate string
	// Authorities is what the backend is verified with. It is empty only where the settings
	// say that the backend is not to be verified.
	Authorities string
}

// ClientSecretsOf returns the secrets of a client's settings of TLS, of which nil has the
// authorities that the gateway's host trusts.
func ClientSecretsOf(tls *networkingv1alpha3.ClientTLSSettings) ClientSecrets {
	var out ClientSecrets
	if name := tls.GetCredentialName(); name != "" {
		out = ClientSecrets{credential{name: name, purpose: forServer}.sdsName(), credential{name: name, purpose: forClients}.sdsName()}
	} else {
		certificate, authorities := clientFiles(tls)
		out = ClientSecrets{certificate.Name, authorities.Name}
	}
	if tls.GetMode() != networkingv1alpha3.ClientTLSSettings_MUTUAL {
		out.Certificate = ""
	}
	if tls.GetInsecureSkipVerify().GetValue() {
		out.Authorities = ""
	}
	return out
}

// clientFiles returns the certificate and the authorities of settings without a Secret.
//
// Where both are used they are secrets of this pair alone: Envoy stops handing out a secret at the
// first cluster that it does not fit, such as one with a certificate of another key, and those
// after it, with the same secret and a good certificate, would go without.
func clientFiles(tls *networkingv1alpha3.ClientTLSSettings) (certificate, authorities Secret) {
	pair := SecretFiles{Certificate: tls.GetClientCertificate(), Key: tls.GetPrivateKey()}
	roots := SecretFiles{Authorities: tls.GetCaCertificates(), Revoked: tls.GetCaCrl()}
	certificate, authorities = Secret{Name: pair.name(), Files: &pair}, HostRoots()
	if roots != (SecretFiles{}) {
		roots.Authorities = cmp.Or(roots.Authorities, hostRoots)
		authorities = Secret{Name: roots.name(), Files: &roots}
	}
	if tls.GetMode() == networkingv1alpha3.ClientTLSSettings_MUTUAL && !tls.GetInsecureSkipVerify().GetValue() {
		certificate.Name, authorities.Name = certificate.Name+"|"+authorities.Name, authorities.Name+"|"+certificate.Name
	}
	return certificate, authorities
}

// ruledFiles returns the secrets that DestinationRules have as files on the gateway's
// machine, in the order of the services.
func ruledFiles(services []Service) []Secret {
	var out []Secret
	for _, s := range services {
		if len(s.Rule.Origins) == 0 {
			continue
		}
		from := s.Rule.Origins[0]
		if s.Rule.Origin() != nil {
			from = s.Rule.Origin()
		}
		pos := from.Origin.At(resource.Path{"spec", "trafficPolicy"})
		for _, p := range s.Ports {
			out = append(out, filesOf(s.Rule.Policy(p.Number, "").GetTls(), pos)...)
			for _, subset := range s.Rule.Subsets {
				out = append(out, filesOf(s.Rule.Policy(p.Number, subset.GetName()).GetTls(), pos)...)
			}
		}
	}
	return out
}

func filesOf(tls *networkingv1alpha3.ClientTLSSettings, pos diag.Position) []Secret {
	if !resource.SpeaksTLS(tls) || tls.GetCredentialName() != "" {
		return nil
	}
	needed := ClientSecretsOf(tls)
	certificate, authorities := clientFiles(tls)
	var out []Secret
	for _, s := range []Secret{certificate, authorities} {
		if s.Name == needed.Certificate || s.Name == needed.Authorities {
			s.Pos = pos
			out = append(out, s)
		}
	}
	return out
}
