package reload_test

import (
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/diag"
)

// TestPoliciesOfNoConnectedGateway holds that a policy in a namespace without any gateway is told
// where gateways are connected: in the status, and in the log with the policy that brings it.
func TestPoliciesOfNoConnectedGateway(t *testing.T) {
	f := newFixture(t, map[string]string{"guard.yaml": policy("guard", "/guarded")})
	f.start()
	told := func() (out []string) {
		for _, d := range f.Status().Diagnostics {
			if d.Code == diag.CodeNoneConnected {
				out = append(out, d.Pos.String()+" "+d.Hint)
			}
		}
		return out
	}
	f.Join(group())
	if got := told(); len(got) != 0 {
		t.Errorf("at first the status says %v", got)
	}
	// The files agree with each other: only who is connected tells.
	write(t, f.dir, "lost.yaml", strings.Replace(policy("lost", "/lost"), "spec: {", "spec: {selector: {matchLabels: {istio: ingressgateway, tier: edge}}, ", 1))
	write(t, f.dir, "gateway.yaml", strings.Replace(listener, "istio: ingressgateway", "istio: ingressgateway, tier: edge", 1))
	f.read()
	if got := told(); len(got) != 2 || !strings.Contains(strings.Join(got, "\n"), "lost.yaml") {
		t.Errorf("the status says %v, want that of the policy and of its Gateway", got)
	}
	if !strings.Contains(f.log.String(), "policies apply to none of the gateways that are connected") {
		t.Errorf("the log:\n%s", f.log)
	}
	f.Leave(group())
	if got := told(); len(got) != 0 {
		t.Errorf("without gateways the status says %v", got)
	}
}
