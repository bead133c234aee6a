package resource

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
)

// The bounds of the API.
const (
	maxServiceAccounts      = 16
	maxServiceAccountLength = 320
)

// ruleValueChecker checks the values of a rule, also those of its conditions and of a JWTPolicy's
// matching.
type ruleValueChecker struct{ valueChecker }

// addresses checks IP addresses and blocks.
func (c ruleValueChecker) addresses(path Path, field string, values []string) {
	for i, v := range values {
		at := path.Field(field, i)
		if v == "" {
			c.add(diag.CodeEmptyValue, at, "%s is empty", at).WithHint("write what is meant, or take it out")
			continue
		}
		if address, err := netip.ParseAddr(v); err == nil && address.Zone() == "" {
			continue
		}
		block, err := netip.ParsePrefix(v)
		switch {
		case err != nil:
			c.add(diag.CodeAddress, at, "%q is neither an IP address nor a block", v).WithHint("for example 10.1.2.3 or 10.0.0.0/8")
		case block.Masked() != block:
			c.add(diag.CodeHostBits, at, "%s has bits behind its prefix and means %s", v, block.Masked()).WithHint("write %s, or a longer prefix", block.Masked())
		}
	}
}

// ports checks ports that are written as text.
func (c ruleValueChecker) ports(path Path, field string, values []string) {
	for i, v := range values {
		at := path.Field(field, i)
		if v == "" {
			c.add(diag.CodeEmptyValue, at, "%s is empty", at).WithHint("write what is meant, or take it out")
		} else if _, err := strconv.ParseUint(v, 10, 16); err != nil {
			c.add(diag.CodePort, at, "%q is not a port", v).WithHint("0 to 65535; a range is not possible")
		}
	}
}

// hosts checks values that are compared with the Host header.
func (c ruleValueChecker) hosts(path Path, field string, values []string) {
	c.nonEmpty(path, field, values)
	for i, v := range values {
		if strings.HasPrefix(v, "*") && strings.HasSuffix(v, ":*") && len(v) > 2 {
			at := path.Field(field, i)
			c.add(diag.CodeHostPort, at, "%q matches only a host that ends with the characters %q", v, v[1:]).
				WithHint("list the host without a port and with each port: %q, %q", v[:len(v)-2], v[:len(v)-1]+"8080")
			continue
		}
		c.wildcard(path, field, i, v)
	}
}

// methods checks HTTP methods.
func (c ruleValueChecker) methods(path Path, field string, values []string) {
	c.nonEmpty(path, field, values)
	c.wildcards(path, field, values)
	for i, v := range values {
		if upper := strings.ToUpper(v); upper != v {
			c.add(diag.CodeMethodCase, path.Field(field, i), "%q matches no usual method: upper and lower case differ", v).WithHint("write %s", upper)
		}
	}
}

// paths checks paths and path templates.
func (c ruleValueChecker) paths(path Path, field string, values []string) {
	c.nonEmpty(path, field, values)
	for i, v := range values {
		if strings.ContainsAny(v, "{}") {
			c.pathTemplate(path.Field(field, i), v)
		} else {
			c.wildcard(path, field, i, v)
		}
	}
	c.shadowed(path, field, values)
}

// serviceAccounts checks service accounts, name or namespace/name.
func (c ruleValueChecker) serviceAccounts(path Path, field string, values []string) {
	for i, v := range values {
		if v == "" {
			continue
		}
		reason := ""
		namespace, name, qualified := strings.Cut(v, "/")
		switch {
		case len(v) > maxServiceAccountLength:
			reason = "is longer than 320 characters"
		case strings.Contains(v, "*"):
			reason = "has a wildcard"
		case qualified && namespace == "":
			reason = "has an empty namespace"
		case qualified && name == "":
			reason = "has an empty name"
		case strings.Contains(name, "/"):
			reason = "has more than one /"
		default:
			continue
		}
		c.add(diag.CodeServiceAccount, path.Field(field, i), "the service account %q %s", v, reason).WithHint("name, or namespace/name")
	}
}

// trustDomains checks trust domains. Istio lets a / pass in conditions; it can match nothing.
func (c ruleValueChecker) trustDomains(path Path, field string, values []string) {
	for i, v := range values {
		reason := ""
		switch stars := strings.Count(v, "*"); {
		case stars > 1:
			reason = "has more than one *"
		case stars == 1 && !strings.HasPrefix(v, "*") && !strings.HasSuffix(v, "*"):
			reason = "has a * that is neither first nor last"
		case strings.Contains(v, "/"):
			reason = "has a /"
		default:
			continue
		}
		c.add(diag.CodeTrustDomain, path.Field(field, i), "the trust domain %q %s", v, reason).WithHint("a name with at most one *, first or last")
	}
}

// wildcards warns of every * that stands for itself.
func (c ruleValueChecker) wildcards(path Path, field string, values []string) {
	for i, v := range values {
		c.wildcard(path, field, i, v)
	}
}

// wildcard mirrors how Istio reads a value: one * at the beginning or, if there is none, at
// the end is a wildcard; any other is the character itself.
func (c ruleValueChecker) wildcard(path Path, field string, i int, v string) {
	if strings.IndexByte(v, '*') < 0 {
		return
	}
	rest, first := strings.CutPrefix(v, "*")
	if !first {
		rest = strings.TrimSuffix(v, "*")
	}
	if !strings.Contains(rest, "*") {
		return
	}
	hint := "one *, first or last"
	if field == "paths" || field == "notPaths" {
		hint = "one *, first or last; or whole segments {*} and {**}"
	}
	c.add(diag.CodeInteriorWildcard, path.Field(field, i), "%q has a * that stands for itself", v).WithHint("%s", hint)
}

// requestPrincipals warns of values that no token can match. Istio splits a value at its
// last slash into issuer and subject, and neither is ever empty in a token that counts.
func (c ruleValueChecker) requestPrincipals(path Path, field string, values []string) {
	for i, v := range values {
		p := ReadRequestPrincipal(v)
		reason, hint := "", "issuer/subject, issuer/* or */subject"
		switch {
		case v == "" || !p.Slash && strings.Contains(v, "*"):
			continue
		case !p.Slash:
			reason = "has no subject"
			hint = "write " + v + "/*, or issuer/subject"
		case p.Subject == "":
			reason = "has an empty subject"
			hint = "write " + v + "* for every subject; an issuer that ends with / needs two"
		case p.Issuer == "":
			reason = "has an empty issuer"
		case p.InAddress():
			reason = "is read as the issuer " + strconv.Quote(p.Issuer) + " and the subject " + strconv.Quote(p.Subject)
			hint = "write " + strings.TrimSuffix(v, "*") + "/* for every subject of that issuer"
			if p.Subject == "*" {
				hint = "write * for every token"
			}
		default:
			continue
		}
		c.add(diag.CodeDeadPrincipal, path.Field(field, i), "no token can match %q: it %s", v, reason).WithHint("%s", hint)
	}
}
