package envoy

import (
	"testing"
)

// TestClustersOfAbsentProviders holds that what a filter names is there, and leads nowhere.
func TestClustersOfAbsentProviders(t *testing.T) {
	const mesh = `extensionProviders: [{name: absent, envoyExtAuthzGrpc: {service: absent.example, port: 80, failOpen: true}},
{name: portless, envoyExtAuthzHttp: {service: authz.example, port: 81, failOpen: true}}, {name: elsewhere, envoyExtAuthzHttp: {service: other/authz.example, port: 80, failOpen: true}}]`
	for name, cluster := range map[string]string{
		"absent": "outbound|80||absent.example", "portless": "outbound|81||authz.example", "elsewhere": "outbound|80||other/authz.example",
	} {
		t.Run(name, func(t *testing.T) {
			clusters, endpoints := providerClusters(asking(t, mesh, name))
			if len(clusters) != 1 || clusters[0].GetName() != cluster || len(endpoints) != 1 || len(endpoints[0].GetEndpoints()) > 0 {
				t.Errorf("clusters %v, endpoints %v", clusters, endpoints)
			}
		})
	}
}
