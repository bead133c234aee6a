package model

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// Termination is how a server ends the TLS of its connections.
type Termination struct {
	Settings *networkingv1alpha3.ServerTLSSettings
	// Certificates are the names of the secrets with the server's certificates.
	Certificates []string
	// Authorities is the name of the secret that clients are verified with, or empty where
	// no client certificate is asked for.
	Authorities string
}

// Secret is what a gateway is given by secret discovery. Exactly one of its fields beside
// the name and the place is set.
type Secret struct {
	Name string
	// Pos is where it is written.
	Pos         diag.Position
	KeyPair     *resource.KeyPair
	Authorities *resource.Authorities
	// Files are paths on the gateway's machine, which the gateway reads and watches itself.
	Files *SecretFiles
}

// SecretFiles are the files of a certificate and its key, or of authorities and their
// revocation list.
type SecretFiles struct{ Certificate, Key, Authorities, Revoked string }

// credentials finds Secrets by name.
type credentials map[string][]*resource.Secret

func credentialsOf(secrets []*resource.Secret) credentials {
	out := credentials{}
	for _, s := range secrets {
		out[s.Name] = append(out[s.Name], s)
	}
	for _, named := range out {
		slices.SortFunc(named, func(a, b *resource.Secret) int {
			return cmp.Or(strings.Compare(a.Namespace, b.Namespace), a.Pos.Compare(b.Pos))
		})
	}
	return out
}

// in returns the Secret of a name that is there in a namespace, or nil. As in Istio it is
// the gateway's namespace that counts, not the Gateway's.
func (c credentials) in(namespace, name string) *resource.Secret {
	for _, s := range c[name] {
		if s.Namespace == "" || s.Namespace == namespace {
			return s
		}
	}
	return nil
}

// duplicate returns another Secret that a name can mean where it means s, or nil. A directory
// stands in every namespace and so conflicts with every manifest of its name.
func (c credentials) duplicate(s *resource.Secret) *resource.Secret {
	for _, other := range c[s.Name] {
		if other != s && (s.Namespace == other.Namespace || s.Namespace == "" || other.Namespace == "") {
			return other
		}
	}
	return nil
}

// keyPair returns the certificate and key of a Secret, or what is wrong with them. Of two
// Secrets of one name neither is picked.
func (c credentials) keyPair(s *resource.Secret) (resource.KeyPair, diag.List) {
	if duplicate := c.duplicate(s); duplicate != nil {
		return resource.KeyPair{}, diag.List{twice(s, duplicate)}
	}
	return s.KeyPair()
}

// authorities is keyPair for the authorities of a Secret, which are to verify peers.
func (c credentials) authorities(s *resource.Secret, peers string) (resource.Authorities, diag.List) {
	if duplicate := c.duplicate(s); duplicate != nil {
		return resource.Authorities{}, diag.List{twice(s, duplicate)}
	}
	return s.Authorities(peers)
}

func twice(s, duplicate *resource.Secret) diag.Diagnostic {
	return s.Diagnostic(diag.CodeSecret, s.Pos, "%s is here and at %s", s, duplicate.Pos).WithHint("keep one of them")
}

// purpose is what a server, or a client of a backend, needs a Secret for.
type purpose uint8

const (
	// forServer is the server's own certificate, or the client's.
	forServer purpose = iota
	// forClients is the authorities that clients, or the backend, are verified with.
	forClients
)

// credential is the use that a server, or a DestinationRule, makes of a Secret.
type credential struct {
	// by is the Gateway or DestinationRule that names the Secret.
	by *resource.Resource
	// scope is the gateways that may need it.
	scope   diag.Target
	name    string
	path    resource.Path
	purpose purpose
}

// peers says, for a person, who is verified with the Secret.
func (c credential) peers() string {
	if c.by.Kind == resource.DestinationRule {
		return "backends"
	}
	return "clients"
}

// sdsName is the name of the secret, as Istio has it. A certificate whose own name ends like
// that of authorities has another one: a gateway that found a certificate where it looks for
// authorities would verify nobody.
func (c credential) sdsName() string {
	switch {
	case c.purpose == forClients:
		return "kubernetes://" + strings.TrimSuffix(c.name, resource.AuthoritySuffix) + resource.AuthoritySuffix
	case strings.HasSuffix(c.name, resource.AuthoritySuffix):
		return "kubernetes-certificate://" + c.name
	default:
		return "kubernetes://" + c.name
	}
}

// same reports whether two secrets of one name hold the same.
func (s Secret) same(o Secret) bool {
	s.Pos, o.Pos = diag.Position{}, diag.Position{}
	return reflect.DeepEqual(s, o)
}

// find returns the Secret in a namespace, or nil. Authorities stand in one of their own,
// whose name ends with -cacert, or beside the certificate.
func (c credential) find(in credentials, namespace string) *resource.Secret {
	if c.purpose == forServer {
		return in.in(namespace, c.name)
	}
	stem := strings.TrimSuffix(c.name, resource.AuthoritySuffix)
	if s := in.in(namespace, stem+resource.AuthoritySuffix); s != nil {
		return s
	}
	return in.in(namespace, stem)
}

