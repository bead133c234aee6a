package model

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// secretUse is a Secret and what it is named for.
type secretUse struct {
	*resource.Secret
	purpose purpose
}

func compareUses(a, b secretUse) int {
	return cmp.Or(a.Pos.Compare(b.Pos), cmp.Compare(a.purpose, b.purpose))
}

// secretUsers are those who use a Secret for one purpose.
type secretUsers struct {
	// scope is the gateways that may be served with it.
	scope diag.Scope
	// peers says, for a person, who is verified with it.
	peers string
}

// all holds the Secrets that Gateways and DestinationRules name against what they are named
// for. It returns also the certificates in them, in the order of the files.
func (k certificateChecks) all() (diag.List, []Certificate) {
	uses, out := k.uses()
	var certificates []Certificate
	for _, u := range slices.SortedFunc(maps.Keys(uses), compareUses) {
		by := uses[u]
		inside, found := k.credentials.described(u.Secret, u.purpose, by.peers)
		if found.HasErrors() && k.strange(u.Secret) {
			continue
		}
		if u.Unplaced {
			found = append(slices.Clip(found), u.Diagnostic(diag.CodeSecretNamespace, u.Pos, "%s has no namespace, so only gateways that run in %s have it", u.Secret, u.Namespace).
				WithHint("metadata.namespace: the namespace in which the gateways run"))
		}
		for _, d := range found {
			d.Scope = by.scope
			out = append(out, d)
		}
		for _, c := range inside {
			c.Scope = by.scope
			certificates = append(certificates, c)
		}
	}
	slices.SortFunc(certificates, compareCertificates)
	return slices.Concat(out, k.serverCertificates(), k.sharedCertificates()), certificates
}

// uses returns the Secrets that are named and are there, with who names them. It reports those
// that are nowhere.
func (k certificateChecks) uses() (map[secretUse]secretUsers, diag.List) {
	var out diag.List
	uses := map[secretUse]secretUsers{}
	for _, c := range k.named {
		found := k.standing(c)
		if len(found) == 0 {
			d := diagnosticAt(diag.CodeCredential, c.by, c.path, "there is no Secret %s", c.name).WithHint("%s", k.credentialHint(c))
			d.Scope = diag.Limited(c.scope)
			out = append(out, d)
		}
		for _, s := range found {
			u := secretUse{s, c.purpose}
			by := secretUsers{diag.Limited(diag.Target{Namespace: s.Namespace, Labels: c.scope.Labels}), c.peers()}
			if before, ok := uses[u]; ok {
				by.scope = before.scope.Union(by.scope)
				if before.peers != by.peers {
					by.peers = "clients and backends"
				}
			}
			uses[u] = by
		}
	}
	return uses, out
}

// strange reports a Secret that probably has nothing to do with the Gateways that name one
// like it: it stands in a namespace where no Gateway does. Should a gateway run there after
// all, Missing refuses it.
func (k certificateChecks) strange(s *resource.Secret) bool {
	if s.Namespace == "" || s.Namespace == k.settings.RootNamespace || len(k.credentials[s.Name]) == 1 {
		return false
	}
	return !slices.ContainsFunc(k.gateways, func(g *resource.Resource) bool { return g.Namespace == s.Namespace })
}

// standing returns what a credential can mean, in whatever namespace a gateway runs.
func (k certificateChecks) standing(c credential) []*resource.Secret {
	namespaces := map[string]bool{}
	stem := strings.TrimSuffix(c.name, resource.AuthoritySuffix)
	for _, name := range []string{c.name, stem, stem + resource.AuthoritySuffix} {
		for _, s := range k.credentials[name] {
			namespaces[s.Namespace] = true
		}
	}
	var out []*resource.Secret
	for namespace := range namespaces {
		if s := c.find(k.credentials, namespace); s != nil && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func (k certificateChecks) credentialHint(c credential) string {
	known := make([]string, 0, len(k.credentials))
	for name := range k.credentials {
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
