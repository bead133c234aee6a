package envoy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/model"
)

// TestZones is what a gateway makes of endpoints of which only the zone is known, as in an
// EndpointSlice, and of services that ask for what is near.
func TestZones(t *testing.T) {
	const outliers, labels = `outlierDetection: {consecutive5xxErrors: 5}, `, `failoverPriority: [topology.kubernetes.io/region, topology.kubernetes.io/zone]`
	const alike = "0:=1(d) 0:/two=1(b) 0:eu/one=1(a) 0:eu/two=1(c) 0:us/one=1(e)"
	at := model.Gateway{Locality: "eu/one/x"}
	for name, c := range map[string]struct {
		policy, preference, want string
		gateway                  model.Gateway
	}{
		"the gateway's zone is in its region": {"{" + outliers + "}", "", "0:eu/one=1(a) 1:eu/two=1(c) 2:=1(d) 2:/two=1(b) 2:us/one=1(e)", at},
		"a gateway that says nothing":         {"{" + outliers + "}", "", "0:=1(d) 0:/one=1(a) 0:/two=1(b) 0:eu/two=1(c) 0:us/one=1(e)", model.Gateway{}},
		"in the same zone of another region":  {"{" + outliers + "}", "", "0:us/one=2(a e) 1:=1(d) 1:/two=1(b) 1:eu/two=1(c)", model.Gateway{Locality: "us/one"}},
		"shares": {"{loadBalancer: {localityLbSetting: {distribute: [{from: eu/*, to: {eu/one: 80, eu/two: 20}}]}}}", "",
			"0:eu/one=80(a) 0:eu/two=20(c)", at},
		"labels of places": {"{" + outliers + "loadBalancer: {localityLbSetting: {" + labels + "}}}", "",
			"0:eu/one=1(a) 1:eu/two=1(c) 2:=1(d) 2:/two=1(b) 2:us/one=1(e)", at},
		"labels need outlier detection":      {"{loadBalancer: {localityLbSetting: {" + labels + "}}}", "", alike, at},
		"a service's wish needs none":        {"{}", "{" + labels + "}", "0:eu/one=1(a) 1:eu/two=1(c) 2:=1(d) 2:/two=1(b) 2:us/one=1(e)", at},
		"a DestinationRule counts before it": {"{loadBalancer: {localityLbSetting: {enabled: false}}}", "{" + labels + "}", alike, at},
		"and what it prefers needs outliers": {"{loadBalancer: {localityLbSetting: {" + labels + "}}}", "{" + labels + "}", alike, at},
	} {
		t.Run(name, func(t *testing.T) {
			policy := &networkingv1alpha3.TrafficPolicy{}
			fromYAML(t, c.policy, policy)
			service := model.Service{}
			if c.preference != "" {
				service.Locality = &networkingv1alpha3.LocalityLoadBalancerSetting{}
				fromYAML(t, c.preference, service.Locality)
				if policy.GetLoadBalancer() == nil {
					policy.LoadBalancer = &networkingv1alpha3.LoadBalancerSettings{LocalityLbSetting: service.Locality}
				}
			}
			got := grouped(localityGroups(upstream{service: service, policy: policy, view: model.View{Gateway: c.gateway}, endpoints: []model.Endpoint{
				{Address: "a", Locality: "/one"},
				{Address: "b", Locality: "/two"},
				{Address: "c", Locality: "eu/two"},
				{Address: "d"},
				{Address: "e", Locality: "us/one"},
			}}))
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("groups differ (-want +got):\n%s", d)
			}
		})
	}
}
