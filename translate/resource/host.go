package resource

import (
	"net/netip"
	"strings"

	"github.com/portreeve/portreeve/internal/diag"
)

// isHostName reports whether s is a DNS name, in any case, of at most 253 characters. A
// short name such as productpage counts.
func isHostName(s string) bool {
	return isSubdomain(strings.ToLower(strings.TrimSuffix(s, ".")))
}

// isHost accepts a DNS name, "*", and a name whose first part is * or begins with *-.
func isHost(s string) bool {
	if s == "*" {
		return true
	}
	if rest, ok := strings.CutPrefix(s, "*."); ok {
		return isHostName(rest)
	}
	if rest, ok := strings.CutPrefix(s, "*-"); ok {
		return isHostName(rest)
	}
	return isHostName(s)
}

func isAddress(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Zone() == ""
}

func (c *checker) host(path Path, h string) {
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

// exportTo accepts "*" for every namespace, "." for the object's own, "~" for none, and
// namespaces by name.
func (c *checker) exportTo(values []string) { c.exportToAt(Path{"spec", "exportTo"}, values) }

func (c *checker) exportToAt(path Path, values []string) {
	for i, v := range values {
		switch {
		case v != "*" && v != "." && v != "~" && !isLabel(v):
			c.add(diag.CodeExportTo, path.Field(i), "%q is not a namespace", v).WithHint(`"*" for every namespace, "." for this one, or a namespace`)
		case len(values) > 1 && (v == "*" || v == "~"):
			c.add(diag.CodeOneOf, path, "%s has %q beside other values", path, v).WithHint(`"*" alone means every namespace, "~" alone means none`)
		}
	}
}

func (c *checker) portNumber(path Path, n uint32) {
	if n == 0 || n > 65535 {
		c.add(diag.CodePort, path, "%d is not a port", n).WithHint("1 to 65535")
	}
}

// protocols are those that Istio knows.
func protocols() []string {
	return []string{"HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTPS", "TLS", "TCP", "UDP", "MONGO", "MYSQL", "REDIS"}
}
