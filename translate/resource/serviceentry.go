package resource

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/internal/diag"
)

// serviceEntryFields are the fields of a ServiceEntry that are translated, or have no
// meaning on a gateway (addresses, location, locality, network).
func serviceEntryFields() []string {
	return []string{
		"hosts", "addresses", "ports.number", "ports.name", "ports.protocol", "ports.targetPort", "location", "resolution", "exportTo",
		"endpoints.address", "endpoints.ports", "endpoints.labels", "endpoints.weight", "endpoints.locality", "endpoints.network",
	}
}

// checkServiceEntry holds a ServiceEntry against Istio's rules and against what is translated.
func checkServiceEntry(c *checker, m proto.Message) {
	spec := m.(*networkingv1alpha3.ServiceEntry)
	c.supported(spec, serviceEntryFields())
	c.serviceHosts(spec)
	c.serviceAddresses(spec.GetAddresses())
	c.exportTo(spec.GetExportTo())
	c.servicePorts(spec.GetPorts())
	for i, e := range spec.GetEndpoints() {
		c.endpoint(Path{"spec", "endpoints", i}, e, spec)
	}
	c.resolution(spec)
}

func (c *checker) serviceHosts(spec *networkingv1alpha3.ServiceEntry) {
	if len(spec.GetHosts()) == 0 {
		c.addMissing(diag.CodeServiceEntry, Path{"spec"}, "the ServiceEntry has no hosts").WithHint("hosts: [name]")
	}
	for i, h := range spec.GetHosts() {
		path := Path{"spec", "hosts", i}
		switch {
		case h == "*":
			c.add(diag.CodeHost, path, "a service cannot be every host").WithHint("a host name or *.domain")
		case !isHost(h):
			c.host(path, h)
		case slices.Contains(spec.GetHosts()[:i], h):
			c.add(diag.CodeServiceEntry, path, "the host %q stands twice", h).WithHint("take it out")
		}
	}
}

// serviceAddresses checks the addresses; a gateway does not use them.
func (c *checker) serviceAddresses(values []string) {
	for i, v := range values {
		if _, err := netip.ParsePrefix(v); err != nil && !isAddress(v) {
			c.add(diag.CodeAddress, Path{"spec", "addresses", i}, "%q is neither an IP address nor a block", v).WithHint("for example 10.1.2.3 or 10.0.0.0/8")
		}
	}
}

func (c *checker) servicePorts(ports []*networkingv1alpha3.ServicePort) {
	if len(ports) == 0 {
		c.addMissing(diag.CodeServiceEntry, Path{"spec"}, "the ServiceEntry has no ports").WithHint("ports: [{number: 8080, name: http, protocol: HTTP}]")
	}
	numbers, names := map[uint32]int{}, map[string]int{}
	for i, p := range ports {
		path := Path{"spec", "ports", i}
		c.portNumber(path.Field("number"), p.GetNumber())
		if p.GetTargetPort() != 0 {
			c.portNumber(path.Field("targetPort"), p.GetTargetPort())
		}
		switch protocol := strings.ToUpper(p.GetProtocol()); {
		case protocol != "" && !slices.Contains(protocols(), protocol):
			c.add(diag.CodeServiceEntry, path.Field("protocol"), "%q is not a protocol", p.GetProtocol()).WithHint("one of %s", strings.Join(protocols(), ", "))
		case protocol == "UDP":
			c.add(diag.CodeUnsupported, path.Field("protocol"), "the protocol UDP is not translated yet").WithHint("HTTP, HTTP2 or GRPC")
		}
		if p.GetName() == "" {
			c.addMissing(diag.CodeServiceEntry, path, "%s has no name", path).WithHint("for example name: http")
		} else if first, again := names[p.GetName()]; again {
			c.add(diag.CodeServiceEntry, path.Field("name"), "ports[%d] is named %q too", first, p.GetName()).WithHint("give each port its own name")
		}
		if first, again := numbers[p.GetNumber()]; again && p.GetNumber() != 0 {
			c.add(diag.CodeServiceEntry, path.Field("number"), "ports[%d] has the number %d too", first, p.GetNumber()).WithHint("give each port its own number")
		}
		numbers[p.GetNumber()], names[p.GetName()] = i, i
	}
}

