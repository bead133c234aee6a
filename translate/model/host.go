package model

import (
	"net/netip"
	"strings"
)

// Host is a host name as Istio writes it: lower case, or "*", or with a leading "*.".
type Host string

// resolve completes a short name: one without a dot gets .namespace.svc.domain, except
// "*" and IP addresses.
func (s Settings) resolve(name, namespace string) Host {
	name = strings.ToLower(name)
	if strings.Contains(name, ".") || strings.Contains(name, "*") || isIP(name) {
		return Host(name)
	}
	return Host(name + "." + namespace + ".svc." + s.DomainSuffix)
}

// served completes a name like resolve, as requests and connections come with it: without
// the dot that may end a name.
func (s Settings) served(name, namespace string) Host {
	return Host(strings.TrimSuffix(string(s.resolve(name, namespace)), "."))
}

func isIP(name string) bool {
	_, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil
}

// Wildcard reports a host that stands for more than one name.
func (h Host) Wildcard() bool { return strings.HasPrefix(string(h), "*") }

// within reports whether every name that h stands for is one that outer stands for.
func (h Host) within(outer Host) bool {
	suffix, wild := strings.CutPrefix(string(outer), "*")
	if !wild {
		return h == outer
	}
	return strings.HasSuffix(strings.TrimPrefix(string(h), "*"), suffix)
}

// intersect returns the names that both hosts stand for, and whether there are any. Of two
// hosts one contains the other or they have nothing in common.
func (h Host) intersect(o Host) (Host, bool) {
	switch {
	case h.within(o):
		return h, true
	case o.within(h):
		return o, true
	default:
		return "", false
	}
}
