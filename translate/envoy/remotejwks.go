package envoy

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	dnsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dns/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// The times of a gateway that fetches keys itself, in nanoseconds. Those of Istio are
// fetchTimeout and keyLifetime.
const (
	fetchTimeout = 5_000_000_000
	keyLifetime  = 300_000_000_000
	// refetchAfter is the pause after a fetch that failed.
	refetchAfter = 1_000_000_000
	// fetchRetries are made within the timeout of a fetch, the first after retryAfter.
	fetchRetries = 2
	retryAfter   = 100_000_000
)

// remoteJWKS lets the gateway fetch the keys of a rule from their address. It reports false
// for a rule that does not name one.
//
// Envoy fetches as soon as it has the filter, and until there are keys, once more for each
// token: the token is held meanwhile, and refused where the fetch fails. With fast_listener
// it does not keep a listener closed over that, so that an issuer that is down harms nobody
// but itself.
func remoteJWKS(rule *securityv1beta1.JWTRule) (*jwtauthnv3.RemoteJwks, bool) {
	service, ok := keyServiceOf(rule.GetJwksUri())
	if !ok {
		return nil, false
	}
	timeout := rule.GetTimeout()
	if timeout == nil {
		timeout = durationpb.New(fetchTimeout)
	}
	return &jwtauthnv3.RemoteJwks{
		HttpUri: &corev3.HttpUri{
			Uri:              rule.GetJwksUri(),
			HttpUpstreamType: &corev3.HttpUri_Cluster{Cluster: service.cluster()},
			Timeout:          timeout,
		},
		CacheDuration: durationpb.New(keyLifetime),
		AsyncFetch:    &jwtauthnv3.JwksAsyncFetch{FastListener: true, FailedRefetchDuration: durationpb.New(refetchAfter)},
		RetryPolicy: &corev3.RetryPolicy{
			NumRetries: wrapperspb.UInt32(fetchRetries),
			RetryBackOff: &corev3.BackoffStrategy{
				BaseInterval: durationpb.New(min(retryAfter, timeout.AsDuration())),
				// Envoy also takes this for the time of one try. Were it shorter than the whole
				// timeout, keys that come slowly would never come.
				MaxInterval: timeout,
			},
		},
	}, true
}

// keyService is a server that keys are fetched from.
type keyService struct {
	scheme string
	// host is a name in lower case, or an IP address.
	host string
	port uint32
}

// keyServiceOf reads the server out of a valid jwksUri; it reports false for any other text.
func keyServiceOf(uri string) (keyService, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Hostname() == "" {
		return keyService{}, false
	}
	port := u.Port()
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return keyService{}, false
	case port == "" && u.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return keyService{u.Scheme, strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")), uint32(number)}, err == nil
}

// cluster names the cluster of a service. It has the shape of Istio's names and cannot be
// one of them: no route leads to it.
func (s keyService) cluster() string { return fmt.Sprintf("jwks|%d|%s|%s", s.port, s.scheme, s.host) }

// isKeyCluster reports whether a cluster is that of a key service.
func isKeyCluster(c *clusterv3.Cluster) bool { return strings.HasPrefix(c.GetName(), "jwks|") }

// keyClusters returns a cluster for every server that the gateway fetches keys from, each
// once, and the rules that first name them. It is a cluster of its own: no route leads to
// it, and its TLS is as strict whatever services there are. The secrets that it needs beside
// those of DestinationRules are returned with it.
func keyClusters(v model.View) ([]*clusterv3.Cluster, []model.Secret, Trace) {
	var out []*clusterv3.Cluster
	var roots []model.Secret
	from := Trace{}
	for _, rule := range jwtRules(v.RequestAuthentications) {
		if !fetchedByGateway(rule.spec, v) {
			continue
		}
		s, ok := keyServiceOf(rule.spec.GetJwksUri())
		if _, seen := from[s.cluster()]; ok && !seen {
			from[s.cluster()] = map[string]diag.Position{"": rule.pos}
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
		Name:           s.cluster(),
		ConnectTimeout: durationpb.New(fetchTimeout),
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
	case s.scheme == "https":
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
		if port, ok := service.Port(s.port); ok && string(service.Host) == s.host && v.Trusts(service) {
			return upstream{service: service, port: port, endpoints: port.Endpoints, policy: service.Rule.Policy(s.port, ""), view: v}, true
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
	c.LoadAssignment = withoutGuarded(endpoints)
	c.LoadAssignment.ClusterName = c.GetName()
	if c.ClusterDiscoveryType = like.GetClusterDiscoveryType(); like.GetEdsClusterConfig() != nil {
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
	}
	return true
}

// withoutGuarded leaves out endpoints from which keys are never fetched, whoever names them.
// Without any the server cannot be asked, and its tokens are refused.
func withoutGuarded(a *endpointv3.ClusterLoadAssignment) *endpointv3.ClusterLoadAssignment {
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
		names.sni = s.host
	}
	if len(names.sans) == 0 {
		names.sans = []string{s.host}
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
			Endpoint: &endpointv3.Endpoint{Address: socketAddress(s.host, s.port)},
		}}},
	}}}
	if s.isAddress() {
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
	} else {
		setDNS(c, &dnsv3.DnsCluster{})
	}
}

func (s keyService) isAddress() bool {
	_, err := netip.ParseAddr(s.host)
	return err == nil
}

// tls verifies the server's certificate and that it is for the host: who can answer in its
// place makes tokens.
func (s keyService) tls(v model.View) *tlsv3.UpstreamTlsContext {
	names := serverNames{sni: s.host, sans: []string{s.host}}
	if s.isAddress() {
		// A server name is never an address.
		names.sni = ""
	}
	return upstreamTLS(nil, names, nil, v)
}

// asIstio returns a filter in Istio's shape: where gateways fetch keys, Istio says so by
// address, cluster and times only, and names the cluster as if the host were a service.
func asIstio(filter proto.Message) proto.Message {
	jwt, ok := filter.(*jwtauthnv3.JwtAuthentication)
	if !ok {
		return filter
	}
	out := proto.CloneOf(jwt)
	for _, p := range out.GetProviders() {
		remote := p.GetRemoteJwks()
		if remote == nil {
			continue
		}
		remote.AsyncFetch, remote.RetryPolicy = nil, nil
		if s, ok := keyServiceOf(remote.GetHttpUri().GetUri()); ok {
			remote.HttpUri.HttpUpstreamType = &corev3.HttpUri_Cluster{Cluster: model.ClusterName(model.Host(s.host), s.port)}
		}
	}
	return out
}
