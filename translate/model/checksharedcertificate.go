package model

import (
	"crypto/x509"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// sharedCertificates warns of servers of one address that have the same certificate and other
// hosts: a browser that has a connection to one asks it for the hosts of the other too.
func (k certificateChecks) sharedCertificates() diag.List {
	type certificate struct {
		at   address
		name string
	}
	first := map[certificate][]server{}
	var out diag.List
	for _, g := range k.gateways {
		for i, spec := range g.Spec.(*networkingv1alpha3.Gateway).GetServers() {
			s := server{g, i, spec}
			path, name := s.certificate()
			if name == "" {
				continue
			}
			same := certificate{s.at(), name}
			if j := slices.IndexFunc(first[same], func(o server) bool {
				_, possible, _ := common(selectorOf(o), selectorOf(s))
				return possible && !k.shareHost(o, s) && (k.certifies(o, s) || k.certifies(s, o))
			}); j >= 0 {
				out = append(out, diagnosticAt(diag.CodeCertificateTwice, g, path, "the server at %s has this certificate too: browsers ask a connection to one of them for the hosts of the other as well", first[same][j].place()).
					WithHint("one server with the hosts of both, or a certificate for each"))
				continue
			}
			if len(first[same]) < maxListed {
				first[same] = append(first[same], s)
			}
		}
	}
	return out
}

// certifies reports whether the certificate of one server is for a host of another that the first
// does not have; where it is not among the files, it may be for all of them.
func (k certificateChecks) certifies(s, other server) bool {
	certificates, known := k.leavesOf(s)
	own := s.hosts(k.settings)
	return slices.ContainsFunc(other.hosts(k.settings), func(h serverHost) bool {
		if !known {
			return !hasWithin(own, h.asked)
		}
		return slices.ContainsFunc(certificates, func(c *x509.Certificate) bool {
			return slices.ContainsFunc(c.DNSNames, func(name string) bool {
				both, some := h.asked.intersect(Host(strings.ToLower(name)))
				return some && !hasWithin(own, both)
			})
		})
	})
}

// shareHost reports servers that have a host in common: one of them is left out there, which is
// said by itself.
func (k certificateChecks) shareHost(s, other server) bool {
	own := s.hosts(k.settings)
	return slices.ContainsFunc(other.hosts(k.settings), func(h serverHost) bool {
		return slices.ContainsFunc(own, func(o serverHost) bool { return o.asked == h.asked })
	})
}

// hasWithin reports whether every name that a host stands for is among those of a server.
func hasWithin(hosts []serverHost, host Host) bool {
	return slices.ContainsFunc(hosts, func(o serverHost) bool { return host.within(o.asked) })
}

// leavesOf returns the certificates of a server, whichever namespace its gateways run in, and
// whether there are any among the files.
func (k certificateChecks) leavesOf(s server) ([]*x509.Certificate, bool) {
	var out []*x509.Certificate
	for _, namespace := range k.credentialNamespaces(s) {
		for _, c := range s.credentials() {
			secret := c.find(k.credentials, namespace)
			if c.purpose != forServer || secret == nil {
				continue
			}
			if pair, found := k.credentials.keyPair(secret); !found.HasErrors() {
				out = append(out, pair.Leaf)
			}
		}
	}
	return out, len(out) > 0
}

// certificate returns the name or file of an HTTPS server's own certificate, and where it is written.
func (s server) certificate() (resource.Path, string) {
	if s.traffic() != HTTPS {
		return nil, ""
	}
	at, tls := s.path().Field("tls"), s.spec.GetTls()
	switch {
	case tls.GetCredentialName() != "":
		return at.Field("credentialName"), "credential " + tls.GetCredentialName()
	case len(tls.GetCredentialNames()) > 0:
		return at.Field("credentialNames"), "credential " + tls.GetCredentialNames()[0]
	case tls.GetServerCertificate() != "":
		return at.Field("serverCertificate"), "file " + tls.GetServerCertificate()
	default:
		return nil, ""
	}
}
