package explain_test

import (
	"net/netip"
	"testing"

	"github.com/portreeve/portreeve/translate/explain"
)

const database = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 5432, name: tcp, protocol: TCP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: database, namespace: istio-system}
spec:
  hosts: [database.example]
  ports: [{number: 5432, name: tcp, protocol: TCP}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: database, namespace: istio-system}
spec:
  hosts: ["*"]
  gateways: [gateway]
  tcp: [{route: [{destination: {host: database.example}}]}]
`

// TestPolicyOfConnections holds what becomes of connections whose requests nobody reads.
func TestPolicyOfConnections(t *testing.T) {
	g := gateway(t, `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: inside, namespace: istio-system}
spec: {rules: [{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: istio-system}
spec: {action: CUSTOM, provider: {name: rpc}, rules: [{from: [{source: {ipBlocks: [10.1.0.0/16]}}]}]}
`, database, "extensionProviders: [{name: rpc, envoyExtAuthzGrpc: {service: database.example, port: 5432}}]")
	for client, want := range map[string]string{
		"10.0.0.1":     "allowed",
		"198.51.100.7": "denied | rbac_access_denied_matched_policy[none]",
		"10.1.0.1":     "denied | ext_authz_close | UAEX",
		"":             "depends",
	} {
		r := explain.Request{Port: 5432, Connection: true, Assume: map[string]explain.Decision{"rpc": explain.AssumeDeny}}
		if client != "" {
			r.Client = netip.AddrPortFrom(netip.MustParseAddr(client), 1)
		}
		a := g.Ask(r)
		if got := said(a); got != want {
			t.Errorf("%s: %s, want %s; %+v", client, got, want, a.Ends)
		}
		if client == "10.0.0.1" && (a.Destination == nil || a.Destination.Clusters[0].Name != "outbound|5432||database.example" || a.Destination.At == nil) {
			t.Errorf("it goes to %+v", a.Destination)
		}
	}
}
