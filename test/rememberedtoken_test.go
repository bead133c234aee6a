package test

import (
	"fmt"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestAKeyThatIsTakenAwayCountsForRememberedTokens edits the keys of an issuer, one of whose tokens the gateway
// remembers: the token is refused with the edit, and accepted again when its key is back.
func TestAKeyThatIsTakenAwayCountsForRememberedTokens(t *testing.T) {
	envoytest.Require(t)
	key, other := newSigningKey(t), newSigningKey(t)
	trusts := func(k signingKey) string {
		return fmt.Sprintf(`apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: istio-system}
spec: {jwtRules: [{issuer: a, jwks: '%s'}]}
`, keySet(t, k))
	}
	s := newScene(t, trusts(key))
	token := bearer(key.token(t, "a", nil))
	// Envoy 1.40 counts it for the listener, Envoy 1.39 for the filter chain that is fetched.
	remembered := func() uint64 {
		found, err := s.gateway.Stats(t.Context(), `[.]jwt_authn[.]jwt_cache_hit$`)
		must(t, err)
		if len(found) != 1 {
			t.Fatalf("the counters are %v, want one", found)
		}
		var hits uint64
		for _, n := range found {
			hits = n
		}
		return hits
	}
	const times = 10
	for range times {
		if got := ask(t, s.address, "/", token...).Status; got != 200 {
			t.Fatalf("a valid token: %d", got)
		}
	}
	// Each of Envoy's two workers has to see it once.
	if hits := remembered(); hits < times-2 {
		t.Fatalf("%d of %d were remembered: this test shows nothing", hits, times)
	}
	answers := func(status int) func() bool {
		return func() bool { return ask(t, s.address, "/", token...).Status == status }
	}
	replace(t, s.policy, trusts(other))
	eventually(t, "the key is taken away", answers(401))
	replace(t, s.policy, trusts(key))
	eventually(t, "the key is back", answers(200))
}