// credentials returns the Secrets that a server names.
func (s server) credentials() []credential {
	if !s.traffic().ended() {
		return nil
	}
	tls, path := s.spec.GetTls(), s.path().Field("tls")
	var out []credential
	if name := tls.GetCredentialName(); name != "" {
		out = append(out, credential{s.gateway, diag.Target{Labels: selectorOf(s)}, name, path.Field("credentialName"), forServer})
	}
	for i, name := range tls.GetCredentialNames() {
		out = append(out, credential{s.gateway, diag.Target{Labels: selectorOf(s)}, name, path.Field("credentialNames", i), forServer})
	}
	if !asksForCertificate(s.spec) || tls.GetCaCertificates() != "" {
		return out
	}
	switch {
	case tls.GetCaCertCredentialName() != "":
		out = append(out, credential{s.gateway, diag.Target{Labels: selectorOf(s)}, tls.GetCaCertCredentialName(), path.Field("caCertCredentialName"), forClients})
	case len(out) > 0:
		out = append(out, credential{s.gateway, diag.Target{Labels: selectorOf(s)}, out[0].name, out[0].path, forClients})
	}
	return out
}

// namedCredentials returns the uses that all servers and DestinationRules make of Secrets, in Istio's order.
func (x *routing) namedCredentials() []credential {
	var out []credential
	for _, gateway := range x.gateways {
		for i, spec := range gateway.Spec.(*networkingv1alpha3.Gateway).GetServers() {
			out = append(out, server{gateway, i, spec}.credentials()...)
		}
	}
	return append(out, x.rules.credentials()...)
}

// files returns the secrets that a server has as files on the gateway's machine.
func (s server) files() []Secret {
	tls, path := s.spec.GetTls(), s.path().Field("tls")
	var out []Secret
	add := func(at resource.Path, f SecretFiles) {
		out = append(out, Secret{Name: f.name(), Pos: s.gateway.Origin.At(at), Files: &f})
	}
	if tls.GetServerCertificate() != "" {
		add(path.Field("serverCertificate"), SecretFiles{Certificate: tls.GetServerCertificate(), Key: tls.GetPrivateKey()})
	}
	for i, t := range tls.GetTlsCertificates() {
		add(path.Field("tlsCertificates", i), SecretFiles{Certificate: t.GetServerCertificate(), Key: t.GetPrivateKey()})
	}
	if asksForCertificate(s.spec) && tls.GetCaCertificates() != "" {
		add(path.Field("caCertificates"), SecretFiles{Authorities: tls.GetCaCertificates(), Revoked: tls.GetCaCrl()})
	}
	return out
}

// name is the name of the secret, in the style of Istio's. It says which files they are and
// no others: a ~ in a path is written in another way than the one between two paths, and so
// is the | that stands between two names.
func (f SecretFiles) name() string {
	path := strings.NewReplacer("%", "%25", "~", "%7E", "|", "%7C").Replace
	switch {
	case f.Authorities == "":
		return fmt.Sprintf("file-cert:%s~%s", path(f.Certificate), path(f.Key))
	case f.Revoked == "":
		return "file-root:" + path(f.Authorities)
	default:
		return fmt.Sprintf("file-root:%s~%s", path(f.Authorities), path(f.Revoked))
	}
}

// termination returns how a server ends TLS on gateways of a namespace and the secrets for it, or
// false where one of them is not there or is broken: the server is then not served at all.
// Nothing gets that far, since Build and Missing report it.
func (s server) termination(in credentials, namespace string) (Termination, []Secret, bool) {
	out := Termination{Settings: s.spec.GetTls()}
	secrets := s.files()
	for _, c := range s.credentials() {
		secret, ok := in.secret(c, namespace)
		if !ok {
			return Termination{}, nil, false
		}
		secrets = append(secrets, secret)
	}
	for _, secret := range secrets {
		if secret.Authorities != nil || secret.Files != nil && secret.Files.Authorities != "" {
			out.Authorities = secret.Name
		} else {
			out.Certificates = append(out.Certificates, secret.Name)
		}
	}
	verified := out.Authorities != "" || !asksForCertificate(s.spec)
	return out, secrets, len(out.Certificates) > 0 && verified
}

// secret returns what a credential means to gateways of a namespace, or false where it is
// not there or is broken.
func (c credentials) secret(named credential, namespace string) (Secret, bool) {
	from := named.find(c, namespace)
	if from == nil {
		return Secret{}, false
	}
	if named.purpose == forClients {
		a, found := c.authorities(from, named.peers())
		return Secret{Name: named.sdsName(), Pos: a.Pos, Authorities: &a}, !found.HasErrors()
	}
	p, found := c.keyPair(from)
	return Secret{Name: named.sdsName(), Pos: p.Pos, KeyPair: &p}, !found.HasErrors()
}

// Missing returns what keeps one gateway from being served because a Secret that one of its
// servers or DestinationRules names is not there, or is broken, in the gateway's namespace, although there is
// one in another. Where it is nowhere, or the same for all, Build says so.
func (m *Model) Missing(g Gateway) diag.List {
	var out diag.List
	for _, c := range m.credentialsFor(g) {
		s := c.find(m.credentials, g.Namespace)
		if s == nil {
			out = append(out, diagnosticAt(diag.CodeCredential, c.by, c.path, "no Secret %s is in the namespace %s, in which the gateway runs", c.name, g.Namespace).
				WithHint("put it there; the namespace of the %s resource does not count", c.by.Kind))
			continue
		}
		_, found := m.credentials.described(s, c.purpose, c.peers())
		out = append(out, found.Errors()...)
	}
	return out.Sorted()
}

// secretsOf returns each secret of a name once, ordered by name.
func secretsOf(byName map[string]Secret) []Secret {
	out := make([]Secret, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		out = append(out, byName[name])
	}
	return out
}
