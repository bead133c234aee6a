package model

import (
	"slices"
	"strconv"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// hostIndex is the hosts that the servers of all Gateways serve.
type hostIndex struct {
	// everything says that a server serves *, or that there is no server to compare with.
	everything bool
	exact      map[string]bool
	// suffixes are the wildcards without their *.
	suffixes map[string]bool
	// forward and backward hold the exact names, and all names from behind, in order.
	forward, backward []string
}

func (c *checks) newHostIndex() hostIndex {
	out := hostIndex{exact: map[string]bool{}, suffixes: map[string]bool{}}
	for _, g := range c.gateways {
		for _, spec := range g.Spec.(*networkingv1alpha3.Gateway).GetServers() {
			for _, h := range (server{gateway: g, spec: spec}).hosts(c.settings) {
				out.add(string(h.host))
			}
		}
	}
	out.everything = out.suffixes[""] || len(out.exact)+len(out.suffixes) == 0
	slices.Sort(out.forward)
	slices.Sort(out.backward)
	return out
}

func (x *hostIndex) add(host string) {
	if suffix, wild := strings.CutPrefix(host, "*"); wild {
		x.suffixes[suffix] = true
		x.backward = append(x.backward, reversed(suffix))
		return
	}
	x.exact[host] = true
	x.forward = append(x.forward, host)
	x.backward = append(x.backward, reversed(host))
}

// serves reports whether some host that is served can be one that a policy's value matches.
func (x *hostIndex) serves(value string) bool {
	value = withoutPort(strings.ToLower(value))
	if len(value) > 1 && strings.HasSuffix(value, ".") {
		return false // requests come without that dot
	}
	if x.everything || value == "*" || value == "" || strings.HasPrefix(value, "[") {
		return true
	}
	if suffix, ok := strings.CutPrefix(value, "*"); ok {
		return x.endsWith(suffix) || hasPrefix(x.backward, reversed(suffix))
	}
	if prefix, ok := strings.CutSuffix(value, "*"); ok {
		return len(x.suffixes) > 0 || hasPrefix(x.forward, prefix)
	}
	return x.exact[value] || x.endsWith(value)
}

// endsWith reports whether a wildcard that is served contains the name.
func (x *hostIndex) endsWith(name string) bool {
	for i := range name {
		if x.suffixes[name[i:]] {
			return true
		}
	}
	return false
}

func withoutPort(host string) string {
	if i := strings.LastIndexByte(host, ':'); i > 0 && !strings.HasPrefix(host, "[") {
		return host[:i]
	}
	return host
}

func hasPrefix(sorted []string, prefix string) bool {
	i, _ := slices.BinarySearch(sorted, prefix)
	return i < len(sorted) && strings.HasPrefix(sorted[i], prefix)
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// hostsServed warns of hosts for which no request can come in.
func (c policyChecks) hostsServed(policy *resource.Resource, path resource.Path, hosts []string) diag.List {
	if c.settings.Broken.any(resource.Gateway) {
		return nil
	}
	var out diag.List
	for i, h := range hosts {
		if c.hosts.serves(h) {
			continue
		}
		out = append(out, diagnosticAt(diag.CodeHostUnserved, policy, path.Field(i), "no server of a Gateway serves the host %q", h).
			WithHint("%s", c.meant(slip{"host", withoutPort(h)}, c.hosts.exact, "write a host that a Gateway serves, or add it to one")))
	}
	return out
}

// allowedHosts warns of hosts that an ALLOW rule knows, or excepts, without a port only: routes
// take a host with any port. DENY and CUSTOM rules see hosts with ports by themselves.
func (c policyChecks) allowedHosts(policy *resource.Resource, spec *securityv1beta1.AuthorizationPolicy, path resource.Path, o *securityv1beta1.Operation) diag.List {
	if spec.GetAction() != securityv1beta1.AuthorizationPolicy_ALLOW {
		return nil
	}
	var out diag.List
	for _, i := range withoutPorts(o.GetHosts()) {
		h := o.GetHosts()[i]
		if !c.hosts.serves(h) {
			continue // which says more
		}
		out = append(out, diagnosticAt(diag.CodeHostPortRefused, policy, path.Field("hosts", i), "%q does not allow a request for %s, which clients send that write the port", h, example(h)).
			WithHint("%s", withPorts(h)))
	}
	for _, i := range withoutPorts(o.GetNotHosts()) {
		h := o.GetNotHosts()[i]
		out = append(out, diagnosticAt(diag.CodeHostPortForm, policy, path.Field("notHosts", i), "%q does not match a request for %s, which the routes take all the same", h, example(h)).
			WithHint("%s", withPorts(h)))
	}
	return out
}

// withoutPorts returns which of the hosts match no request that writes a port. A list may have
// thousands of them, so none is held against each other one.
func withoutPorts(hosts []string) []int {
	var begin []string
	prefixes := map[string]bool{}
	for _, h := range hosts {
		before, prefix := strings.CutSuffix(strings.ToLower(h), "*")
		prefixes[before] = prefixes[before] || prefix
		begin = append(begin, before)
	}
	slices.Sort(begin)
	var out []int
	for i, h := range hosts {
		with := strings.ToLower(h) + ":"
		if !strings.HasSuffix(h, "*") && !strings.Contains(h, ":") && !hasPrefix(begin, with) && !beginsWith(with, prefixes) {
			out = append(out, i)
		}
	}
	return out
}

// beginsWith reports whether a text, or what it begins with, is one of those that are true.
func beginsWith(text string, prefixes map[string]bool) bool {
	for i := range len(text) + 1 {
		if prefixes[text[:i]] {
			return true
		}
	}
	return false
}

// example is a host that the value does not match because of its port.
func example(host string) string {
	if suffix, wild := strings.CutPrefix(host, "*"); wild {
		host = "a" + suffix
	}
	return host + ":443"
}

// withPorts says what to write beside a host.
func withPorts(host string) string {
	if strings.HasPrefix(host, "*") {
		return "add " + strconv.Quote(host+":443") + " and every other port that clients can write"
	}
	return "add " + strconv.Quote(host+":*")
}
