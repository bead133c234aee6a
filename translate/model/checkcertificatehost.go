package model

import (
	"crypto/x509"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// serverCertificates holds the certificates of each server against each other and
// against its hosts.
func (k certificateChecks) serverCertificates() diag.List {
	var out diag.List
	for _, gateway := range k.gateways {
		for i, spec := range gateway.Spec.(*networkingv1alpha3.Gateway).GetServers() {
			s := server{gateway, i, spec}
			for _, namespace := range k.credentialNamespaces(s) {
				out = append(out, k.keyPairs(s, namespace)...)
			}
		}
	}
	return out
}

// credentialNamespaces returns the namespaces in which there is a certificate of a server.
func (k certificateChecks) credentialNamespaces(s server) []string {
	var out []string
	for _, c := range s.credentials() {
		for _, secret := range k.credentials[c.name] {
			if c.purpose == forServer && !slices.Contains(out, secret.Namespace) {
				out = append(out, secret.Namespace)
			}
		}
	}
	return out
}

// keyPairs looks at the certificates that a server has in a namespace.
func (k certificateChecks) keyPairs(s server, namespace string) diag.List {
	var pairs []resource.KeyPair
	var at []resource.Path
	for _, c := range s.credentials() {
		secret := c.find(k.credentials, namespace)
		if c.purpose == forClients || secret == nil {
			continue
		}
		pair, found := k.credentials.keyPair(secret)
		if found.HasErrors() {
			return nil
		}
		pairs, at = append(pairs, pair), append(at, c.path)
	}
	var out diag.List
	if len(pairs) > 1 && pairs[0].Algorithm() == pairs[1].Algorithm() {
		out = append(out, diagnosticAt(diag.CodeSameAlgorithm, s.gateway, at[1], "both certificates are %s ones, at %s and %s, so most clients are given one of them only", pairs[0].Algorithm(), pairs[0].Pos, pairs[1].Pos).
			WithHint("one RSA and one ECDSA certificate"))
	}
	if len(pairs) > 0 {
		out = append(out, k.certificateHosts(s, pairs[0])...)
	}
	return out
}

// certificateHosts warns of the hosts of a server that its certificate is not for.
func (k certificateChecks) certificateHosts(s server, pair resource.KeyPair) diag.List {
	var out diag.List
	for i, h := range s.hosts(k.settings) {
		name := string(h.asked)
		if name == "*" || slices.ContainsFunc(pair.Leaf.DNSNames, func(n string) bool { return strings.EqualFold(n, name) }) {
			continue
		}
		if !strings.HasPrefix(name, "*") && pair.Leaf.VerifyHostname(name) == nil {
			continue
		}
		out = append(out, diagnosticAt(diag.CodeCertificateHost, s.gateway, s.path().Field("hosts", i), "the certificate at %s is not for %s", pair.Pos, name).
			WithHint("a certificate with that name; it is for %s", namesOf(pair.Leaf)))
	}
	return out
}

func namesOf(c *x509.Certificate) string {
	if names := hostsOf(c); len(names) > 0 {
		return strings.Join(names, ", ")
	}
	return "no host"
}
