package test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestIstiosShapeTellsWhatItLeavesOut holds what each shape of a gateway with two tokens has,
// one of them REQUIRED: what it is served tells the tokens apart, and Istio's shape knows of one and of no presence, and says so.
func TestIstiosShapeTellsWhatItLeavesOut(t *testing.T) {
	jwks, _ := testKeys(t)
	file := filepath.Join(t.TempDir(), "policy.yaml")
	must(t, os.WriteFile(file, []byte(`apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: istio-system}
spec:
  jwtRules:
  - {issuer: a, presence: REQUIRED, jwks: '`+jwks+`'}
  - {issuer: b, fromHeaders: [{name: x-token}], jwks: '`+jwks+`'}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: only-a, namespace: istio-system}
spec:
  action: DENY
  rules: [{from: [{source: {notRequestPrincipals: ["a/*"]}}]}]
`), 0o600))
	shape := func(args ...string) (out, errs string, code int) {
		var stdout, stderr bytes.Buffer
		code = run(t.Context(), append([]string{"render", "envoy", file}, args...), &stdout, &stderr)
		return stdout.String(), stderr.String(), code
	}
	const ignored = "note: Istio ignores the presence: REQUIRED of RequestAuthentication istio-system/tokens"
	standard, errs, code := shape()
	if code != exitClean || !strings.Contains(standard, "key: payload-1") || strings.Contains(errs, ignored) {
		t.Errorf("what gateways are served: exit %d, stderr %q:\n%s", code, errs, standard)
	}
	if out, _, _ := shape("--shape", "portreeve"); out != standard {
		t.Errorf("--shape portreeve is not what is printed without it:\n%s", out)
	}
	istio, errs, code := shape("--shape", "istio")
	if code != exitClean || !strings.Contains(istio, "payloadInMetadata: payload\n") || strings.Contains(istio, "payload-1") || strings.Contains(istio, "portreeve.policy") {
		t.Errorf("Istio's shape: exit %d:\n%s", code, istio)
	}
	if !strings.Contains(errs, ignored) {
		t.Errorf("of Istio's shape it is said: %q", errs)
	}
	for _, args := range [][]string{{"--shape", "gloo"}, {"--shape", "istio", "--static"}, {"--no-optimize"}, {"--optimize", "nothing"}} {
		if out, errs, code := shape(args...); code != exitUsage || out != "" || errs == "" {
			t.Errorf("%v: exit %d, want %d: %s%s", args, code, exitUsage, out, errs)
		}
	}
}
