package model

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/resource"
)

// defaultTrustDomain stands in principals for the mesh's own trust domain, whatever its name.
const defaultTrustDomain = "cluster.local"

// trustDomains are the mesh's trust domain and then its aliases: names of one and the same.
// Without any, identities mean what they say.
type trustDomains []string

// trustDomainsOf reads the mesh configuration. A mesh that sets none leaves identities as
// they are written.
func trustDomainsOf(mesh *meshv1alpha1.MeshConfig) trustDomains {
	name, aliases := mesh.GetTrustDomain(), mesh.GetTrustDomainAliases()
	switch {
	case name != "":
		return append(trustDomains{name}, aliases...)
	case len(aliases) > 0:
		return append(trustDomains{defaultTrustDomain}, aliases...)
	default:
		return nil
	}
}

// migrate returns the policy with every identity of the mesh written for each of its trust
// domains, as Istio compiles it, and false where that changes nothing. Its rules keep their
// places; the values of a field do not.
func (t trustDomains) migrate(policy *resource.Resource) (*resource.Resource, bool) {
	spec, ok := policy.Spec.(*securityv1beta1.AuthorizationPolicy)
	if !ok || len(t) == 0 || len(uses(spec, domainFields, isDomainKey)) == 0 {
		return policy, false
	}
	spec = proto.Clone(spec).(*securityv1beta1.AuthorizationPolicy)
	for _, rule := range spec.GetRules() {
		for _, from := range rule.GetFrom() {
			if s := from.GetSource(); s != nil {
				s.Principals, s.NotPrincipals = t.principals(s.GetPrincipals()), t.principals(s.GetNotPrincipals())
				s.TrustDomains, s.NotTrustDomains = t.names(s.GetTrustDomains()), t.names(s.GetNotTrustDomains())
			}
		}
		for _, when := range rule.GetWhen() {
			switch when.GetKey() {
			case "source.principal":
				when.Values, when.NotValues = t.principals(when.GetValues()), t.principals(when.GetNotValues())
			case "source.trustDomain":
				when.Values, when.NotValues = t.names(when.GetValues()), t.names(when.GetNotValues())
			}
		}
	}
	if proto.Equal(spec, policy.Spec) {
		return policy, false
	}
	out := *policy
	out.Spec, out.Source = spec, policy
	return &out, true
}

// domainFields are the fields of a source that have trust domains in them.
func domainFields(s *securityv1beta1.Source) []field {
	return []field{{"principals", s.GetPrincipals()}, {"notPrincipals", s.GetNotPrincipals()}, {"trustDomains", s.GetTrustDomains()}, {"notTrustDomains", s.GetNotTrustDomains()}}
}

func isDomainKey(key string) bool { return key == "source.principal" || key == "source.trustDomain" }

// principals writes each principal of the form domain/ns/…/sa/… whose domain is one of the
// mesh's for all of them. Every other value stays.
func (t trustDomains) principals(values []string) []string {
	var out []string
	for _, v := range values {
		parts := strings.Split(v, "/")
		if len(parts) != 5 || parts[0] == "*" || !t.has(parts[0]) {
			out = append(out, v)
			continue
		}
		out = append(out, t.each(parts[0], v)...)
	}
	return out
}

func (t trustDomains) has(name string) bool {
	return name == defaultTrustDomain || slices.ContainsFunc(t, func(domain string) bool {
		return name == domain || overlaps(name, domain) || overlaps(domain, name)
	})
}

// overlaps reports whether a pattern with a * at one end, or at both, stands for the name.
func overlaps(name, pattern string) bool {
	prefix, last := strings.CutSuffix(pattern, "*")
	return endsLike(name, pattern) || last && strings.HasPrefix(name, prefix)
}

func endsLike(name, pattern string) bool {
	suffix, first := strings.CutPrefix(pattern, "*")
	return first && strings.HasSuffix(name, suffix)
}

// each writes a principal for every domain. One whose own domain *suffix stands for a domain
// already stays as it is for that one.
func (t trustDomains) each(name, principal string) []string {
	var out []string
	for _, domain := range t {
		v := domain + strings.TrimPrefix(principal, name)
		if endsLike(domain, name) {
			v = principal
		}
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}

// names puts all of the mesh's trust domains where one of them stands.
func (t trustDomains) names(values []string) []string {
	var out []string
	for _, v := range values {
		of := []string{v}
		if slices.Contains(t, v) {
			of = t
		}
		for _, name := range of {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}
