package envoy

import (
	"math"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	dnscommonv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/common/dns/v3"
	dnsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dns/v3"
	httpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/model"
)

// connectTimeout is Istio's default of MeshConfig.connectTimeout.
const connectTimeout = 10_000_000_000

// clusters renders a cluster for every port of every service, and the endpoints of those
// whose endpoints travel by EDS.
func clusters(services []model.Service) ([]*clusterv3.Cluster, []*endpointv3.ClusterLoadAssignment) {
	var out []*clusterv3.Cluster
	var endpoints []*endpointv3.ClusterLoadAssignment
	for _, s := range services {
		for _, port := range s.Entry.GetPorts() {
			c, assignment := cluster(s, port)
			switch {
			case c.GetEdsClusterConfig() != nil:
				endpoints = append(endpoints, assignment)
			case len(assignment.GetEndpoints()) == 0:
				// A DNS cluster without endpoints has nothing to resolve: as under Istio
				// there is none, and its routes answer 503.
				continue
			default:
				c.LoadAssignment = assignment
			}
			out = append(out, c)
		}
	}
	return out, endpoints
}

func cluster(s model.Service, port *networkingv1alpha3.ServicePort) (*clusterv3.Cluster, *endpointv3.ClusterLoadAssignment) {
	name := model.ClusterName(s.Host, port.GetNumber())
	c := &clusterv3.Cluster{
		Name:            name,
		ConnectTimeout:  durationpb.New(connectTimeout),
		LbPolicy:        clusterv3.Cluster_LEAST_REQUEST,
		CircuitBreakers: unlimited(),
	}
	if model.SpeaksHTTP2(port.GetProtocol()) {
		speakHTTP2(c)
	}
	switch s.Entry.GetResolution() {
	case networkingv1alpha3.ServiceEntry_DNS:
		setDNS(c, &dnsv3.DnsCluster{})
	case networkingv1alpha3.ServiceEntry_DNS_ROUND_ROBIN:
		setDNS(c, &dnsv3.DnsCluster{AllAddressesInSingleEndpoint: true})
	default:
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS}
		c.EdsClusterConfig = &clusterv3.Cluster_EdsClusterConfig{EdsConfig: adsSource(), ServiceName: name}
	}
	return c, loadAssignment(name, s, port)
}

// setDNS resolves the endpoints by DNS, as often as the answers allow. It stands for
// Istio's STRICT_DNS (every address is an endpoint) and LOGICAL_DNS (one endpoint with
// many addresses), whose own settings are deprecated in Envoy.
func setDNS(c *clusterv3.Cluster, config *dnsv3.DnsCluster) {
	config.RespectDnsTtl = true
	config.DnsLookupFamily = dnscommonv3.DnsLookupFamily_V4_PREFERRED
	c.ClusterDiscoveryType = &clusterv3.Cluster_ClusterType{ClusterType: &clusterv3.Cluster_CustomClusterType{
		Name:        "envoy.cluster.dns",
		TypedConfig: Any(config),
	}}
}

// speakHTTP2 makes a cluster be spoken to in HTTP/2, without asking it first.
func speakHTTP2(c *clusterv3.Cluster) {
	c.TypedExtensionProtocolOptions = map[string]*anypb.Any{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": Any(http2Upstream())}
}

func http2Upstream() *httpv3.HttpProtocolOptions {
	return &httpv3.HttpProtocolOptions{UpstreamProtocolOptions: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_{
		ExplicitHttpConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig{
			ProtocolConfig: &httpv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
				Http2ProtocolOptions: &corev3.Http2ProtocolOptions{},
			},
		},
	}}
}

// unlimited lifts Envoy's own limits, as Istio does where no DestinationRule sets one.
func unlimited() *clusterv3.CircuitBreakers {
	most := wrapperspb.UInt32(math.MaxUint32)
	return &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
		MaxConnections: most, MaxPendingRequests: most, MaxRequests: most, MaxRetries: most,
	}}}
}

// loadAssignment renders the endpoints of a port. A DNS service without endpoints is its
// own endpoint.
func loadAssignment(name string, s model.Service, port *networkingv1alpha3.ServicePort) *endpointv3.ClusterLoadAssignment {
	entries := s.Entry.GetEndpoints()
	if len(entries) == 0 && s.Entry.GetResolution() != networkingv1alpha3.ServiceEntry_STATIC && s.Entry.GetResolution() != networkingv1alpha3.ServiceEntry_NONE {
		entries = []*networkingv1alpha3.WorkloadEntry{{Address: string(s.Host)}}
	}
	out := &endpointv3.ClusterLoadAssignment{ClusterName: name}
	if len(entries) == 0 {
		return out
	}
	locality := &endpointv3.LocalityLbEndpoints{}
	for _, e := range entries {
		locality.LbEndpoints = append(locality.LbEndpoints, endpoint(e, port))
	}
	out.Endpoints = []*endpointv3.LocalityLbEndpoints{locality}
	return out
}

func endpoint(e *networkingv1alpha3.WorkloadEntry, port *networkingv1alpha3.ServicePort) *endpointv3.LbEndpoint {
	return &endpointv3.LbEndpoint{
		HostIdentifier:      &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: socketAddress(e.GetAddress(), endpointPort(e, port))}},
		LoadBalancingWeight: wrapperspb.UInt32(max(e.GetWeight(), 1)),
	}
}

// endpointPort takes the endpoint's own number for the port's name, else the port's
// targetPort, else its number.
func endpointPort(e *networkingv1alpha3.WorkloadEntry, port *networkingv1alpha3.ServicePort) uint32 {
	if number, ok := e.GetPorts()[port.GetName()]; ok {
		return number
	}
	if port.GetTargetPort() > 0 {
		return port.GetTargetPort()
	}
	return port.GetNumber()
}
