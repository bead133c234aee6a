package resource

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	kubernetesv1 "github.com/portreeve/portreeve/proto/kubernetes/v1"
	"github.com/portreeve/portreeve/translate/diag"
)

// ServiceNameLabel is the label by which an EndpointSlice names its Service.
const ServiceNameLabel = "kubernetes.io/service-name"

// ExternalName is the type of a Service that stands for another host.
const ExternalName = "ExternalName"

// kubernetesChecker checks a Service, an EndpointSlice and Endpoints of Kubernetes.
type kubernetesChecker struct{ valueChecker }

// checkKubernetesService holds a Service of Kubernetes against the rules of Kubernetes, as
// far as it says where requests go.
func checkKubernetesService(v valueChecker, m proto.Message) {
	c := kubernetesChecker{v}
	spec := m.(*kubernetesv1.ServiceSpec)
	at := Path{"spec"}
	switch spec.GetType() {
	case "", "ClusterIP", "NodePort", "LoadBalancer":
	case ExternalName:
		if !isHostName(spec.GetExternalName()) {
			c.addMissing(diag.CodeKubernetes, c.deepest(at, "externalName"), "%q is not the name of a host", spec.GetExternalName()).WithHint("externalName: a host name")
		}
	default:
		c.add(diag.CodeKubernetes, at.Field("type"), "%q is not a type of a Service", spec.GetType()).WithHint("ClusterIP, NodePort, LoadBalancer or ExternalName")
	}
	if len(spec.GetPorts()) == 0 && spec.GetType() != ExternalName && spec.GetClusterIp() != "None" {
		c.addMissing(diag.CodeKubernetes, at, "the Service has no ports").WithHint("ports: [{name: http, port: 80, targetPort: 8080}]")
	}
	if d := spec.GetTrafficDistribution(); d != "" && !slices.Contains(trafficDistributions(), d) {
		c.add(diag.CodeKubernetes, at.Field("trafficDistribution"), "%q is not a distribution of traffic", d).WithHint("%s", strings.Join(trafficDistributions(), ", "))
	}
	seen := map[uint32]int{}
	for i, p := range spec.GetPorts() {
		path := at.Field("ports", i)
		c.kubernetesPort(path, p, len(spec.GetPorts()))
		if first, again := seen[p.GetPort()]; again && isTCP(p.GetProtocol()) {
			c.add(diag.CodeKubernetes, path.Field("port"), "ports[%d] has the number %d too", first, p.GetPort()).WithHint("give each port its own number")
		}
		if isTCP(p.GetProtocol()) {
			seen[p.GetPort()] = i
		}
	}
}

func (c kubernetesChecker) kubernetesPort(path Path, p *kubernetesv1.ServicePort, of int) {
	c.portNumber(path.Field("port"), p.GetPort())
	if p.GetName() == "" && of > 1 {
		c.addMissing(diag.CodeKubernetes, path, "%s has no name beside others", path).WithHint("for example name: http")
	}
	c.transport(path, p.GetProtocol())
	target := p.GetTargetPort()
	switch v := target.GetKind().(type) {
	case nil, *structpb.Value_NullValue:
	case *structpb.Value_NumberValue:
		if v.NumberValue < 0 || v.NumberValue > 65535 || v.NumberValue != float64(int(v.NumberValue)) {
			c.add(diag.CodePort, path.Field("targetPort"), "%v is not a port", v.NumberValue).WithHint("1 to 65535, or the name of a port")
		}
	case *structpb.Value_StringValue:
		if !isLabel(v.StringValue) {
			c.add(diag.CodePort, path.Field("targetPort"), "%q is not a port", v.StringValue).WithHint("1 to 65535 without quotes, or the name of a port")
		}
	default:
		c.add(diag.CodeWrongType, path.Field("targetPort"), "%s is neither a number nor a name", path.Field("targetPort")).WithHint("1 to 65535, or the name of a port")
	}
}

func (c kubernetesChecker) transport(path Path, protocol string) {
	switch protocol {
	case "", "TCP":
	case "UDP", "SCTP":
		c.add(diag.CodeIgnoredField, path.Field("protocol"), "%s is ignored: a gateway does not forward %s", path, protocol).WithHint("leave it out")
	default:
		c.add(diag.CodeKubernetes, path.Field("protocol"), "%q is not a protocol", protocol).WithHint("TCP; what is spoken says appProtocol or the port's name")
	}
}

