package resource

import (
	"net/netip"
	"strings"

	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/internal/diag"
)

func checkServiceEntry(c *checker, m proto.Message) {
	spec := m.(*networkingv1alpha3.ServiceEntry)
	c.supported(spec, "hosts", "addresses", "ports.number", "ports.name", "ports.protocol", "ports.targetPort", "location", "resolution",
		"endpoints.address", "endpoints.ports", "endpoints.labels", "endpoints.weight", "exportTo")
	if len(spec.GetHosts()) == 0 {
		c.add(diag.CodeServiceEntry, Path{"spec"}, "the ServiceEntry has no hosts").WithHint("hosts: [name]")
	}
	for i, h := range spec.GetHosts() {
		c.host(Path{"spec", "hosts", i}, h)
	}
	c.servicePorts(spec.GetPorts())
	switch spec.GetResolution() {
	case networkingv1alpha3.ServiceEntry_STATIC, networkingv1alpha3.ServiceEntry_DNS, networkingv1alpha3.ServiceEntry_DNS_ROUND_ROBIN:
	default:
		c.add(diag.CodeUnsupported, Path{"spec", "resolution"}, "the resolution %s is not translated yet", spec.GetResolution()).WithHint("STATIC, DNS or DNS_ROUND_ROBIN")
	}
	for i, e := range spec.GetEndpoints() {
		c.endpointAddress(Path{"spec", "endpoints", i, "address"}, spec.GetResolution(), e.GetAddress())
		for name, number := range e.GetPorts() {
			c.portNumber(Path{"spec", "endpoints", i, "ports", name}, number)
		}
	}
	if spec.GetResolution() != networkingv1alpha3.ServiceEntry_STATIC && len(spec.GetEndpoints()) == 0 {
		for i, h := range spec.GetHosts() {
			if strings.Contains(h, "*") {
				c.add(diag.CodeServiceEntry, Path{"spec", "hosts", i}, "%q cannot be resolved", h).WithHint("a host without a wildcard, or endpoints")
			}
		}
	}
}

func (c *checker) servicePorts(ports []*networkingv1alpha3.ServicePort) {
	if len(ports) == 0 {
		c.add(diag.CodeServiceEntry, Path{"spec"}, "the ServiceEntry has no ports").WithHint("ports: [{number: 8080, name: http, protocol: HTTP}]")
	}
	numbers, names := map[uint32]bool{}, map[string]bool{}
	for i, p := range ports {
		path := Path{"spec", "ports", i}
		c.portNumber(path.Field("number"), p.GetNumber())
		if p.GetTargetPort() > 65535 {
			c.portNumber(path.Field("targetPort"), p.GetTargetPort())
		}
		if p.GetName() == "" || names[p.GetName()] || numbers[p.GetNumber()] {
			c.add(diag.CodeServiceEntry, path, "a port needs a name and number of its own").WithHint("no name or number twice")
		}
		numbers[p.GetNumber()], names[p.GetName()] = true, true
	}
}

func (c *checker) portNumber(path Path, n uint32) {
	if n == 0 || n > 65535 {
		c.add(diag.CodePort, path, "%d is not a port", n).WithHint("1 to 65535")
	}
}

func (c *checker) endpointAddress(path Path, resolution networkingv1alpha3.ServiceEntry_Resolution, address string) {
	_, err := netip.ParseAddr(address)
	switch {
	case resolution == networkingv1alpha3.ServiceEntry_STATIC && err != nil:
		c.add(diag.CodeServiceEntry, path, "%q is not an IP address, which STATIC needs", address).WithHint("an IP address, or resolution: DNS")
	case err != nil && !dnsName.MatchString(strings.ToLower(address)):
		c.add(diag.CodeServiceEntry, path, "%q is not an address", address).WithHint("an IP address or a host name")
	}
}
