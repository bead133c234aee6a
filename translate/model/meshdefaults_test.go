package model

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/resource"
)

func fromJSON[M proto.Message](t *testing.T, text string, m M) M {
	t.Helper()
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestBaseline holds what counts of a service, block by block: the DestinationRule's, then of
// localities the service's own, then the mesh's.
func TestBaseline(t *testing.T) {
	const mesh = `{"localityLbSetting": {"enabled": true}, "defaultTrafficPolicy": {"connectionPool": {"tcp": {"maxConnections": 7}}, "outlierDetection": {"interval": "7s"}}}`
	const near = `"localityLbSetting": {"failoverPriority": ["topology.istio.io/network", "topology.kubernetes.io/region", "topology.kubernetes.io/zone"]}`
	for name, c := range map[string]struct{ mesh, distribution, rule, want string }{
		"nobody says anything": {"{}", "", "", ""},
		"the mesh alone":       {mesh, "", "", `{"connectionPool": {"tcp": {"maxConnections": 7}}, "outlierDetection": {"interval": "7s"}, "loadBalancer": {"localityLbSetting": {"enabled": true}}}`},
		"an empty rule":        {mesh, "", "{}", `{"connectionPool": {"tcp": {"maxConnections": 7}}, "outlierDetection": {"interval": "7s"}, "loadBalancer": {"localityLbSetting": {"enabled": true}}}`},
		"the rule's blocks": {mesh, "", `{"connectionPool": {"http": {"maxRetries": 1}}, "outlierDetection": {"interval": "1s"}, "loadBalancer": {"localityLbSetting": {"enabled": false}}}`,
			`{"connectionPool": {"http": {"maxRetries": 1}}, "outlierDetection": {"interval": "1s"}, "loadBalancer": {"localityLbSetting": {"enabled": false}}}`},
		"a balancer without localities": {mesh, "", `{"loadBalancer": {"simple": "RANDOM"}, "tls": {"mode": "SIMPLE"}, "retryBudget": {"minRetryConcurrency": 1}, "proxyProtocol": {"version": "V2"}}`,
			`{"connectionPool": {"tcp": {"maxConnections": 7}}, "outlierDetection": {"interval": "7s"}, "tls": {"mode": "SIMPLE"}, "retryBudget": {"minRetryConcurrency": 1}, "proxyProtocol": {"version": "V2"},
				"loadBalancer": {"simple": "RANDOM", "localityLbSetting": {"enabled": true}}}`},
		"a tunnel": {mesh, "", `{"tunnel": {"targetHost": "a.example", "targetPort": 443}}`,
			`{"connectionPool": {"tcp": {"maxConnections": 7}}, "outlierDetection": {"interval": "7s"}, "loadBalancer": {"localityLbSetting": {"enabled": true}},
				"tunnel": {"targetHost": "a.example", "targetPort": 443}}`},
		"a service alone":                  {"{}", resource.PreferSameZone, "", `{"loadBalancer": {` + near + `}}`},
		"a service before the mesh":        {mesh, resource.PreferClose, `{"connectionPool": {}, "outlierDetection": {}}`, `{"connectionPool": {}, "outlierDetection": {}, "loadBalancer": {` + near + `}}`},
		"a service beside a balancer":      {"{}", resource.PreferClose, `{"loadBalancer": {"simple": "RANDOM"}}`, `{"loadBalancer": {"simple": "RANDOM", ` + near + `}}`},
		"a rule's localities before those": {"{}", resource.PreferClose, `{"loadBalancer": {"localityLbSetting": {}}}`, `{"loadBalancer": {"localityLbSetting": {}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := Service{Locality: localityPreference(c.distribution)}
			var policy, want *networkingv1alpha3.TrafficPolicy
			if c.rule != "" {
				policy = fromJSON(t, c.rule, &networkingv1alpha3.TrafficPolicy{})
			}
			if c.want != "" {
				want = fromJSON(t, c.want, &networkingv1alpha3.TrafficPolicy{})
			}
			got := Rule{policy: policy, base: baseline(fromJSON(t, c.mesh, &meshv1alpha1.MeshConfig{}), s)}.Policy(80, "")
			if d := cmp.Diff(want, got, protocmp.Transform()); d != "" {
				t.Errorf("policy differs (-want +got):\n%s", d)
			}
			own := got.GetLoadBalancer().GetLocalityLbSetting() == s.Locality
			if says := policy.GetLoadBalancer().GetLocalityLbSetting() != nil; s.Locality != nil && own == says {
				t.Errorf("the localities are told to be the service's own: %v", own)
			}
		})
	}
}

// TestBaselineKeepsARule holds that a mesh which says something of every service takes nothing
// of what a DestinationRule says, whatever a policy can have: without its tunnel, what is meant
// for the target would reach the proxy itself.
func TestBaselineKeepsARule(t *testing.T) {
	written := &networkingv1alpha3.TrafficPolicy{}
	for fields, i := written.ProtoReflect().Descriptor().Fields(), 0; i < fields.Len(); i++ {
		if f := fields.Get(i); !f.IsList() {
			written.ProtoReflect().Mutable(f)
		}
	}
	base := fromJSON(t, `{"connectionPool": {"tcp": {"maxConnections": 7}}, "outlierDetection": {"interval": "7s"}}`, &networkingv1alpha3.TrafficPolicy{})
	for name, r := range map[string]Rule{
		"of a host":   {policy: written, base: base},
		"of a subset": {Subsets: []*networkingv1alpha3.Subset{{Name: "v1", TrafficPolicy: written}}, base: base},
	} {
		if d := cmp.Diff(written, r.Policy(80, "v1"), protocmp.Transform()); d != "" {
			t.Errorf("%s: policy differs (-want +got):\n%s", name, d)
		}
	}
}

// TestExportDefaults holds that the mesh's word counts for objects without one, and that the
// objects given stay as they are.
func TestExportDefaults(t *testing.T) {
	mesh := &meshv1alpha1.MeshConfig{DefaultServiceExportTo: []string{"a"}, DefaultVirtualServiceExportTo: []string{"b"}, DefaultDestinationRuleExportTo: []string{"c"}}
	given := []*resource.Resource{
		{Key: resource.Key{Kind: resource.ServiceEntry}, Spec: &networkingv1alpha3.ServiceEntry{}},
		{Key: resource.Key{Kind: resource.ServiceEntry}, Spec: &networkingv1alpha3.ServiceEntry{ExportTo: []string{"*"}}},
		{Key: resource.Key{Kind: resource.VirtualService}, Spec: &networkingv1alpha3.VirtualService{}},
		{Key: resource.Key{Kind: resource.VirtualService}, Spec: &networkingv1alpha3.VirtualService{ExportTo: []string{"*"}}},
		{Key: resource.Key{Kind: resource.DestinationRule}, Spec: &networkingv1alpha3.DestinationRule{}},
		{Key: resource.Key{Kind: resource.DestinationRule}, Spec: &networkingv1alpha3.DestinationRule{ExportTo: []string{"*"}}},
		{Key: resource.Key{Kind: resource.KubernetesService}},
		{Key: resource.Key{Kind: resource.KubernetesService}, Annotations: map[string]string{exportToAnnotation: "*"}},
		{Key: resource.Key{Kind: resource.Gateway}, Spec: &networkingv1alpha3.Gateway{}},
	}
	before := append([]*resource.Resource(nil), given...)
	var got []string
	for _, r := range given {
		r = withExportTo(r, mesh)
		to := serviceExportTo(r)
		if spec, ok := r.Spec.(interface{ GetExportTo() []string }); ok {
			to = spec.GetExportTo()
		}
		if len(to) == 0 {
			to = []string{"-"}
		}
		got = append(got, to...)
	}
	if d := cmp.Diff([]string{"a", "*", "b", "*", "c", "*", "a", "*", "-"}, got); d != "" {
		t.Errorf("exports differ (-want +got):\n%s", d)
	}
	for i, r := range before {
		if spec, ok := r.Spec.(interface{ GetExportTo() []string }); i%2 == 0 && (ok && len(spec.GetExportTo()) > 0 || len(r.Annotations) > 0) {
			t.Errorf("%s was changed in place", r.Kind)
		}
	}
}
