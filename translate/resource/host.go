package resource

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
)

// isHostName reports whether s is a DNS name, in any case, of at most 253 characters. A
// short name such as productpage counts. One that ends in a number does not: it is an
// address, or was meant to be one.
func isHostName(s string) bool {
	s = strings.ToLower(strings.TrimSuffix(s, "."))
	last := s[strings.LastIndexByte(s, '.')+1:]
	return isSubdomain(s) && strings.Trim(last, "0123456789") != ""
}

// isHost accepts a DNS name, "*", and a name that begins with *, as in *.example, *-a.example
// and *a.example.
func isHost(s string) bool {
	rest, wild := strings.CutPrefix(s, "*")
	if wild && (strings.HasPrefix(rest, ".") || strings.HasPrefix(rest, "-")) {
		rest = rest[1:]
	}
	return s == "*" || isHostName(rest)
}

// partialWildcard reports a host such as *-a.example, whose * stands for a part of a name's
// first part. TLS connections cannot be told by it.
func partialWildcard(host string) bool {
	return strings.HasPrefix(host, "*") && host != "*" && !strings.HasPrefix(host, "*.")
}

func isAddress(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Zone() == ""
}

func (c valueChecker) host(path Path, h string) {
	if !isHost(h) {
		c.add(diag.CodeHost, path, "%q is not a host", h).WithHint("a host name, *.domain or *")
	}
}

// covers reports whether host a, which may be a wildcard, contains host b.
func covers(a, b string) bool {
	a, b = strings.ToLower(a), strings.ToLower(b)
	suffix, wild := strings.CutPrefix(a, "*")
	return a == b || wild && strings.HasSuffix(b, suffix)
}

// exportTo accepts "*" for every namespace, "." for the object's own, namespaces by name,
// and what else the kind has.
func (c valueChecker) exportTo(values []string, more ...string) {
	c.exportToAt(Path{"spec", "exportTo"}, values, more...)
}

func (c valueChecker) exportToAt(path Path, values []string, more ...string) {
	seen := map[string]bool{}
	for i, v := range values {
		name := v
		if v == "." {
			name = c.key.Namespace
		}
		switch {
		case v != "*" && v != "." && !slices.Contains(more, v) && !isLabel(v):
			c.add(diag.CodeExportTo, path.Field(i), "%q is not a namespace", v).WithHint(`"*" for every namespace, "." for this one, or a namespace`)
		case len(values) > 1 && (v == "*" || v == "~"):
			c.add(diag.CodeOneOf, path, "%s has %q beside other values", path, v).WithHint("keep one of them; %q says all", v)
		case seen[name]:
			c.add(diag.CodeExportTo, path.Field(i), "%q is in the list already", v).WithHint("write each namespace once")
		}
		seen[name] = true
	}
}

// requestProtocols are those that carry requests in the clear.
func requestProtocols() []string { return []string{"HTTP", "HTTP2", "GRPC", "GRPC-WEB"} }

// protocols are those that Istio knows.
func protocols() []string {
	return append(requestProtocols(), "HTTPS", "TLS", "TCP", "UDP", "MONGO", "MYSQL", "REDIS")
}

// gatewayName checks name, ./name, namespace/name and the older name.namespace and
// name.namespace.svc.domain.
func (c valueChecker) gatewayName(path Path, name string) {
	namespace, rest, qualified := strings.Cut(name, "/")
	valid := isObjectName(strings.TrimSuffix(name, "."))
	if qualified {
		valid = (namespace == "." || isLabel(namespace)) && isLabel(rest)
	}
	if !valid {
		c.add(diag.CodeVirtualService, path, "%q is not the name of a Gateway", name).WithHint("name, or namespace/name")
	} else if parts := strings.Split(name, "."); !qualified && len(parts) > 1 {
		c.add(diag.CodeDeprecated, path, "%q is an older form of a Gateway's name", name).WithHint("write %s/%s", parts[1], parts[0])
	}
}
