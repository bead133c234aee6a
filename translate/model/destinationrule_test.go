package model_test

import (
	"testing"

	"go.yaml.in/yaml/v3"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	typev1beta1 "istio.io/api/type/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// TestDestinationRuleLookup is where a gateway finds the rule for web.shop, whose
// maxConnections tells which rule it is.
func TestDestinationRuleLookup(t *testing.T) {
	rule := func(namespace, host string, limit int32, exportTo ...string) *resource.Resource {
		return &resource.Resource{
			Key: resource.Key{Kind: resource.DestinationRule, Namespace: namespace, Name: host + namespace},
			Spec: &networkingv1alpha3.DestinationRule{Host: host, ExportTo: exportTo, TrafficPolicy: &networkingv1alpha3.TrafficPolicy{
				ConnectionPool: &networkingv1alpha3.ConnectionPoolSettings{Tcp: &networkingv1alpha3.ConnectionPoolSettings_TCPSettings{MaxConnections: limit}},
			}},
		}
	}
	selecting := func(r *resource.Resource, app string) *resource.Resource {
		r.Spec.(*networkingv1alpha3.DestinationRule).WorkloadSelector = &typev1beta1.WorkloadSelector{MatchLabels: map[string]string{"app": app}}
		r.Name += app
		return r
	}
	const fqdn = "web.shop.svc.cluster.local"
	for name, c := range map[string]struct {
		gateway string
		rules   []*resource.Resource
		want    int32
	}{
		"none":                                     {"edge", nil, 0},
		"the gateway's namespace first":            {"edge", []*resource.Resource{rule("edge", fqdn, 1), rule("shop", "web", 2), rule("root", fqdn, 3)}, 1},
		"a wildcard there is enough":               {"edge", []*resource.Resource{rule("edge", "*.local", 1), rule("shop", "web", 2)}, 1},
		"then the service's":                       {"edge", []*resource.Resource{rule("shop", "web", 2), rule("root", fqdn, 3)}, 2},
		"then the root namespace's":                {"edge", []*resource.Resource{rule("root", "*", 3), rule("other", fqdn, 4)}, 3},
		"the most specific host":                   {"edge", []*resource.Resource{rule("edge", "*", 1), rule("edge", "*.svc.cluster.local", 2), rule("edge", "*.local", 3)}, 2},
		"the host itself before wildcards":         {"edge", []*resource.Resource{rule("edge", "*.shop.svc.cluster.local", 1), rule("edge", fqdn, 2)}, 2},
		"not exported":                             {"edge", []*resource.Resource{rule("shop", "web", 2, "."), rule("root", fqdn, 3)}, 3},
		"exported to the gateway":                  {"edge", []*resource.Resource{rule("shop", "web", 2, "edge")}, 2},
		"exported to others":                       {"edge", []*resource.Resource{rule("shop", "web", 2, "other")}, 0},
		"a short name is of its own namespace":     {"edge", []*resource.Resource{rule("edge", "web", 1)}, 0},
		"root: for everybody is the last resort":   {"root", []*resource.Resource{rule("root", fqdn, 3), rule("shop", "web", 2)}, 2},
		"root: for itself alone comes first":       {"root", []*resource.Resource{rule("root", fqdn, 3, "."), rule("shop", "web", 2)}, 3},
		"a selector that fits":                     {"edge", []*resource.Resource{rule("edge", fqdn, 1), selecting(rule("edge", fqdn, 5), "gateway")}, 5},
		"a selector that does not":                 {"edge", []*resource.Resource{rule("edge", fqdn, 1), selecting(rule("edge", fqdn, 5), "other")}, 1},
		"a selector is for its own namespace":      {"edge", []*resource.Resource{selecting(rule("shop", "web", 5), "gateway")}, 0},
		"the older one's policy":                   {"edge", []*resource.Resource{rule("edge", fqdn, 1), {Key: resource.Key{Kind: resource.DestinationRule, Namespace: "edge", Name: "z"}, Spec: rule("edge", fqdn, 9).Spec}}, 1},
		"what does not contain the host is no use": {"edge", []*resource.Resource{rule("edge", "*.example", 1)}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			service := &resource.Resource{Key: resource.Key{Kind: resource.ServiceEntry, Namespace: "shop", Name: "web"}, Spec: &networkingv1alpha3.ServiceEntry{
				Hosts: []string{"web"}, Ports: []*networkingv1alpha3.ServicePort{{Number: 80, Name: "http"}},
			}}
			resources := append(c.rules, service)
			for i := range resources {
				resources[i].Origin.Document.Root = &yaml.Node{Kind: yaml.MappingNode}
			}
			settings := model.DefaultSettings()
			settings.RootNamespace = "root"
			m, _ := model.Build(resources, settings)
			view := m.For(model.Gateway{Namespace: c.gateway, Labels: map[string]string{"app": "gateway"}})
			got := view.Policy(&networkingv1alpha3.Destination{Port: &networkingv1alpha3.PortSelector{Number: 80}}, fqdn, 80).GetConnectionPool().GetTcp().GetMaxConnections()
			if got != c.want {
				t.Errorf("the rule with maxConnections %d counts, want %d", got, c.want)
			}
		})
	}
}
