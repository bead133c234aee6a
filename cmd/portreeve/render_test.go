package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestRenderSaysWhoseKeysAreMissing holds for keys that the program fetches while it serves, and for
// those whose address it has to discover.
func TestRenderSaysWhoseKeysAreMissing(t *testing.T) {
	dir := newPolicyDir(t, map[string]string{"policy.yaml": `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: fetched, namespace: istio-system}
spec:
  jwtRules:
  - {issuer: a, jwksUri: "https://issuer.example/keys"}
  - {issuer: "https://discovered.example"}
`})
	for mode, want := range map[string][]string{
		fetchByControlPlane: {"the keys of https://issuer.example/keys are not in this output", "the keys of issuer https://discovered.example are not", "use --jwks-fetch envoy"},
		fetchByGateway:      {"the keys of issuer https://discovered.example are not"},
	} {
		var out, errs bytes.Buffer
		if code := run(t.Context(), []string{"render", "envoy", dir, "--jwks-fetch", mode}, &out, &errs); code != exitClean {
			t.Fatalf("exit %d: %s", code, errs.String())
		}
		if n := strings.Count(errs.String(), "note: "); n != len(want) {
			t.Errorf("%s: %d notes, want %d:\n%s", mode, n, len(want), errs.String())
		}
		for _, text := range want {
			if !strings.Contains(errs.String(), text) {
				t.Errorf("%s: no note says %q:\n%s", mode, text, errs.String())
			}
		}
	}
}
