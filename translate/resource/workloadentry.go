package resource

import (
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// workloadEntryFields are the fields of a WorkloadEntry that are translated, or have no
// meaning on a gateway (network, serviceAccount).
func workloadEntryFields() []string {
	return []string{"address", "ports", "labels", "weight", "locality", "network", "serviceAccount"}
}

// checkWorkloadEntry holds a WorkloadEntry, an endpoint that ServiceEntries and Services
// select by its labels, against Istio's rules.
func checkWorkloadEntry(c valueChecker, m proto.Message) {
	spec := m.(*networkingv1alpha3.WorkloadEntry)
	c.annotations()
	endpointChecker{c}.workload(Path{"spec"}, spec)
	for _, name := range slices.Sorted(maps.Keys(spec.GetPorts())) {
		at := Path{"spec", "ports", name}
		c.portNumber(at, spec.GetPorts()[name])
		if !isPartName(name) {
			c.addKey(diag.CodeWorkloadEntry, at, "%q is not the name of a port", name).WithHint("letters, digits and -, at most 63 characters")
		}
	}
	at := Path{"spec", "address"}
	switch address := spec.GetAddress(); {
	case address == "":
		c.addMissing(diag.CodeWorkloadEntry, Path{"spec"}, "the WorkloadEntry has no address").WithHint("an IP address, or a host name for ServiceEntries with the resolution DNS")
	case isUnix(address):
		c.unix(at, diag.CodeWorkloadEntry, address)
	case !isAddress(address) && !isHostName(address):
		c.add(diag.CodeWorkloadEntry, at, "%q is not an address", address).WithHint("an IP address or a host name")
	}
}

// endpointChecker checks an endpoint, of a ServiceEntry or as a WorkloadEntry.
type endpointChecker struct{ valueChecker }

// endpoint checks an endpoint that stands in a ServiceEntry.
func (c endpointChecker) endpoint(path Path, e *networkingv1alpha3.WorkloadEntry, spec *networkingv1alpha3.ServiceEntry) {
	c.endpointAddress(path, spec.GetResolution(), e.GetAddress())
	if isUnix(e.GetAddress()) && len(spec.GetPorts()) > 1 {
		// The socket speaks one protocol, and has no port that could tell them apart.
		c.add(diag.CodeServiceEntry, path.Field("address"), "a service with an endpoint on a unix socket has one port, and spec.ports has %d", len(spec.GetPorts())).WithHint("a ServiceEntry for each port")
	}
	c.workload(path, e)
	for _, name := range slices.Sorted(maps.Keys(e.GetPorts())) {
		at := path.Field("ports", name)
		c.portNumber(at, e.GetPorts()[name])
		if !slices.ContainsFunc(spec.GetPorts(), func(p *networkingv1alpha3.ServicePort) bool { return p.GetName() == name }) {
			c.addKey(diag.CodeServiceEntry, at, "spec.ports has no port named %q", name).WithHint("name one of spec.ports")
		}
	}
}

// workload checks what an endpoint and a WorkloadEntry have in common.
func (c endpointChecker) workload(path Path, e *networkingv1alpha3.WorkloadEntry) {
	if e.GetNetwork() != "" {
		c.addKey(diag.CodeIgnoredField, path.Field("network"), "%s is ignored: a gateway here does not choose endpoints by it", path.Field("network")).WithHint("leave it out")
	}
	c.workloadLabels(path.Field("labels"), e.GetLabels())
	if isUnix(e.GetAddress()) && len(e.GetPorts()) > 0 {
		c.addKey(diag.CodeServiceEntry, path.Field("ports"), "an endpoint on a unix socket has no ports").WithHint("leave ports out")
	}
	if l := e.GetLocality(); l != "" && !isLocality(l) {
		c.add(diag.CodeServiceEntry, path.Field("locality"), "%q is not a locality", l).WithHint("region, region/zone or region/zone/subzone")
	}
}

func (c endpointChecker) endpointAddress(path Path, resolution networkingv1alpha3.ServiceEntry_Resolution, address string) {
	at := path.Field("address")
	static := resolution == networkingv1alpha3.ServiceEntry_STATIC
	switch {
	case address == "":
		c.addMissing(diag.CodeServiceEntry, path, "%s has no address", path).WithHint("an IP address, or a host name where the resolution is DNS")
	case isUnix(address) && !static:
		c.add(diag.CodeServiceEntry, at, "an endpoint on a unix socket needs the resolution STATIC").WithHint("resolution: STATIC")
	case isUnix(address):
		c.unix(at, diag.CodeServiceEntry, address)
	case static && !isAddress(address):
		c.add(diag.CodeServiceEntry, at, "%q is not an IP address, which the resolution STATIC needs", address).WithHint("an IP address, or resolution: DNS")
	case !isAddress(address) && !isHostName(address):
		c.add(diag.CodeServiceEntry, at, "%q is not an address", address).WithHint("an IP address or a host name")
	}
}

// isLocality accepts region, region/zone and region/zone/subzone.
func isLocality(s string) bool {
	parts := strings.Split(s, "/")
	return len(parts) <= 3 && !slices.Contains(parts, "")
}