func (c *checker) endpoint(path Path, e *networkingv1alpha3.WorkloadEntry, spec *networkingv1alpha3.ServiceEntry) {
	c.endpointAddress(path, spec.GetResolution(), e.GetAddress())
	for _, name := range slices.Sorted(maps.Keys(e.GetPorts())) {
		at := path.Field("ports", name)
		c.portNumber(at, e.GetPorts()[name])
		if !slices.ContainsFunc(spec.GetPorts(), func(p *networkingv1alpha3.ServicePort) bool { return p.GetName() == name }) {
			c.addKey(diag.CodeServiceEntry, at, "spec.ports has no port named %q", name).WithHint("name one of spec.ports")
		}
	}
	for _, ignored := range []namedList{{"locality", []string{e.GetLocality()}}, {"network", []string{e.GetNetwork()}}} {
		if ignored.values[0] != "" {
			c.addKey(diag.CodeIgnoredField, path.Field(ignored.name), "%s is ignored: a gateway here does not choose endpoints by it", path.Field(ignored.name)).WithHint("leave it out")
		}
	}
}

func (c *checker) endpointAddress(path Path, resolution networkingv1alpha3.ServiceEntry_Resolution, address string) {
	at := path.Field("address")
	switch {
	case address == "":
		c.addMissing(diag.CodeServiceEntry, path, "%s has no address", path).WithHint("an IP address, or a host name where the resolution is DNS")
	case strings.HasPrefix(address, "unix:"):
		c.add(diag.CodeUnsupported, at, "an endpoint on a unix socket is not translated yet").WithHint("an IP address")
	case resolution == networkingv1alpha3.ServiceEntry_STATIC && !isAddress(address):
		c.add(diag.CodeServiceEntry, at, "%q is not an IP address, which the resolution STATIC needs", address).WithHint("an IP address, or resolution: DNS")
	case !isAddress(address) && !isHostName(address):
		c.add(diag.CodeServiceEntry, at, "%q is not an address", address).WithHint("an IP address or a host name")
	}
}

// resolution checks that the endpoints fit the resolution.
func (c *checker) resolution(spec *networkingv1alpha3.ServiceEntry) {
	path, endpoints := Path{"spec", "resolution"}, len(spec.GetEndpoints())
	switch r := spec.GetResolution(); r {
	case networkingv1alpha3.ServiceEntry_STATIC:
		if endpoints == 0 && spec.GetWorkloadSelector() == nil && !c.unknown["spec"] {
			c.add(diag.CodeNoEndpoints, path, "the ServiceEntry has no endpoints, so routes to it answer 503").WithHint("add endpoints: [{address: 10.1.2.3}]")
		}
	case networkingv1alpha3.ServiceEntry_DNS, networkingv1alpha3.ServiceEntry_DNS_ROUND_ROBIN:
		if r == networkingv1alpha3.ServiceEntry_DNS_ROUND_ROBIN && endpoints > 1 {
			c.add(diag.CodeServiceEntry, Path{"spec", "endpoints", 1}, "the resolution DNS_ROUND_ROBIN takes one endpoint at most").WithHint("resolution: DNS")
		}
		for i, h := range spec.GetHosts() {
			if strings.HasPrefix(h, "*") && endpoints == 0 {
				c.add(diag.CodeServiceEntry, Path{"spec", "hosts", i}, "%q cannot be resolved", h).WithHint("a host without a wildcard, or endpoints")
			}
		}
	default:
		c.addMissing(diag.CodeUnsupported, c.deepest(Path{"spec"}, "resolution"), "the resolution %s is not translated yet", r).WithHint("resolution: STATIC, DNS or DNS_ROUND_ROBIN")
	}
}
