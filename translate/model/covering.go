package model

import (
	"net/netip"
	"slices"
	"strings"

	securityv1beta1 "istio.io/api/security/v1beta1"
)

// covering tells whether every request that one rule matches is matched by another. It says yes
// only where that is certain. It compares a bounded number of rules and values, and then says no.
type covering struct {
	// left is how many more rules and values may be compared: a large directory must not take long.
	left int
}

// maxCoverings bounds the rules and values that are compared in one Build.
const maxCoverings = 200_000

// valueKind is how the values of a field are compared.
type valueKind int

const (
	// literally: only equal values are known to match the same.
	literally valueKind = iota
	// oneText: a request has one text, which values match with a * first or last.
	oneText
	// texts: as oneText, but a request may have several, of which one is enough.
	texts
	addresses
	// accounts without a namespace are in that of their policy.
	accounts
)

// part is a field of a rule and its negation.
type part struct {
	kind    valueKind
	is, not []string
}

// rule reports whether all that the narrow rule matches is matched by the wide one.
func (c *covering) rule(wide, narrow *securityv1beta1.Rule) bool {
	return c.sources(wide.GetFrom(), narrow.GetFrom()) && c.operations(wide.GetTo(), narrow.GetTo()) && c.conditions(wide.GetWhen(), narrow.GetWhen())
}

func (c *covering) sources(wide, narrow []*securityv1beta1.Rule_From) bool {
	return len(wide) == 0 || len(narrow) > 0 && !slices.ContainsFunc(narrow, func(n *securityv1beta1.Rule_From) bool {
		return !slices.ContainsFunc(wide, func(w *securityv1beta1.Rule_From) bool {
			return c.parts(sourceParts(w.GetSource()), sourceParts(n.GetSource()))
		})
	})
}

func (c *covering) operations(wide, narrow []*securityv1beta1.Rule_To) bool {
	return len(wide) == 0 || len(narrow) > 0 && !slices.ContainsFunc(narrow, func(n *securityv1beta1.Rule_To) bool {
		return !slices.ContainsFunc(wide, func(w *securityv1beta1.Rule_To) bool {
			return c.parts(operationParts(w.GetOperation()), operationParts(n.GetOperation()))
		})
	})
}

func (c *covering) conditions(wide, narrow []*securityv1beta1.Condition) bool {
	return !slices.ContainsFunc(wide, func(w *securityv1beta1.Condition) bool {
		return !slices.ContainsFunc(narrow, func(n *securityv1beta1.Condition) bool {
			return w.GetKey() == n.GetKey() && c.part(conditionPart(w), conditionPart(n))
		})
	})
}

func sourceParts(s *securityv1beta1.Source) []part {
	return []part{
		{literally, s.GetPrincipals(), s.GetNotPrincipals()},
		{literally, s.GetRequestPrincipals(), s.GetNotRequestPrincipals()},
		{literally, s.GetNamespaces(), s.GetNotNamespaces()},
		{accounts, s.GetServiceAccounts(), s.GetNotServiceAccounts()},
		{literally, s.GetTrustDomains(), s.GetNotTrustDomains()},
		{addresses, s.GetIpBlocks(), s.GetNotIpBlocks()},
		{addresses, s.GetRemoteIpBlocks(), s.GetNotRemoteIpBlocks()},
	}
}

func operationParts(o *securityv1beta1.Operation) []part {
	return []part{
		{oneText, lower(o.GetHosts()), lower(o.GetNotHosts())},
		{oneText, o.GetMethods(), o.GetNotMethods()},
		{oneText, o.GetPaths(), o.GetNotPaths()},
		{oneText, o.GetPorts(), o.GetNotPorts()},
	}
}

func conditionPart(w *securityv1beta1.Condition) part {
	out := part{literally, w.GetValues(), w.GetNotValues()}
	switch key := w.GetKey(); {
	case key == "source.ip" || key == "remote.ip" || key == "destination.ip":
		out.kind = addresses
	case key == "source.serviceAccount":
		out.kind = accounts
	case strings.HasPrefix(key, "request.headers[") || strings.HasPrefix(key, authKeys+"claims["):
		out.kind = texts
	}
	return out
}

func lower(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = strings.ToLower(v)
	}
	return out
}

func (c *covering) parts(wide, narrow []part) bool {
	for i := range wide {
		if !c.part(wide[i], narrow[i]) {
			return false
		}
	}
	return true
}

func (c *covering) part(wide, narrow part) bool {
	if len(wide.is) > 0 && (len(narrow.is) == 0 || !c.each(narrow.is, wide.is, wide.kind)) {
		return false
	}
	if len(wide.not) == 0 || len(narrow.not) > 0 && c.each(wide.not, narrow.not, wide.kind) {
		return true
	}
	// What has one text, and that is another, is none of those that are excepted.
	return wide.kind == oneText && len(narrow.is) > 0 && c.apart(narrow.is, wide.not)
}

// each reports whether each of the narrow values is covered by a wide one.
func (c *covering) each(narrow, wide []string, kind valueKind) bool {
	return !slices.ContainsFunc(narrow, func(n string) bool {
		return !slices.ContainsFunc(wide, func(w string) bool { return c.spend() && covers(w, n, kind) })
	})
}

// apart reports whether no text is matched by a value of both.
func (c *covering) apart(a, b []string) bool {
	return !slices.ContainsFunc(a, func(v string) bool {
		return slices.ContainsFunc(b, func(w string) bool {
			return !c.spend() || isTemplate(v) || isTemplate(w) || ruleText(v).meets(ruleText(w))
		})
	})
}

func (c *covering) spend() bool {
	c.left--
	return c.left >= 0
}

func covers(wide, narrow string, kind valueKind) bool {
	switch {
	case wide == narrow:
		return kind != accounts || strings.Contains(wide, "/")
	case kind == addresses:
		w, n := block(wide), block(narrow)
		return w.IsValid() && n.IsValid() && w.Bits() <= n.Bits() && w.Contains(n.Addr())
	case kind == literally || kind == accounts || isTemplate(wide) || isTemplate(narrow):
		return false
	default:
		return ruleText(wide).covers(ruleText(narrow))
	}
}

func isTemplate(v string) bool { return strings.ContainsAny(v, "{}") }

// block reads an address or block. It is not valid where it cannot be read.
func block(v string) netip.Prefix {
	if a, err := netip.ParseAddr(v); err == nil {
		return netip.PrefixFrom(a, a.BitLen())
	}
	p, _ := netip.ParsePrefix(v)
	return p
}
