package envoy

import (
	"net/netip"
	"slices"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	dnsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dns/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policy"
	"github.com/portreeve/portreeve/translate/resource"
)

// keyService is a server that keys are fetched from, and here the cluster that leads to it.
type keyService struct{ policy.KeyService }

// keyConnectTimeout is how long a connection to such a server may take to come about.
const keyConnectTimeout = 5_000_000_000

// isKeyCluster reports whether a cluster is that of a key service.
func isKeyCluster(c *clusterv3.Cluster) bool {
	return strings.HasPrefix(c.GetName(), policy.KeyClusterPrefix)
}

// keyClusters returns a cluster for every server that the gateway fetches keys from, each
// once, and the rules that first name them. It is a cluster of its own: no route leads to
// it, and its TLS is as strict whatever services there are. The secrets that it needs beside
// those of DestinationRules are returned with it.
func keyClusters(v model.View, rules policy.JWTRules) ([]*clusterv3.Cluster, []model.Secret, Trace) {
	var out []*clusterv3.Cluster
	var roots []model.Secret
	from := Trace{}
	for _, rule := range rules {
		named, ok := rule.KeyService(v)
		s := keyService{named}
		if _, seen := from[s.Cluster()]; ok && !seen {
			from[s.Cluster()] = diag.PlacesOf(map[string]diag.Position{"": rule.Pos})
			c, tls := keyCluster(s, v)
			out = append(out, c)
			if authoritiesOf(tls) == model.HostRoots().Name {
				roots = []model.Secret{model.HostRoots()}
			}
		}
	}
	return out, roots, from
}

// keyCluster returns the cluster and what it says of TLS, which is nil for plain text.
func keyCluster(s keyService, v model.View) (*clusterv3.Cluster, *tlsv3.UpstreamTlsContext) {
	out := &clusterv3.Cluster{
		Name:           s.Cluster(),
		ConnectTimeout: durationpb.New(keyConnectTimeout),
		// A name that cannot be resolved must not keep the gateway from starting.
		WaitForWarmOnInit: wrapperspb.Bool(false),
	}
	service, registered := s.registered(v)
	if !registered || !s.located(out, service) {
		s.unregistered(out)
	}
	var tls *tlsv3.UpstreamTlsContext
	switch {
	case resource.SpeaksTLS(service.policy.GetTls()):
		tls = s.ruledTLS(service)
	case s.Scheme == "https":
		tls = s.tls(v)
	}
	if tls != nil {
		out.TransportSocket = tlsSocket(tls)
	}
	return out, tls
}

// registered returns the port of the service that has the host and port. Only a service of a
// namespace that policy for this gateway can stand in counts, and none where several
// namespaces define the host: who says where keys are makes tokens.
func (s keyService) registered(v model.View) (upstream, bool) {
	for _, service := range v.Services {
		if port, ok := service.Port(s.Port); ok && string(service.Host) == s.Host && v.Trusts(service) {
			return upstream{service: service, port: port, endpoints: port.Endpoints, policy: service.Rule.Policy(s.Port, ""), view: v}, true
		}
	}
	return upstream{}, false
}

// located gives the cluster the endpoints of a service, and reports false where it has none.
func (s keyService) located(c *clusterv3.Cluster, service upstream) bool {
	like, endpoints := cluster(service)
	if len(endpoints.GetEndpoints()) == 0 {
		return false
	}
	c.LoadAssignment = withoutBlockedAddresses(endpoints)
	c.LoadAssignment.ClusterName = c.GetName()
	if c.ClusterDiscoveryType = like.GetClusterDiscoveryType(); like.GetEdsClusterConfig() != nil {
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
	}
	return true
}

// withoutBlockedAddresses leaves out endpoints from which keys are never fetched, whoever names them.
// Without any the server cannot be asked, and its tokens are refused.
func withoutBlockedAddresses(a *endpointv3.ClusterLoadAssignment) *endpointv3.ClusterLoadAssignment {
	out := proto.CloneOf(a)
	for _, l := range out.GetEndpoints() {
		l.LbEndpoints = slices.DeleteFunc(l.LbEndpoints, func(e *endpointv3.LbEndpoint) bool {
			host := e.GetEndpoint().GetAddress().GetSocketAddress().GetAddress()
			address, err := netip.ParseAddr(host)
			return err == nil && resource.BlockedAddress(address) || resource.MetadataHost(host)
		})
	}
	return out
}

// ruledTLS is what a DestinationRule says of TLS to the server: authority, names and client
// certificate. The server is verified whatever it says: who can answer in its place makes tokens.
func (s keyService) ruledTLS(service upstream) *tlsv3.UpstreamTlsContext {
	rule := service.policy.GetTls()
	verified := proto.CloneOf(rule)
	verified.InsecureSkipVerify = nil
	service.policy = &networkingv1alpha3.TrafficPolicy{Tls: verified}
	names := namesOf(service)
	if names.sni == "" && !s.isAddress() {
		names.sni = s.Host
	}
	if len(names.sans) == 0 {
		names.sans = []string{s.Host}
	}
	out := upstreamTLS(rule, names, nil, service.view)
	if rule.GetInsecureSkipVerify().GetValue() {
		// The gateway has been given no authorities of the rule: its host's count.
		out.CommonTlsContext.ValidationContextType = upstreamTLS(nil, names, nil, service.view).GetCommonTlsContext().GetValidationContextType()
	}
	return out
}

// unregistered gives the cluster the host itself, an address or a name of DNS.
func (s keyService) unregistered(c *clusterv3.Cluster) {
	c.LoadAssignment = &endpointv3.ClusterLoadAssignment{ClusterName: c.GetName(), Endpoints: []*endpointv3.LocalityLbEndpoints{{
		LbEndpoints: []*endpointv3.LbEndpoint{{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{
			Endpoint: &endpointv3.Endpoint{Address: socketAddress(s.Host, s.Port)},
		}}},
	}}}
	if s.isAddress() {
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
	} else {
		setDNS(c, &dnsv3.DnsCluster{})
	}
}

func (s keyService) isAddress() bool {
	_, err := netip.ParseAddr(s.Host)
	return err == nil
}

// tls verifies the server's certificate and that it is for the host: who can answer in its
// place makes tokens.
func (s keyService) tls(v model.View) *tlsv3.UpstreamTlsContext {
	names := serverNames{sni: s.Host, sans: []string{s.Host}}
	if s.isAddress() {
		// A server name is never an address.
		names.sni = ""
	}
	return upstreamTLS(nil, names, nil, v)
}
