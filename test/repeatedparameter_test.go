package test

import (
	"encoding/json"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/internal/verdicttest"
)

// TestABackendSeesNoUnverifiedTokenInARepeatedParameter holds what the backend sees of a parameter
// with a token that comes twice: no token that nobody has verified.
func TestABackendSeesNoUnverifiedTokenInARepeatedParameter(t *testing.T) {
	envoytest.Require(t)
	keys, err := verdicttest.NewKeys()
	must(t, err)
	j := newJudge(t, keys, "")
	const rule = `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: one, namespace: istio-system}
spec:
  jwtRules:
  - issuer: https://one.example
    jwks: '${jwks.one}'
    fromParams: [token]
`
	claims := map[string]any{"iss": "https://one.example", "sub": "alice"}
	signed, err := keys.Sign(verdicttest.Request{
		Name: "twice", URL: "http://shop.example/a?x=1&token=${token}&token=${second}&y=2",
		Token: &verdicttest.Token{Key: "one", Claims: claims}, Second: &verdicttest.Token{Key: "forged-one", Claims: claims},
	})
	must(t, err)
	for forwarding, want := range map[string]string{"": "/a?x=1&y=2", "    forwardOriginalToken: true\n": ""} {
		j.enforce(t, rule+forwarding)
		request, err := signed.HTTP(t.Context())
		must(t, err)
		if want == "" {
			want = request.URL.RequestURI()
		}
		answer, err := j.client.Do(request)
		must(t, err)
		var received envoytest.Received
		if err := json.Unmarshal(answer.Body, &received); err != nil || answer.Status != 200 {
			t.Fatalf("%d %s: %v", answer.Status, answer.Body, err)
		}
		if received.URL != want {
			t.Errorf("with %q the backend sees %s, want %s", forwarding, received.URL, want)
		}
	}
}