func isTCP(protocol string) bool { return protocol == "" || protocol == "TCP" }

// checkEndpointSlice checks endpoints that Kubernetes, or somebody in its place, has found.
func checkEndpointSlice(v valueChecker, m proto.Message) {
	c := kubernetesChecker{v}
	slice := m.(*kubernetesv1.EndpointSlice)
	if c.meta.labels[ServiceNameLabel] == "" {
		c.addMissing(diag.CodeKubernetes, Path{"metadata"}, "the EndpointSlice does not say of which Service it is").WithHint("labels: {%s: the Service's name}", ServiceNameLabel)
	}
	fqdn := slice.GetAddressType() == "FQDN"
	switch slice.GetAddressType() {
	case "IPv4", "IPv6", "FQDN":
	default:
		c.addMissing(diag.CodeKubernetes, c.deepest(nil, "addressType"), "%q is not a type of addresses", slice.GetAddressType()).WithHint("IPv4 or IPv6")
	}
	if fqdn {
		c.add(diag.CodeEndpointUnused, Path{"addressType"}, "the endpoints are ignored: a gateway needs addresses, as in Istio").WithHint("IPv4 or IPv6; or a ServiceEntry with the resolution DNS")
	}
	for i, e := range slice.GetEndpoints() {
		path := Path{"endpoints", i}
		if strings.Contains(e.GetZone(), "/") {
			c.add(diag.CodeKubernetes, path.Field("zone"), "%q is not the name of a zone", e.GetZone()).WithHint("for example eu-west-1a; the region is the label topology.kubernetes.io/region of the EndpointSlice")
		}
		if len(e.GetAddresses()) == 0 {
			c.addMissing(diag.CodeKubernetes, path, "%s has no addresses", path).WithHint("addresses: [10.1.2.3]")
		}
		for j, a := range e.GetAddresses() {
			if !fqdn && !isAddress(a) {
				c.add(diag.CodeAddress, path.Field("addresses", j), "%q is not an IP address", a).WithHint("for example 10.1.2.3")
			}
		}
	}
	c.endpointPorts(Path{"ports"}, slice.GetPorts())
}

// checkEndpoints checks the older form of the same.
func checkEndpoints(v valueChecker, m proto.Message) {
	c := kubernetesChecker{v}
	for i, s := range m.(*kubernetesv1.Endpoints).GetSubsets() {
		path := Path{"subsets", i}
		for j, a := range s.GetAddresses() {
			if !isAddress(a.GetIp()) {
				c.addMissing(diag.CodeAddress, c.deepest(path.Field("addresses", j), "ip"), "%q is not an IP address", a.GetIp()).WithHint("for example ip: 10.1.2.3")
			}
		}
		c.endpointPorts(path.Field("ports"), s.GetPorts())
	}
}

func (c kubernetesChecker) endpointPorts(path Path, ports []*kubernetesv1.EndpointPort) {
	for i, p := range ports {
		c.portNumber(path.Field(i, "port"), p.GetPort())
		c.transport(path.Field(i), p.GetProtocol())
	}
}

// ProtocolOf returns what is spoken on a port of a Kubernetes Service, as Istio reads it: what
// appProtocol says, or else the port's name before its first dash. It is empty for TCP, and
// for a name that says nothing.
func ProtocolOf(p *kubernetesv1.ServicePort) string {
	switch written := strings.ToLower(p.GetAppProtocol()); written {
	case "kubernetes.io/h2c":
		return "HTTP2"
	case "kubernetes.io/ws":
		return "HTTP"
	case "kubernetes.io/wss":
		return "HTTPS"
	case "":
	default:
		return knownProtocol(written)
	}
	name := strings.ToLower(p.GetName())
	if strings.HasPrefix(name, "grpc-web") {
		return "GRPC-WEB"
	}
	name, _, _ = strings.Cut(name, "-")
	return knownProtocol(name)
}

func knownProtocol(name string) string {
	upper := strings.ToUpper(name)
	for _, p := range protocols() {
		if p == upper && p != "UDP" {
			return p
		}
	}
	return ""
}
