package resource

import (
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
)

// namedList is a field that is a list of values.
type namedList struct {
	name   string
	values []string
}

// identityFields are the fields of a source about who the peer or the token is.
func identityFields(s *securityv1beta1.Source) []namedList {
	return []namedList{
		{"principals", s.GetPrincipals()}, {"notPrincipals", s.GetNotPrincipals()},
		{"requestPrincipals", s.GetRequestPrincipals()}, {"notRequestPrincipals", s.GetNotRequestPrincipals()},
		{"namespaces", s.GetNamespaces()}, {"notNamespaces", s.GetNotNamespaces()},
		{"serviceAccounts", s.GetServiceAccounts()}, {"notServiceAccounts", s.GetNotServiceAccounts()},
		{"trustDomains", s.GetTrustDomains()}, {"notTrustDomains", s.GetNotTrustDomains()},
	}
}

// addressFields are the fields of a source about where it is.
func addressFields(s *securityv1beta1.Source) []namedList {
	return []namedList{
		{"ipBlocks", s.GetIpBlocks()}, {"notIpBlocks", s.GetNotIpBlocks()},
		{"remoteIpBlocks", s.GetRemoteIpBlocks()}, {"notRemoteIpBlocks", s.GetNotRemoteIpBlocks()},
	}
}

// authorizationRuleChecker checks a rule of an AuthorizationPolicy: from, to, and what its action
// allows.
type authorizationRuleChecker struct{ valueChecker }

// source checks an entry of from.
func (c authorizationRuleChecker) source(entry Path, s *securityv1beta1.Source) {
	path := entry.Field("source")
	identities, addresses := identityFields(s), addressFields(s)
	if allEmpty(identities) && allEmpty(addresses) {
		c.emptyEntry(entry, "source", "principals, requestPrincipals, ipBlocks or another field of a source")
		return
	}
	for _, f := range identities {
		if len(f.values) > 0 {
			c.identities(path, f)
		}
	}
	for _, f := range addresses {
		if len(f.values) > 0 {
			ruleValueChecker{c.valueChecker}.addresses(path, f.name, f.values)
		}
	}
	// Istio's CRD counts a list that is written, also an empty one.
	account := c.firstWritten(path, "serviceAccounts", "notServiceAccounts")
	if account != "" && c.firstWritten(path, "principals", "notPrincipals", "namespaces", "notNamespaces") != "" {
		c.addKey(diag.CodeServiceAccountMix, path.Field(account), "%s cannot stand beside principals or namespaces", account).
			WithHint("use one of them, or two entries of from")
	}
}

// firstWritten returns the first of the fields that the document has, or "".
func (r *reporter) firstWritten(path Path, fields ...string) string {
	for _, f := range fields {
		if r.written(path.Field(f)) {
			return f
		}
	}
	return ""
}

// identities checks the values of one field of a source.
func (c authorizationRuleChecker) identities(path Path, f namedList) {
	c.nonEmpty(path, f.name, f.values)
	switch f.name {
	case "namespaces", "notNamespaces":
		ruleValueChecker{c.valueChecker}.peerLength(path, f.name, f.values)
	case "principals", "notPrincipals":
		ruleValueChecker{c.valueChecker}.peerLength(path, f.name, f.values)
		ruleValueChecker{c.valueChecker}.wildcards(path, f.name, f.values)
	case "requestPrincipals", "notRequestPrincipals":
		ruleValueChecker{c.valueChecker}.wildcards(path, f.name, f.values)
		ruleValueChecker{c.valueChecker}.requestPrincipals(path, f.name, f.values)
	case "serviceAccounts", "notServiceAccounts":
		c.atMost(path.Field(f.name), len(f.values), maxServiceAccounts)
		ruleValueChecker{c.valueChecker}.serviceAccounts(path, f.name, f.values)
	case "trustDomains", "notTrustDomains":
		ruleValueChecker{c.valueChecker}.peerLength(path, f.name, f.values)
		ruleValueChecker{c.valueChecker}.trustDomains(path, f.name, f.values)
	}
}

// maxPeer is the length of a value about the peer's identity. Most become a regular
// expression, of which a gateway takes maxProgram instructions, at most three a character.
const maxPeer = maxProgram / 4

// peerLength refuses values that Envoy would refuse, with the rest of the policy.
func (c ruleValueChecker) peerLength(path Path, field string, values []string) {
	for i, v := range values {
		if len(v) > maxPeer {
			c.add(diag.CodeTooMany, path.Field(field, i), "the value has %d bytes", len(v)).WithHint("at most %d", maxPeer)
		}
	}
}

// operation checks an entry of to.
func (c authorizationRuleChecker) operation(entry Path, o *securityv1beta1.Operation) {
	path := entry.Field("operation")
	fields := []struct {
		namedList
		check func(Path, string, []string)
	}{
		{namedList{"hosts", o.GetHosts()}, ruleValueChecker{c.valueChecker}.hosts}, {namedList{"notHosts", o.GetNotHosts()}, ruleValueChecker{c.valueChecker}.hosts},
		{namedList{"ports", o.GetPorts()}, ruleValueChecker{c.valueChecker}.ports}, {namedList{"notPorts", o.GetNotPorts()}, ruleValueChecker{c.valueChecker}.ports},
		{namedList{"methods", o.GetMethods()}, ruleValueChecker{c.valueChecker}.methods}, {namedList{"notMethods", o.GetNotMethods()}, ruleValueChecker{c.valueChecker}.methods},
		{namedList{"paths", o.GetPaths()}, ruleValueChecker{c.valueChecker}.paths}, {namedList{"notPaths", o.GetNotPaths()}, ruleValueChecker{c.valueChecker}.paths},
	}
	empty := true
	for _, f := range fields {
		if len(f.values) > 0 {
			empty = false
			f.check(path, f.name, f.values)
		}
	}
	if empty {
		c.emptyEntry(entry, "operation", "hosts, ports, methods, paths or another field of an operation")
	}
}

// emptyEntry reports a source or operation that is absent or has no field. It would match
// everything, which Istio does not let anybody write that way.
func (c authorizationRuleChecker) emptyEntry(entry Path, field, accepted string) {
	path := entry.Field(field)
	if c.unknown[path.String()] {
		return
	}
	c.addMissing(diag.CodeEmptyRule, c.deepest(entry, field), "%s has no field", path).WithHint("give it %s, or take the entry out", accepted)
}

func allEmpty(fields []namedList) bool {
	for _, f := range fields {
		if len(f.values) > 0 {
			return false
		}
	}
	return true
}
