package envoy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policy"
)

// grouped prints the groups as priority:locality=weight(addresses).
func grouped(groups []localityGroup) string {
	var out []string
	for _, g := range groups {
		var addresses []string
		for _, e := range g.endpoints {
			addresses = append(addresses, e.Address)
		}
		out = append(out, fmt.Sprintf("%d:%s=%d(%s)", g.priority, g.locality, g.weight.GetValue(), strings.Join(addresses, " ")))
	}
	return strings.Join(out, " ")
}

// TestLocalities is what a gateway makes of the localities of endpoints, as it sees them.
func TestLocalities(t *testing.T) {
	const outliers = `outlierDetection: {consecutive5xxErrors: 5}, `
	for name, c := range map[string]struct {
		policy, want string
		gateway      model.Gateway
	}{
		"nothing is said":                        {"{}", "0:=1(e) 0:eu/one/x=1(a) 0:eu/one/y=2(b) 0:eu/two=1(c) 0:us/one=1(d)", model.Gateway{Locality: "eu/one/x"}},
		"outlier detection prefers what is near": {"{" + outliers + "}", "0:eu/one/x=1(a) 1:eu/one/y=2(b) 2:eu/two=1(c) 3:=1(e) 3:us/one=1(d)", model.Gateway{Locality: "eu/one/x"}},
		"the label counts before the node":       {"{" + outliers + "}", "0:us/one=1(d) 1:=1(e) 1:eu/one/x=1(a) 1:eu/one/y=2(b) 1:eu/two=1(c)", model.Gateway{Locality: "eu/one/x", Labels: map[string]string{"istio-locality": "us.one"}}},
		"a gateway that says nothing":            {"{" + outliers + "}", "0:=1(e) 0:eu/one/x=1(a) 0:eu/one/y=2(b) 0:eu/two=1(c) 0:us/one=1(d)", model.Gateway{}},
		"switched off":                           {"{" + outliers + "loadBalancer: {localityLbSetting: {enabled: false}}}", "0:=1(e) 0:eu/one/x=1(a) 0:eu/one/y=2(b) 0:eu/two=1(c) 0:us/one=1(d)", model.Gateway{Locality: "eu/one/x"}},
		"failover to a region":                   {"{" + outliers + "loadBalancer: {localityLbSetting: {failover: [{from: eu, to: us}]}}}", "0:eu/one/x=1(a) 1:eu/one/y=2(b) 2:eu/two=1(c) 3:us/one=1(d) 4:=1(e)", model.Gateway{Locality: "eu/one/x"}},
		"distribute": {"{loadBalancer: {localityLbSetting: {distribute: [{from: us/*, to: {eu: 100}}, {from: eu/one/*, to: {'eu/one/*': 75, us/one: 25}}]}}}",
			"0:eu/one/x=25(a) 0:eu/one/y=50(b) 0:us/one=25(d)", model.Gateway{Locality: "eu/one/x"}},
		"distribute from elsewhere": {"{loadBalancer: {localityLbSetting: {distribute: [{from: us/*, to: {eu: 100}}]}}}", "0:=1(e) 0:eu/one/x=1(a) 0:eu/one/y=2(b) 0:eu/two=1(c) 0:us/one=1(d)", model.Gateway{Locality: "eu/one/x"}},
		"priority by labels": {"{" + outliers + "loadBalancer: {localityLbSetting: {failoverPriority: [net, tier=fast]}}}",
			"0:eu/two=1(c) 1:us/one=1(d) 2:=1(e) 2:eu/one/x=1(a) 2:eu/one/y=2(b)", model.Gateway{Labels: map[string]string{"net": "n"}}},
	} {
		t.Run(name, func(t *testing.T) {
			policy := &networkingv1alpha3.TrafficPolicy{}
			fromYAML(t, c.policy, policy)
			got := grouped(localityGroups(upstream{policy: policy, view: model.View{Gateway: c.gateway}, endpoints: []model.Endpoint{
				{Address: "a", Locality: "eu/one/x"},
				{Address: "b", Locality: "eu/one/y", Weight: 2},
				{Address: "c", Locality: "eu/two", Labels: map[string]string{"net": "n", "tier": "fast"}},
				{Address: "d", Locality: "us/one", Labels: map[string]string{"net": "n"}},
				{Address: "e"},
			}}))
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("groups differ (-want +got):\n%s", d)
			}
		})
	}
}

