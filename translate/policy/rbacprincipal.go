package policy

import (
	"slices"
	"strings"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/resource"
)

func allIDs(ids ...*rbacv3.Principal) *rbacv3.Principal {
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_AndIds{AndIds: &rbacv3.Principal_Set{Ids: ids}}}
}

func anyID(ids ...*rbacv3.Principal) *rbacv3.Principal {
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_OrIds{OrIds: &rbacv3.Principal_Set{Ids: ids}}}
}

func notID(id *rbacv3.Principal) *rbacv3.Principal {
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_NotId{NotId: id}}
}

func everybody() *rbacv3.Principal {
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_Any{Any: true}}
}

// eachID matches when the field has any of the values. It is nil when one of them cannot be
// compiled.
func eachID(id func(string) *rbacv3.Principal) func([]string) *rbacv3.Principal {
	return func(values []string) *rbacv3.Principal {
		ids := make([]*rbacv3.Principal, 0, len(values))
		for _, v := range values {
			one := id(v)
			if one == nil {
				return nil
			}
			ids = append(ids, one)
		}
		return anyID(ids...)
	}
}

func authenticated(m func(string) *matcherv3.StringMatcher) func([]string) *rbacv3.Principal {
	return eachID(func(v string) *rbacv3.Principal {
		name := m(v)
		if name == nil {
			return nil
		}
		return &rbacv3.Principal{Identifier: &rbacv3.Principal_Authenticated_{Authenticated: &rbacv3.Principal_Authenticated{PrincipalName: name}}}
	})
}

func principalHeader(h *routev3.HeaderMatcher) *rbacv3.Principal {
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_Header{Header: h}}
}

func directRemoteIP(v string) *rbacv3.Principal {
	block := match.CIDR(v)
	if block == nil {
		return nil
	}
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_DirectRemoteIp{DirectRemoteIp: block}}
}

func remoteIP(v string) *rbacv3.Principal {
	block := match.CIDR(v)
	if block == nil {
		return nil
	}
	return &rbacv3.Principal{Identifier: &rbacv3.Principal_RemoteIp{RemoteIp: block}}
}

// idClauses collects the parts of one AND, in the order in which Istio writes them, and which fields of the
// rule they are. A part that is nil stands for what cannot be compiled.
type idClauses struct {
	parts  []*rbacv3.Principal
	fields []ruleField
	// traced says that fields are noted.
	traced bool
}

func (c *idClauses) field(at ruleField, name string, id func([]string) *rbacv3.Principal, values, notValues []string) {
	if len(values) > 0 {
		c.add(at.named(name), nonEmpty(id, values))
	}
	if len(notValues) > 0 {
		part := nonEmpty(id, notValues)
		if part != nil {
			part = notID(part)
		}
		c.add(at.except(name), part)
	}
}

func (c *idClauses) add(field ruleField, part *rbacv3.Principal) {
	if c.parts = append(c.parts, part); c.traced {
		c.fields = append(c.fields, field)
	}
}

func (c idClauses) all() *rbacv3.Principal {
	switch {
	case slices.Contains(c.parts, nil):
		return nil
	case len(c.parts) == 0:
		return allIDs(everybody())
	default:
		return allIDs(c.parts...)
	}
}

// principals renders the from entries of a rule, each with the rule's conditions on who
// asks, and notes which fields they are. The rule matches when any of them does. One that cannot be
// compiled is nil.
func principals(rule *securityv1beta1.Rule, namespace string, fields clauseFields) []*rbacv3.Principal {
	sources := []*securityv1beta1.Source{nil}
	if from := rule.GetFrom(); len(from) > 0 {
		sources = nil
		for _, f := range from {
			sources = append(sources, f.GetSource())
		}
	}
	out := make([]*rbacv3.Principal, 0, len(sources))
	for i, s := range sources {
		c := idClauses{traced: fields != nil}
		c.principal(s, i, rule.GetWhen(), namespace)
		fields.note(principalClause, i, c.fields)
		out = append(out, c.all())
	}
	return out
}

func (c *idClauses) principal(s *securityv1beta1.Source, index int, when []*securityv1beta1.Condition, namespace string) {
	c.source(ruleField{entry: "from", index: index, of: "source"}, s, namespace)
	for i, w := range when {
		key, _ := resource.ReadWhenKey(w.GetKey())
		if id := conditionID(key, namespace); id != nil {
			c.field(ruleField{entry: "when", index: i}, "values", id, w.GetValues(), w.GetNotValues())
		}
	}
}

func (c *idClauses) source(at ruleField, s *securityv1beta1.Source, namespace string) {
	c.field(at, "principals", authenticated(match.Peer), s.GetPrincipals(), s.GetNotPrincipals())
	c.field(at, "requestPrincipals", requestPrincipals, s.GetRequestPrincipals(), s.GetNotRequestPrincipals())
	c.field(at, "serviceAccounts", serviceAccounts(namespace), s.GetServiceAccounts(), s.GetNotServiceAccounts())
	c.field(at, "trustDomains", authenticated(trustDomain), s.GetTrustDomains(), s.GetNotTrustDomains())
	c.field(at, "namespaces", authenticated(match.Namespace), s.GetNamespaces(), s.GetNotNamespaces())
	c.field(at, "remoteIpBlocks", eachID(remoteIP), s.GetRemoteIpBlocks(), s.GetNotRemoteIpBlocks())
	c.field(at, "ipBlocks", eachID(directRemoteIP), s.GetIpBlocks(), s.GetNotIpBlocks())
}

func serviceAccounts(namespace string) func([]string) *rbacv3.Principal {
	return authenticated(func(v string) *matcherv3.StringMatcher {
		first, rest, qualified := strings.Cut(v, "/")
		if first == "" || qualified && rest == "" || strings.Contains(rest, "/") || strings.Contains(v, "*") {
			return nil
		}
		return match.ServiceAccount(v, namespace)
	})
}

// trustDomain takes a name with at most one *, first or last.
func trustDomain(v string) *matcherv3.StringMatcher {
	if strings.Contains(v, "/") || strings.Contains(strings.TrimSuffix(strings.TrimPrefix(v, "*"), "*"), "*") || len(v) > 1 && strings.HasPrefix(v, "*") && strings.HasSuffix(v, "*") {
		return nil
	}
	return match.TrustDomain(v)
}

// conditionID returns what a condition's key asks of the principal, or nil for a key that
// asks something of the permission.
func conditionID(key resource.WhenKey, namespace string) func([]string) *rbacv3.Principal {
	switch key.Name {
	case "source.ip":
		return eachID(directRemoteIP)
	case "remote.ip":
		return eachID(remoteIP)
	case "source.namespace":
		return authenticated(match.Namespace)
	case "source.serviceAccount":
		return serviceAccounts(namespace)
	case "source.trustDomain":
		return authenticated(trustDomain)
	case "source.principal":
		return authenticated(match.Peer)
	case "request.auth.principal":
		return requestPrincipals
	case "request.auth.audiences":
		return func(values []string) *rbacv3.Principal { return claim([]string{"aud"}, values) }
	case "request.auth.presenter":
		return func(values []string) *rbacv3.Principal { return claim([]string{"azp"}, values) }
	case resource.HeaderKey:
		return eachID(func(v string) *rbacv3.Principal { return principalHeader(match.Header(key.Args[0], v)) })
	case resource.ClaimKey:
		return func(values []string) *rbacv3.Principal { return claim(key.Args, values) }
	}
	return nil
}
