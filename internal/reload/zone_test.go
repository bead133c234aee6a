package reload_test

import (
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
)

// TestASlipDoesNotOpenAGatewayOfAnotherZone holds that a gateway which comes after a slip that was
// refused to those that are there, and differs from them by its zone or a label, is given what they have.
func TestASlipDoesNotOpenAGatewayOfAnotherZone(t *testing.T) {
	guard := policy("guard", "/guarded")
	same := group().Gateway
	for name, other := range map[string]model.Gateway{
		"another zone":      {Namespace: same.Namespace, Labels: same.Labels, Locality: "r/z"},
		"with a label more": {Namespace: same.Namespace, Labels: map[string]string{"istio": "ingressgateway", "version": "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, map[string]string{"guard.yaml": guard})
			f.start()
			f.Join(group())
			write(t, f.dir, "guard.yaml", strings.Replace(guard, "istio-system", "istio-systen", 1))
			f.read()
			n := node.Of(other)
			f.Join(n)
			got := f.sent[n.Key]
			if want := f.sent[group().Key][0][policyType]; len(got) != 1 || got[0][policyType] != want {
				t.Errorf("served %v, want the policy %s alone", got, want)
			}
		})
	}
}