// TestServerNames is which name of a backend is verified. There is always one, unless the
// DestinationRule says that nothing is.
func TestServerNames(t *testing.T) {
	asked := asking(t, `extensionProviders: [{name: p, envoyExtAuthzHttp: {service: authz.example, port: 80}}]`, "p")
	for name, c := range map[string]struct {
		tls, protocol string
		service       model.Service
		view          model.View
		want          serverNames
	}{
		"no TLS":                      {tls: "{sni: a.example}", want: serverNames{}},
		"by request":                  {tls: "{mode: SIMPLE}", want: serverNames{byRequest: true, verifyByRequest: true}},
		"sni":                         {tls: "{mode: SIMPLE, sni: a.example}", want: serverNames{sni: "a.example", sans: []string{"a.example"}}},
		"names":                       {tls: "{mode: SIMPLE, subjectAltNames: [b]}", want: serverNames{sans: []string{"b"}, byRequest: true}},
		"names of the service":        {tls: "{mode: SIMPLE}", service: model.Service{SubjectAltNames: []string{"c"}}, want: serverNames{sans: []string{"c"}, byRequest: true}},
		"no request is read":          {tls: "{mode: SIMPLE}", protocol: "TCP", service: model.Service{Host: "s.example"}, want: serverNames{sni: "s.example", sans: []string{"s.example"}}},
		"not verified":                {tls: "{mode: SIMPLE, insecureSkipVerify: true}", want: serverNames{byRequest: true}},
		"an authorizer asked in HTTP": {tls: "{mode: SIMPLE}", service: asked.Services[0], view: asked, want: serverNames{sni: "authz.example", sans: []string{"authz.example"}}},
	} {
		t.Run(name, func(t *testing.T) {
			policy := &networkingv1alpha3.TrafficPolicy{}
			fromYAML(t, "{tls: "+c.tls+"}", policy)
			got := namesOf(upstream{service: c.service, port: model.ServicePort{Number: 80, Protocol: c.protocol}, policy: policy, view: c.view})
			if d := cmp.Diff(c.want, got, cmp.AllowUnexported(serverNames{})); d != "" {
				t.Errorf("names differ (-want +got):\n%s", d)
			}
		})
	}
}

// TestKeysByDestinationRule holds that a DestinationRule says by which authority a server of
// keys is verified, and cannot say that it is not.
func TestKeysByDestinationRule(t *testing.T) {
	tls := &networkingv1alpha3.ClientTLSSettings{}
	fromYAML(t, "{mode: SIMPLE, insecureSkipVerify: true}", tls)
	s := keyService{policy.KeyService{Scheme: "https", Host: "issuer.example", Port: 443}}
	got := s.ruledTLS(upstream{policy: &networkingv1alpha3.TrafficPolicy{Tls: tls}})
	validation := got.GetCommonTlsContext().GetCombinedValidationContext().GetDefaultValidationContext()
	if authoritiesOf(got) != "file-root:system" || len(validation.GetMatchTypedSubjectAltNames()) != 1 || got.GetSni() != "issuer.example" {
		t.Errorf("a server of keys is not verified: %v", got)
	}
	fromYAML(t, "{mode: SIMPLE, caCertificates: /ca.pem}", tls)
	if got := authoritiesOf(s.ruledTLS(upstream{policy: &networkingv1alpha3.TrafficPolicy{Tls: tls}})); got != "file-root:/ca.pem" {
		t.Errorf("the authority is %q, want that of the DestinationRule", got)
	}
}
