package resource

import (
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// dynamicDNS checks a service whose clients name what is resolved. The wildcard bounds that, so it
// has to be a domain of names: nothing that an IP address can end with.
func (c serviceEntryChecker) dynamicDNS(spec *networkingv1alpha3.ServiceEntry) {
	for i, h := range spec.GetHosts() {
		c.dynamicHost(Path{"spec", "hosts", i}, h)
	}
	for i, p := range spec.GetPorts() {
		if protocol := strings.ToUpper(p.GetProtocol()); !slices.Contains(append(requestProtocols(), "TLS", "UDP"), protocol) {
			c.add(diag.CodeServiceEntry, c.deepest(Path{"spec", "ports", i}, "protocol"), "with the protocol %q nobody says which name the resolution DYNAMIC_DNS is to resolve", p.GetProtocol()).
				WithHint("HTTP, HTTP2, GRPC or GRPC-WEB, by the host of a request; TLS, by the name that the client asks for; for https:// backends HTTP and a DestinationRule with tls")
		}
	}
	if len(spec.GetEndpoints()) > 0 {
		c.addKey(diag.CodeServiceEntry, Path{"spec", "endpoints"}, "the resolution DYNAMIC_DNS takes no endpoints: the name that a client asks for is resolved").WithHint("leave them out, or resolution: DNS")
	}
	if len(spec.GetAddresses()) > 0 {
		c.addKey(diag.CodeServiceEntry, Path{"spec", "addresses"}, "the resolution DYNAMIC_DNS takes no addresses: the name that a client asks for is resolved").WithHint("leave them out, or resolution: DNS")
	}
	if spec.GetWorkloadSelector() != nil {
		c.addKey(diag.CodeServiceEntry, Path{"spec", "workloadSelector"}, "the resolution DYNAMIC_DNS takes no workloadSelector").WithHint("resolution: STATIC or DNS")
	}
}

func (c serviceEntryChecker) dynamicHost(path Path, host string) {
	domain, wild := strings.CutPrefix(host, "*.")
	last := domain[strings.LastIndexByte(domain, '.')+1:]
	switch {
	case !isHost(host):
	case !wild:
		c.add(diag.CodeServiceEntry, path, "the resolution DYNAMIC_DNS is for wildcards, and %q is none", host).WithHint("*.domain, or resolution: DNS")
	case last == "":
		c.add(diag.CodeServiceEntry, path, "%q ends with a dot, and no request's host does", host).WithHint("%s", strings.TrimSuffix(host, "."))
	case !isLetter(last[0]):
		c.add(diag.CodeServiceEntry, path, "%q could stand for IP addresses", host).WithHint("a domain whose last part begins with a letter")
	}
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }
