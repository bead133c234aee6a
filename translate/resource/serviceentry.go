package resource

import (
	"net/netip"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// serviceEntryFields are the fields of a ServiceEntry that are translated, or have no
// meaning on a gateway (addresses, network, serviceAccount).
func serviceEntryFields() []string {
	return []string{
		"hosts", "addresses", "ports.number", "ports.name", "ports.protocol", "ports.targetPort", "location", "resolution", "exportTo",
		"endpoints.address", "endpoints.ports", "endpoints.labels", "endpoints.weight", "endpoints.locality", "endpoints.network",
		"endpoints.serviceAccount", "workloadSelector.labels", "subjectAltNames",
	}
}

// serviceEntryChecker checks a ServiceEntry; its endpoints are left to [endpointChecker].
type serviceEntryChecker struct{ valueChecker }

// checkServiceEntry holds a ServiceEntry against Istio's rules and against what is translated.
func checkServiceEntry(v valueChecker, m proto.Message) {
	c := serviceEntryChecker{v}
	spec := m.(*networkingv1alpha3.ServiceEntry)
	c.annotations()
	c.serviceHosts(spec)
	c.serviceAddresses(spec)
	c.exportTo(spec.GetExportTo(), "~")
	c.servicePorts(spec.GetPorts())
	for i, e := range spec.GetEndpoints() {
		endpointChecker(c).endpoint(Path{"spec", "endpoints", i}, e, spec)
	}
	for i, name := range spec.GetSubjectAltNames() {
		c.altName(Path{"spec", "subjectAltNames", i}, name)
	}
	c.workloads(spec)
	c.resolution(spec)
	c.severalHosts(spec)
}

// severalHosts refuses several hosts on a port whose connections nothing tells apart.
func (c serviceEntryChecker) severalHosts(spec *networkingv1alpha3.ServiceEntry) {
	if len(spec.GetHosts()) < 2 || spec.GetResolution() == networkingv1alpha3.ServiceEntry_NONE {
		return
	}
	for i, p := range spec.GetPorts() {
		if protocol := strings.ToUpper(p.GetProtocol()); !slices.Contains(append(requestProtocols(), "HTTPS", "TLS"), protocol) {
			c.addMissing(diag.CodeServiceEntry, c.deepest(Path{"spec", "ports", i}, "protocol"), "with several hosts a port is of HTTP or TLS, which name the host that is meant").WithHint("a ServiceEntry for each host")
		}
	}
}

func (c serviceEntryChecker) serviceHosts(spec *networkingv1alpha3.ServiceEntry) {
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
func (c serviceEntryChecker) serviceAddresses(spec *networkingv1alpha3.ServiceEntry) {
	dns := spec.GetResolution() == networkingv1alpha3.ServiceEntry_DNS || spec.GetResolution() == networkingv1alpha3.ServiceEntry_DNS_ROUND_ROBIN
	for i, v := range spec.GetAddresses() {
		_, err := netip.ParsePrefix(v)
		switch at := (Path{"spec", "addresses", i}); {
		case err != nil && !isAddress(v):
			c.add(diag.CodeAddress, at, "%q is neither an IP address nor a block", v).WithHint("for example 10.1.2.3 or 10.0.0.0/8")
		case err == nil && dns:
			c.add(diag.CodeServiceEntry, at, "a block of addresses is not possible with the resolution %s", spec.GetResolution()).WithHint("an address, or resolution: STATIC")
		}
	}
}

func (c serviceEntryChecker) servicePorts(ports []*networkingv1alpha3.ServicePort) {
	if len(ports) == 0 && !c.unknown["spec"] {
		c.addMissing(diag.CodeNoEndpoints, Path{"spec"}, "the ServiceEntry has no ports, so nothing can be sent to it").WithHint("ports: [{number: 8080, name: http, protocol: HTTP}]")
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
			c.add(diag.CodeIgnoredField, path, "%s is ignored: a gateway does not forward UDP", path).WithHint("leave it out")
		}
		if p.GetName() == "" {
			c.addMissing(diag.CodeServiceEntry, path, "%s has no name", path).WithHint("for example name: http")
		} else if !isPartName(p.GetName()) {
			c.add(diag.CodeServiceEntry, path.Field("name"), "%q is not the name of a port", p.GetName()).WithHint("letters, digits and -, at most 63 characters")
		} else if first, again := names[p.GetName()]; again {
			c.add(diag.CodeServiceEntry, path.Field("name"), "ports[%d] is named %q too", first, p.GetName()).WithHint("give each port its own name")
		}
		if first, again := numbers[p.GetNumber()]; again && p.GetNumber() != 0 {
			c.add(diag.CodeServiceEntry, path.Field("number"), "ports[%d] has the number %d too", first, p.GetNumber()).WithHint("give each port its own number")
		}
		numbers[p.GetNumber()], names[p.GetName()] = i, i
	}
}

// workloads checks the selector of WorkloadEntries.
func (c serviceEntryChecker) workloads(spec *networkingv1alpha3.ServiceEntry) {
	if spec.GetWorkloadSelector() == nil {
		return
	}
	path := Path{"spec", "workloadSelector"}
	c.labels(path.Field("labels"), spec.GetWorkloadSelector().GetLabels())
	switch {
	case len(spec.GetEndpoints()) > 0:
		c.addKey(diag.CodeOneOf, path, "spec has both endpoints and workloadSelector").WithHint("keep one of them")
	case len(spec.GetWorkloadSelector().GetLabels()) == 0:
		c.addMissing(diag.CodeSelectorEmpty, path, "the workloadSelector has no labels, so it selects every WorkloadEntry of the namespace").WithHint("the labels of the WorkloadEntries")
	}
}

// resolution checks that the endpoints fit the resolution.
func (c serviceEntryChecker) resolution(spec *networkingv1alpha3.ServiceEntry) {
	path, endpoints := Path{"spec", "resolution"}, len(spec.GetEndpoints())
	selected := spec.GetWorkloadSelector() != nil
	switch r := spec.GetResolution(); r {
	case networkingv1alpha3.ServiceEntry_STATIC:
		if endpoints == 0 && !selected && !c.unknown["spec"] {
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
	case networkingv1alpha3.ServiceEntry_NONE:
		c.noResolution(spec)
	case networkingv1alpha3.ServiceEntry_DYNAMIC_DNS:
		c.dynamicDNS(spec)
	default:
		c.addMissing(diag.CodeUnsupported, c.deepest(Path{"spec"}, "resolution"), "the resolution %s is not translated yet", r).WithHint("resolution: STATIC, DNS, DNS_ROUND_ROBIN, DYNAMIC_DNS or NONE")
	}
}

// noResolution warns of a service whose backend is where the client's connection was going:
// connections to a gateway go to the gateway.
func (c serviceEntryChecker) noResolution(spec *networkingv1alpha3.ServiceEntry) {
	path := c.deepest(Path{"spec"}, "resolution")
	if len(spec.GetEndpoints()) > 0 {
		c.add(diag.CodeServiceEntry, Path{"spec", "endpoints"}, "the resolution NONE takes no endpoints").WithHint("resolution: STATIC or DNS")
		return
	}
	if !c.unknown["spec"] {
		c.add(diag.CodeNoResolution, path, "with the resolution NONE a gateway has no endpoints to send requests to, so routes to the ServiceEntry answer 503").
			WithHint("resolution: STATIC with endpoints, or resolution: DNS")
	}
}
