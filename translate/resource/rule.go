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

func (c authorizationRuleChecker) rule(path Path, rule *securityv1beta1.Rule) {
	// Of a list that is written and empty nobody knows whether it stands for anybody or for
	// nobody. It would be anybody, which is wider.
	for _, f := range []struct {
		name string
		n    int
	}{{"from", len(rule.GetFrom())}, {"to", len(rule.GetTo())}} {
		if at := path.Field(f.name); f.n == 0 && c.written(at) {
			c.add(diag.CodeEmptyRule, at, "%s is an empty list, which would match every request", at).WithHint("give it an entry, or take it out")
		}
	}
	c.atMost(path.Field("from"), len(rule.GetFrom()), maxRules)
	for i, from := range rule.GetFrom() {
		c.source(path.Field("from", i), from.GetSource())
	}
	for i, to := range rule.GetTo() {
		c.operation(path.Field("to", i), to.GetOperation())
	}
	for i, when := range rule.GetWhen() {
		ruleValueChecker(c).condition(path.Field("when", i), when)
	}
}

// customRule refuses identities in a CUSTOM policy: its provider is asked before the
// token is verified, so they are not known yet.
func (c authorizationRuleChecker) customRule(path Path, rule *securityv1beta1.Rule) {
	for i, from := range rule.GetFrom() {
		for _, f := range identityFields(from.GetSource()) {
			if len(f.values) > 0 {
				c.addKey(diag.CodeCustomSource, path.Field("from", i, "source", f.name), "%s cannot stand in a CUSTOM policy: the provider is asked before identities are known", f.name).
					WithHint("use ipBlocks, remoteIpBlocks, or what the operation has")
			}
		}
	}
	for i, when := range rule.GetWhen() {
		if identityKey(when.GetKey()) {
			c.add(diag.CodeCustomCondition, path.Field("when", i, "key"), "%s cannot stand in a CUSTOM policy: the provider is asked before identities are known", when.GetKey()).
				WithHint("use a key that is not about an identity, such as request.headers[…]")
		}
	}
}

// denyRule warns where a DENY rule is wider than it reads. A TCP or TLS passthrough server
// has no HTTP fields; there they are left out of the rule, which then denies more. Where there
// are Gateways it is known which servers a policy meets, and said of each (PR0904).
func (c authorizationRuleChecker) denyRule(path Path, rule *securityv1beta1.Rule) {
	if !httpOnly(rule) {
		return
	}
	c.addAlone(diag.CodeDenyTCP, path, "the rule has HTTP fields and no ports; on a TCP or TLS passthrough server it denies every connection that its other fields match").
		WithHint("if the workload has such a server, add the HTTP server's ports to the operation")
}

func httpOnly(rule *securityv1beta1.Rule) bool {
	for _, to := range rule.GetTo() {
		if o := to.GetOperation(); len(o.GetPorts())+len(o.GetNotPorts()) == 0 {
			return true
		}
	}
	if len(rule.GetTo()) > 0 {
		return false
	}
	for _, from := range rule.GetFrom() {
		s := from.GetSource()
		if len(s.GetRequestPrincipals())+len(s.GetNotRequestPrincipals()) > 0 && !hasTCP(s) {
			return true
		}
	}
	return false
}

// hasTCP reports whether a source has a field that a TCP connection has too.
func hasTCP(s *securityv1beta1.Source) bool {
	return len(s.GetPrincipals())+len(s.GetNotPrincipals())+len(s.GetNamespaces())+len(s.GetNotNamespaces())+
		len(s.GetServiceAccounts())+len(s.GetNotServiceAccounts())+len(s.GetTrustDomains())+len(s.GetNotTrustDomains())+
		len(s.GetIpBlocks())+len(s.GetNotIpBlocks())+len(s.GetRemoteIpBlocks())+len(s.GetNotRemoteIpBlocks()) > 0
}

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
			ruleValueChecker(c).addresses(path, f.name, f.values)
		}
	}
	// Istio's CRD counts a list that is written, also an empty one.
	account := c.firstWritten(path, "serviceAccounts", "notServiceAccounts")
	if account != "" && c.firstWritten(path, "principals", "notPrincipals", "namespaces", "notNamespaces") != "" {
		c.addKey(diag.CodeServiceAccountMix, path.Field(account), "%s cannot stand beside principals or namespaces", account).
			WithHint("use one of them, or two entries of from")
	}
}

// identities checks the values of one field of a source.
func (c authorizationRuleChecker) identities(path Path, f namedList) {
	c.nonEmpty(path, f.name, f.values)
	switch f.name {
	case "namespaces", "notNamespaces":
		ruleValueChecker(c).peerLength(path, f.name, f.values)
	case "principals", "notPrincipals":
		ruleValueChecker(c).peerLength(path, f.name, f.values)
		ruleValueChecker(c).wildcards(path, f.name, f.values)
	case "requestPrincipals", "notRequestPrincipals":
		ruleValueChecker(c).wildcards(path, f.name, f.values)
		ruleValueChecker(c).requestPrincipals(path, f.name, f.values)
	case "serviceAccounts", "notServiceAccounts":
		c.atMost(path.Field(f.name), len(f.values), maxServiceAccounts)
		ruleValueChecker(c).serviceAccounts(path, f.name, f.values)
	case "trustDomains", "notTrustDomains":
		ruleValueChecker(c).peerLength(path, f.name, f.values)
		ruleValueChecker(c).trustDomains(path, f.name, f.values)
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
		{namedList{"hosts", o.GetHosts()}, ruleValueChecker(c).hosts}, {namedList{"notHosts", o.GetNotHosts()}, ruleValueChecker(c).hosts},
		{namedList{"ports", o.GetPorts()}, ruleValueChecker(c).ports}, {namedList{"notPorts", o.GetNotPorts()}, ruleValueChecker(c).ports},
		{namedList{"methods", o.GetMethods()}, ruleValueChecker(c).methods}, {namedList{"notMethods", o.GetNotMethods()}, ruleValueChecker(c).methods},
		{namedList{"paths", o.GetPaths()}, ruleValueChecker(c).paths}, {namedList{"notPaths", o.GetNotPaths()}, ruleValueChecker(c).paths},
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
