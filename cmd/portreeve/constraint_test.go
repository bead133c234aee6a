package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// TestValidateFindsWhatEnvoyWouldRefuse holds that validate renders for the gateways that the files
// speak of, or for the one that is named, and says what Envoy's API would not take, at its object.
func TestValidateFindsWhatEnvoyWouldRefuse(t *testing.T) {
	header := "x-" + strings.Repeat("a", 17<<10)
	gateway := "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: front, namespace: edge}\nspec: {selector: {tier: %s}, servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ['*']}]}\n"
	routes := "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: shop, namespace: edge}\nspec:\n  hosts: ['*']\n  gateways: [front]\n  exportTo: [%s]\n  http:\n  - directResponse: {status: 200}\n    headers:\n      response:\n        add:\n          ? %s\n          : a\n"
	for name, c := range map[string]struct {
		exportTo, header string
		args             []string
		code             int
	}{
		"of the Gateway's selector":       {"'*'", header, nil, exitFindings},
		"in the namespace that it is for": {"edge", header, nil, exitFindings},
		"of the gateway that is named":    {"'*'", header, []string{"--labels", "tier=web", "--namespace", "edge"}, exitFindings},
		"not of another":                  {"'*'", header, []string{"--labels", "tier=other", "--namespace", "edge"}, exitClean},
		"not in another namespace":        {"edge", header, []string{"--labels", "tier=web", "--namespace", "elsewhere"}, exitClean},
		"nothing":                         {"'*'", "x-a", nil, exitClean},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newPolicyDir(t, map[string]string{"gateway.yaml": fmt.Sprintf(gateway, "web"), "routes.yaml": fmt.Sprintf(routes, c.exportTo, c.header)})
			var out bytes.Buffer
			if code := run(t.Context(), append(append([]string{"validate"}, c.args...), dir), &out, &out); code != c.code {
				t.Errorf("exit %d, want %d:\n%.500s", code, c.code, out.String())
			}
			if noted := strings.Contains(out.String(), "note: no Gateway in the files selects"); noted != (name == "not of another") {
				t.Errorf("a note that no Gateway selects it: %v\n%.500s", noted, out.String())
			}
			told := strings.Count(out.String(), "routes.yaml:9:5: error PR0990: Envoy would refuse")
			if want := c.code; told != want || strings.Count(out.String(), ": error ") != want {
				t.Errorf("%d findings, want %d:\n%.500s", told, want, out.String())
			}
		})
	}
}
