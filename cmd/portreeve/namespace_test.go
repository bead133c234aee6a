package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestAPolicyBesideItsGatewayInAnotherNamespaceIsTold holds that for a gateway that is named, a policy is told of which
// stands beside a Gateway that it serves, in a namespace whose policies do not count there.
func TestAPolicyBesideItsGatewayInAnotherNamespaceIsTold(t *testing.T) {
	const gateway = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: front, namespace: shop}\n" +
		"spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: [a.example]}]}\n---\n"
	const policy = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: shop}\n" +
		"spec: {selector: {matchLabels: {istio: ingressgateway}}, action: DENY, rules: [{}]}\n"
	const want = "policy.yaml:8:32: warning PR0913: the gateway serves what Gateways of shop say, but runs in istio-system"
	for name, c := range map[string]struct {
		args []string
		text string
		told bool
	}{
		"beside it":                     {[]string{"--namespace", "istio-system", "--labels", "istio=ingressgateway"}, gateway + policy, true},
		"no gateway is named":           {nil, gateway + policy, false},
		"the gateway runs there":        {[]string{"--namespace", "shop", "--labels", "istio=ingressgateway"}, gateway + policy, false},
		"it serves no Gateway of there": {[]string{"--namespace", "istio-system", "--labels", "istio=other"}, gateway + policy, false},
		"the policy is not for it":      {[]string{"--namespace", "istio-system", "--labels", "istio=ingressgateway"}, gateway + strings.Replace(policy, "istio: ingressgateway", "istio: other", 1), false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newPolicyDir(t, map[string]string{"policy.yaml": c.text})
			var out bytes.Buffer
			if code := run(t.Context(), append(append([]string{"validate"}, c.args...), dir), &out, &out); code != exitClean {
				t.Errorf("exit %d", code)
			}
			if strings.Contains(out.String(), want) != c.told {
				t.Errorf("told is to be %v:\n%s", c.told, out.String())
			}
		})
	}
}
