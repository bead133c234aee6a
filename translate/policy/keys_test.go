package policy

import (
	"testing"

	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// TestNobodyElsesKeys holds what no key set in hand means, in both modes: a key that nobody
// can sign with, and never none.
func TestNobodyElsesKeys(t *testing.T) {
	discovered := model.KeySource{Issuer: "https://issuer.example"}
	for name, c := range map[string]struct {
		fetch model.KeyFetch
		keys  model.Keys
		want  string
	}{
		"not fetched":       {model.FetchByControlPlane, nil, resource.ClosedKeys},
		"fetched and empty": {model.FetchByControlPlane, model.Keys{discovered: ""}, resource.ClosedKeys},
		"not discovered, with --jwks-fetch envoy": {model.FetchByGateway, nil, resource.ClosedKeys},
		"discovered": {model.FetchByGateway, model.Keys{discovered: "{}"}, "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			filter, _ := jwtAuthn(model.View{KeyFetch: c.fetch, Keys: c.keys}, JWTRules{{Spec: &securityv1beta1.JWTRule{Issuer: discovered.Issuer}}})
			if got := filter.GetProviders()["origins-0"].GetLocalJwks().GetInlineString(); got != c.want {
				t.Errorf("keys %s, want %s", got, c.want)
			}
		})
	}
}
