package resource

import (
	"net/netip"
	"slices"
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

// exportTo accepts the forms that need no list of namespaces.
func (c *checker) exportTo(values []string) {
	path := Path{"spec", "exportTo"}
	for i, v := range values {
		if v != "*" && v != "." {
			c.add(diag.CodeUnsupported, path.Field(i), "spec.exportTo %q is not translated yet", v).WithHint(`"*" for every namespace, or "." for this one`)
		}
	}
	if len(values) > 1 && slices.Contains(values, "*") {
		c.add(diag.CodeOneOf, path, `spec.exportTo has "*" beside other values`).WithHint(`"*" alone means every namespace`)
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
