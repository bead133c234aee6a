package translate

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// TestGatewaysOfIdentitiesAreSpokenOf holds that validate renders for the gateways that a GatewayIdentity says
// there are, each once, behind those of the selectors.
func TestGatewaysOfIdentitiesAreSpokenOf(t *testing.T) {
	text := traced
	for _, spec := range []string{"uids: [1], namespace: edge, labels: {istio: ingressgateway, zone: a}", "uids: [2], namespace: istio-system, labels: {istio: ingressgateway}"} {
		text += "---\napiVersion: portreeve.dev/v1alpha1\nkind: GatewayIdentity\nmetadata: {name: i" + spec[7:8] + "}\nspec: {" + spec + "}\n"
	}
	var got []model.Gateway
	for _, g := range Compile([]source.File{{Path: "f.yaml", Content: []byte(text)}}, model.DefaultSettings()).spokenOf() {
		if g.Labels["istio"] != "" {
			got = append(got, g)
		}
	}
	want := []model.Gateway{
		{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}},
		{Namespace: "edge", Labels: map[string]string{"istio": "ingressgateway", "zone": "a"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
