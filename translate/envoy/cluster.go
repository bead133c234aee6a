package envoy

import (
	"cmp"
	"math"
	"strings"

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

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// connectTimeout is Istio's default of MeshConfig.connectTimeout.
const connectTimeout = 10_000_000_000

// upstream is a service's port, or a subset of it, to a gateway: what becomes a cluster.
type upstream struct {
	service model.Service
	port    model.ServicePort
	// endpoints are those of the port, or of the subset.
	endpoints []model.Endpoint
	subset    string
	// policy is what DestinationRules say; it may be nil.
	policy *networkingv1alpha3.TrafficPolicy
	view   model.View
}

// upstreams returns all of a service, the subsets of a port behind it.
func upstreams(v model.View, s model.Service) []upstream {
	var out []upstream
	for _, p := range s.Ports {
		out = append(out, upstream{s, p, p.Endpoints, "", s.Rule.Policy(p.Number, ""), v})
		for _, subset := range s.Rule.Subsets {
			out = append(out, upstream{s, p, p.InSubset(subset), subset.GetName(), s.Rule.Policy(p.Number, subset.GetName()), v})
		}
	}
	return out
}

func (u upstream) name() string {
	return model.SubsetClusterName(u.service.Host, u.port.Number, u.subset)
}

// clusters renders a cluster for every port of every service and for each of its subsets,
// the endpoints of those whose endpoints travel by EDS, and what each cluster comes from.
func clusters(v model.View) ([]*clusterv3.Cluster, []*endpointv3.ClusterLoadAssignment, Trace) {
	var out []*clusterv3.Cluster
	var endpoints []*endpointv3.ClusterLoadAssignment
	from := Trace{}
	for _, s := range v.Services {
		for _, u := range upstreams(v, s) {
			c, assignment := cluster(u)
			switch {
			case c.GetEdsClusterConfig() != nil:
				endpoints = append(endpoints, assignment)
			case c.GetType() == clusterv3.Cluster_ORIGINAL_DST, u.service.Dynamic():
			case len(assignment.GetEndpoints()) == 0:
				// A DNS cluster without endpoints has nothing to resolve: as under Istio
				// there is none, and its routes answer 503.
				continue
			default:
				c.LoadAssignment = assignment
			}
			out = append(out, c)
			from[c.GetName()] = diag.PlacesOf(u.origins())
		}
	}
	return out, endpoints, from
}

// origins are where a person looks when Envoy refuses the cluster: in the DestinationRule, where
// there is one, but for the endpoints.
func (u upstream) origins() map[string]diag.Position {
	service := u.service.Origin.Origin.At(resource.Path{"spec"})
	from, path := u.service.Rule.Place(u.subset)
	if from == nil {
		return map[string]diag.Position{"": service}
	}
	return map[string]diag.Position{"": from.Origin.At(path), "LoadAssignment": service, "Endpoints": service}
}

func cluster(u upstream) (*clusterv3.Cluster, *endpointv3.ClusterLoadAssignment) {
	c := &clusterv3.Cluster{
		Name:            u.name(),
		ConnectTimeout:  durationpb.New(connectTimeout),
		CircuitBreakers: unlimited(),
	}
	setMeshCluster(c, meshConfig(u.view))
	setResolution(c, u.service.Resolution, meshConfig(u.view).GetDnsRefreshRate())
	setPool(c, u.policy.GetConnectionPool(), u.policy.GetRetryBudget())
	setOutliers(c, u.policy.GetOutlierDetection())
	if u.service.Dynamic() {
		setDynamicForwardProxy(c, u)
	} else {
		setBalancer(c, u)
	}
	setTransport(c, u)
	if options := protocolOptions(u); options != nil {
		c.TypedExtensionProtocolOptions = map[string]*anypb.Any{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": match.Any(options)}
	}
	return c, loadAssignment(u)
}

// setResolution says how a cluster comes by its endpoints, and how often names are resolved
// whose answers do not say how long they hold; nil is as Envoy does it.
func setResolution(c *clusterv3.Cluster, r networkingv1alpha3.ServiceEntry_Resolution, refresh *durationpb.Duration) {
	switch r {
	case networkingv1alpha3.ServiceEntry_DNS:
		setDNS(c, &dnsv3.DnsCluster{DnsRefreshRate: refresh})
	case networkingv1alpha3.ServiceEntry_DNS_ROUND_ROBIN:
		setDNS(c, &dnsv3.DnsCluster{DnsRefreshRate: refresh, AllAddressesInSingleEndpoint: true})
	default:
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS}
		c.EdsClusterConfig = &clusterv3.Cluster_EdsClusterConfig{EdsConfig: adsSource(), ServiceName: c.GetName()}
	}
}

// setDNS resolves the endpoints by DNS, as often as the answers allow. It stands for
// Istio's STRICT_DNS (every address is an endpoint) and LOGICAL_DNS (one endpoint with
// many addresses), whose own settings are deprecated in Envoy.
func setDNS(c *clusterv3.Cluster, config *dnsv3.DnsCluster) {
	config.RespectDnsTtl = true
	config.DnsLookupFamily = dnscommonv3.DnsLookupFamily_V4_PREFERRED
	c.ClusterDiscoveryType = &clusterv3.Cluster_ClusterType{ClusterType: &clusterv3.Cluster_CustomClusterType{
		Name:        "envoy.cluster.dns",
		TypedConfig: match.Any(config),
	}}
}

// speakHTTP2 makes a cluster be spoken to in HTTP/2, without asking it first.
func speakHTTP2(c *clusterv3.Cluster) {
	c.TypedExtensionProtocolOptions = map[string]*anypb.Any{"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": match.Any(http2Upstream())}
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

// loadAssignment renders the endpoints, by locality where they have any.
func loadAssignment(u upstream) *endpointv3.ClusterLoadAssignment {
	out := &endpointv3.ClusterLoadAssignment{ClusterName: u.name()}
	groups := localityGroups(u)
	for _, g := range groups {
		l := &endpointv3.LocalityLbEndpoints{Priority: g.priority, LoadBalancingWeight: g.weight}
		if g.locality != "" {
			l.Locality = locality(g.locality)
		}
		for _, e := range g.endpoints {
			l.LbEndpoints = append(l.LbEndpoints, endpoint(e))
		}
		out.Endpoints = append(out.Endpoints, l)
	}
	return out
}

func endpoint(e model.Endpoint) *endpointv3.LbEndpoint {
	return &endpointv3.LbEndpoint{
		HostIdentifier:      &endpointv3.LbEndpoint_Endpoint{Endpoint: &endpointv3.Endpoint{Address: endpointAddress(e)}},
		LoadBalancingWeight: wrapperspb.UInt32(cmp.Or(e.Weight, 1)),
	}
}

func endpointAddress(e model.Endpoint) *corev3.Address {
	if path, ok := strings.CutPrefix(e.Address, "unix://"); ok {
		return &corev3.Address{Address: &corev3.Address_Pipe{Pipe: &corev3.Pipe{Path: path}}}
	}
	return socketAddress(e.Address, e.Port)
}

// locality reads region/zone/subzone.
func locality(s string) *corev3.Locality {
	region, rest, _ := strings.Cut(s, "/")
	zone, subzone, _ := strings.Cut(rest, "/")
	return &corev3.Locality{Region: region, Zone: zone, SubZone: subzone}
}
