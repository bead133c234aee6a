package model

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// Certificate is what there is to know of a certificate that a Gateway or a DestinationRule
// names a Secret for.
// Nothing in it is private.
type Certificate struct {
	// Namespace is that of the Secret, empty for a directory; Name is its name.
	Namespace, Name string
	// Authority says that clients or backends are verified with it.
	Authority bool
	Subject   string
	Hosts     []string
	NotBefore time.Time
	NotAfter  time.Time
	// Fingerprint is the SHA-256 of the certificate.
	Fingerprint string
	Pos         diag.Position
	// Reach is the gateways that may be served with it.
	Reach diag.Scope
}

// Certificates returns the certificates of all Secrets that are named, in the order of
// the files. Those that gateways read from their own files are not among them.
func (m *Model) Certificates() []Certificate { return m.certificates }

// checkCredentials holds the Secrets that Gateways and DestinationRules name against what they are named for. It
// notes the certificates in them.
func (m *Model) checkCredentials() diag.List {
	var out diag.List
	type use struct {
		*resource.Secret
		purpose purpose
	}
	reach, peers := map[use]diag.Scope{}, map[use]string{}
	for _, c := range m.named {
		scope := diag.Limited(c.reach)
		found := m.standing(c)
		if len(found) == 0 {
			d := finding(diag.CodeCredential, c.by, c.path, "there is no Secret %s", c.name).WithHint("%s", m.credentialHint(c))
			d.Reach = scope
			out = append(out, d)
		}
		for _, s := range found {
			scope := diag.Limited(diag.Target{Namespace: s.Namespace, Labels: c.reach.Labels})
			u := use{s, c.purpose}
			if before, ok := reach[u]; ok {
				scope = before.Union(scope)
			}
			reach[u] = scope
			if before := peers[u]; before != "" && before != c.peers() {
				peers[u] = "clients and backends"
			} else {
				peers[u] = c.peers()
			}
		}
	}
	for u, scope := range reach {
		certificates, found := m.described(u.Secret, u.purpose, peers[u])
		if found.HasErrors() && m.strange(u.Secret) {
			continue
		}
		if u.Unplaced {
			found = append(slices.Clip(found), u.Diagnostic(diag.CodeSecretNamespace, u.Pos, "%s has no namespace, so only gateways that run in %s have it", u.Secret, u.Namespace).
				WithHint("metadata.namespace: the namespace in which the gateways run"))
		}
		for _, d := range found {
			d.Reach = scope
			out = append(out, d)
		}
		for _, c := range certificates {
			c.Reach = scope
			m.certificates = append(m.certificates, c)
		}
	}
	slices.SortFunc(m.certificates, compareCertificates)
	return append(out, m.checkCertificatesTogether()...)
}

// strange reports a Secret that probably has nothing to do with the Gateways that name one
// like it: it stands in a namespace where no Gateway does. Should a gateway run there after
// all, Missing refuses it.
func (m *Model) strange(s *resource.Secret) bool {
	if s.Namespace == "" || s.Namespace == m.settings.RootNamespace || len(m.credentials[s.Name]) == 1 {
		return false
	}
	return !slices.ContainsFunc(m.gateways, func(g *resource.Resource) bool { return g.Namespace == s.Namespace })
}

func compareCertificates(a, b Certificate) int {
	if c := a.Pos.Compare(b.Pos); c != 0 {
		return c
	}
	if c := strings.Compare(a.Fingerprint, b.Fingerprint); c != 0 || a.Authority == b.Authority {
		return c
	}
	if a.Authority {
		return 1
	}
	return -1
}

// standing returns what a credential can mean, in whatever namespace a gateway runs.
func (m *Model) standing(c credential) []*resource.Secret {
	namespaces := map[string]bool{}
	stem := strings.TrimSuffix(c.name, resource.AuthoritySuffix)
	for _, name := range []string{c.name, stem, stem + resource.AuthoritySuffix} {
		for _, s := range m.credentials[name] {
			namespaces[s.Namespace] = true
		}
	}
	var out []*resource.Secret
	for namespace := range namespaces {
		if s := c.find(m.credentials, namespace); s != nil && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func (m *Model) credentialHint(c credential) string {
	known := make([]string, 0, len(m.credentials))
	for name := range m.credentials {
		known = append(known, name)
	}
	slices.Sort(known)
	if near := resource.DidYouMean(c.name, known); near != "" {
		return "did you mean " + near + "?"
	}
	entries := "tls.crt and tls.key"
	if c.by.Kind == resource.DestinationRule {
		entries = "ca.crt, and for the mode MUTUAL tls.crt and tls.key,"
	}
	return "add the Secret in the namespace in which the gateway runs, or the directory " + c.name + " with " + entries + " below --secrets-dir"
}

// described returns the certificates in a Secret, which may be there to verify peers, or what is wrong with it.
func (m *Model) described(s *resource.Secret, p purpose, peers string) ([]Certificate, diag.List) {
	if p == forServer {
		pair, found := m.credentials.keyPair(s)
		if found.HasErrors() {
			return nil, found
		}
		return []Certificate{describe(s, pair.Leaf, pair.Pos)}, found
	}
	a, found := m.credentials.authorities(s, peers)
	if found.HasErrors() {
		return nil, found
	}
	var out []Certificate
	for _, c := range a.Certificates {
		d := describe(s, c, a.Pos)
		d.Authority = true
		out = append(out, d)
	}
	return out, found
}

func describe(s *resource.Secret, c *x509.Certificate, pos diag.Position) Certificate {
	sum := sha256.Sum256(c.Raw)
	return Certificate{
		Namespace: s.Namespace, Name: s.Name, Subject: strings.ToValidUTF8(c.Subject.String(), "?"), Hosts: hostsOf(c),
		NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(), Fingerprint: hex.EncodeToString(sum[:]), Pos: pos,
	}
}

func hostsOf(c *x509.Certificate) []string {
	var out []string
	for _, name := range c.DNSNames {
		out = append(out, strings.ToValidUTF8(name, "?"))
	}
	for _, ip := range c.IPAddresses {
		out = append(out, ip.String())
	}
	return out
}

// Dated returns what is to be said of the certificates at a moment. One that has expired is
// an error, so that it does not replace a good one; but a certificate that is being served
// (by its fingerprint) and expires meanwhile is a warning, so that it does not hold up the
// policies beside it.
func (m *Model) Dated(now time.Time, served map[string]bool) diag.List {
	var out diag.List
	for _, c := range m.certificates {
		code, what := diag.CodeExpired, fmt.Sprintf("expired on %s", c.NotAfter.Format(time.RFC3339))
		switch {
		case now.Before(c.NotBefore):
			code, what = diag.CodeNotYetValid, fmt.Sprintf("is not valid before %s", c.NotBefore.Format(time.RFC3339))
		case !now.After(c.NotAfter):
			continue
		case served[c.Fingerprint]:
			code = diag.CodeExpiredServed
		}
		if c.Authority {
			code = diag.CodeAuthorityExpired
		}
		d := diag.New(code, c.Pos, "the certificate of %s %s", c.owner(), what).WithHint("replace it; the next one takes effect without closing a connection")
		d.Reach = c.Reach
		out = append(out, d)
	}
	return out
}

// owner names the certificate for a person.
func (c Certificate) owner() string {
	name := c.Name
	if c.Namespace != "" {
		name = c.Namespace + "/" + name
	}
	if len(c.Hosts) > 0 {
		return fmt.Sprintf("%s (%s)", name, strings.Join(c.Hosts, ", "))
	}
	return fmt.Sprintf("%s (%s)", name, c.Subject)
}
