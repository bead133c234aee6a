package envoy

import (
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policy"
	"github.com/portreeve/portreeve/translate/resource"
)

func gatewayFetching(rules ...*securityv1beta1.JWTRule) model.View {
	return model.View{
		KeyFetch:               model.FetchByGateway,
		RequestAuthentications: []*resource.Resource{object(resource.RequestAuthentication, &securityv1beta1.RequestAuthentication{JwtRules: rules})},
	}
}

// TestRemoteKeysInIstiosShape holds the form of PILOT_JWT_ENABLE_REMOTE_JWKS=envoy.
func TestRemoteKeysInIstiosShape(t *testing.T) {
	for name, c := range map[string]struct {
		rule *securityv1beta1.JWTRule
		want string
	}{
		"https": {
			&securityv1beta1.JWTRule{JwksUri: "https://issuer.example/keys"},
			`{httpUri: {uri: "https://issuer.example/keys", cluster: "outbound|443||issuer.example", timeout: 5s}, cacheDuration: 300s}`,
		},
		"http": {
			&securityv1beta1.JWTRule{JwksUri: "http://issuer.example/keys"},
			`{httpUri: {uri: "http://issuer.example/keys", cluster: "outbound|80||issuer.example", timeout: 5s}, cacheDuration: 300s}`,
		},
		"port and timeout": {
			&securityv1beta1.JWTRule{JwksUri: "http://issuer.example:9000/keys", Timeout: durationpb.New(1_500_000_000)},
			`{httpUri: {uri: "http://issuer.example:9000/keys", cluster: "outbound|9000||issuer.example", timeout: 1.5s}, cacheDuration: 300s}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			v := gatewayFetching(c.rule)
			got := RenderIstio(v, policy.Of(v))
			if len(got.Clusters) != 0 || len(got.ExtensionConfigs) != 1 {
				t.Fatalf("%d clusters and %d filters, want none and one", len(got.Clusters), len(got.ExtensionConfigs))
			}
			filter := &jwtauthnv3.JwtAuthentication{}
			if err := got.ExtensionConfigs[0].GetTypedConfig().UnmarshalTo(filter); err != nil {
				t.Fatal(err)
			}
			want := &jwtauthnv3.RemoteJwks{}
			fromYAML(t, c.want, want)
			equal(t, want, filter.GetProviders()["origins-0"].GetRemoteJwks())
		})
	}
}

// TestServersOfKeysThatAreServices holds that a ServiceEntry says where its host is, but
// not how far its server is trusted.
func TestServersOfKeysThatAreServices(t *testing.T) {
	entry := func(resolution networkingv1alpha3.ServiceEntry_Resolution, addresses ...string) []model.Service {
		port := model.ServicePort{Number: 443, Protocol: "HTTP"}
		for _, a := range addresses {
			port.Endpoints = append(port.Endpoints, model.Endpoint{Address: a, Port: 443, Weight: 1})
		}
		origin := &resource.Resource{Key: resource.Key{Kind: resource.ServiceEntry, Namespace: "foo", Name: "issuer"}}
		return []model.Service{{Host: "issuer.example", Resolution: resolution, Ports: []model.ServicePort{port}, Origin: origin}}
	}
	tenants := entry(networkingv1alpha3.ServiceEntry_STATIC, "10.0.0.1")
	tenants[0].Origin = &resource.Resource{Key: resource.Key{Kind: resource.ServiceEntry, Namespace: "tenant", Name: "issuer"}}
	for name, c := range map[string]struct {
		services []model.Service
		uri      string
		static   bool
		address  string
	}{
		"no service":              {nil, "https://issuer.example/keys", false, "issuer.example"},
		"static endpoints":        {entry(networkingv1alpha3.ServiceEntry_STATIC, "10.0.0.1"), "https://issuer.example/keys", true, "10.0.0.1"},
		"endpoints by DNS":        {entry(networkingv1alpha3.ServiceEntry_DNS, "keys.internal"), "https://issuer.example/keys", false, "keys.internal"},
		"the host itself":         {entry(networkingv1alpha3.ServiceEntry_DNS), "https://issuer.example/keys", false, "issuer.example"},
		"a service without any":   {entry(networkingv1alpha3.ServiceEntry_STATIC), "https://issuer.example/keys", false, "issuer.example"},
		"another namespace's":     {tenants, "https://issuer.example/keys", false, "issuer.example"},
		"another port":            {entry(networkingv1alpha3.ServiceEntry_STATIC, "10.0.0.1"), "https://issuer.example:8443/keys", false, "issuer.example"},
		"blocked endpoints":       {entry(networkingv1alpha3.ServiceEntry_STATIC, "169.254.169.254"), "https://issuer.example/keys", true, ""},
		"another host":            {entry(networkingv1alpha3.ServiceEntry_STATIC, "10.0.0.1"), "https://other.example/keys", false, "other.example"},
		"an address":              {nil, "https://192.0.2.1/keys", true, "192.0.2.1"},
		"a name that is absolute": {nil, "https://Issuer.Example./keys", false, "issuer.example"},
	} {
		t.Run(name, func(t *testing.T) {
			v := gatewayFetching(&securityv1beta1.JWTRule{JwksUri: c.uri})
			v.Services, v.Gateway.Namespace = c.services, "foo"
			clusters, _, from := keyClusters(v, policy.Of(v).JWTRules)
			if len(clusters) != 1 || len(from[clusters[0].GetName()].All()) != 1 {
				t.Fatalf("clusters %v from %v, want one", clusters, from)
			}
			got := clusters[0]
			if static := got.GetType() == clusterv3.Cluster_STATIC && got.GetClusterType() == nil; static != c.static {
				t.Errorf("static %v, want %v: %v", static, c.static, got)
			}
			address := ""
			for _, e := range got.GetLoadAssignment().GetEndpoints()[0].GetLbEndpoints() {
				address += e.GetEndpoint().GetAddress().GetSocketAddress().GetAddress()
			}
			if address != c.address {
				t.Errorf("address %s, want %s", address, c.address)
			}
			if got.GetTransportSocket() == nil || got.GetLoadAssignment().GetClusterName() != got.GetName() {
				t.Errorf("the cluster speaks no TLS, or its endpoints have another name: %v", got)
			}
			if err := got.ValidateAll(); err != nil {
				t.Error(err)
			}
		})
	}
}
