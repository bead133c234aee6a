package test

import (
	"fmt"
	"testing"
)

const onlyOneClient = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: client, namespace: istio-system}
spec: {rules: [{from: [{source: {%s: [203.0.113.7]}}]}]}
`

// TestOnlyTrustedProxiesTellTheClientsAddress holds whose address remoteIpBlocks are compared with.
// What a client writes into x-forwarded-for itself never counts.
func TestOnlyTrustedProxiesTellTheClientsAddress(t *testing.T) {
	tests := map[string]struct {
		proxies int
		status  map[string]int // by x-forwarded-for
	}{
		"none": {0, map[string]int{"": 403, "203.0.113.7": 403, "203.0.113.7, 198.51.100.1": 403}},
		"one": {1, map[string]int{"": 403, "203.0.113.7": 200, "192.0.2.9, 203.0.113.7": 200,
			"203.0.113.7, 198.51.100.1": 403, "203.0.113.7,198.51.100.1": 403}},
		"two": {2, map[string]int{"": 403, "203.0.113.7": 403, "203.0.113.7, 198.51.100.1": 200,
			"192.0.2.9, 203.0.113.7, 198.51.100.1": 200, "203.0.113.7, 192.0.2.9, 198.51.100.1": 403}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			mesh := fmt.Sprintf("defaultConfig: {gatewayTopology: {numTrustedProxies: %d}}\n", tc.proxies)
			_, address := meshGateway(t, mesh, fmt.Sprintf(onlyOneClient, "remoteIpBlocks"))
			for forwarded, want := range tc.status {
				var header []string
				if forwarded != "" {
					header = []string{"X-Forwarded-For: " + forwarded}
				}
				if status, _ := raw(t, address, "", "/", header...); status != want {
					t.Errorf("x-forwarded-for %q got %d, want %d", forwarded, status, want)
				}
			}
		})
	}
}

// TestTheProxyProtocolTellsTheClientsAddress holds that the address of the PROXY header is the
// client's for remoteIpBlocks, while ipBlocks go on to see the load balancer's, as under Istio; that
// x-forwarded-for then says nothing; and that a connection without the header is closed.
func TestTheProxyProtocolTellsTheClientsAddress(t *testing.T) {
	const mesh = "defaultConfig: {gatewayTopology: {proxyProtocol: {}}}\n"
	const theirs, others = "PROXY TCP4 203.0.113.7 127.0.0.1 1234 80\r\n", "PROXY TCP4 198.51.100.1 127.0.0.1 1234 80\r\n"
	for field, status := range map[string]map[string]int{
		"remoteIpBlocks": {theirs: 200, others: 403, "": 0},
		"ipBlocks":       {theirs: 403, others: 403, "": 0},
	} {
		t.Run(field, func(t *testing.T) {
			_, address := meshGateway(t, mesh, fmt.Sprintf(onlyOneClient, field))
			for first, want := range status {
				if status, _ := raw(t, address, first, "/", "X-Forwarded-For: 203.0.113.7"); status != want {
					t.Errorf("%q got %d, want %d", first, status, want)
				}
			}
		})
	}
}
