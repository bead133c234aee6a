package test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// secretPolicy is policy with secrets in every place that it has for them, each of which begins
// with hush, and the symmetric and the private key of it.
func secretPolicy(t testing.TB) (policy string, symmetric, private signingKey, hush []string) {
	t.Helper()
	secret := []byte("hush-" + rand.Text() + rand.Text())
	symmetric = signingKeyFor(t, jose.HS256, secret, "symmetric")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	private = signingKeyOf(t, key, "whole")
	whole, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{private.private}})
	must(t, err)
	only, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{symmetric.private}})
	must(t, err)
	d, err := key.Bytes()
	must(t, err)
	hush = []string{base64.RawURLEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(d), "hush"}
	return fmt.Sprintf(`apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata:
  name: keys
  namespace: istio-system
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: '{"spec":{"jwtRules":[{"issuer":"symmetric","jwks":"hush"}]}}'
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwtRules:
  - {issuer: symmetric, jwks: '%s'}
  - {issuer: whole, jwks: '%s'}
  - {issuer: remote, jwksUri: "http://user:hush@127.0.0.1:9/keys?code=hush"}
---
apiVersion: portreeve.dev/v1alpha1
kind: JWTPolicy
metadata: {name: form, namespace: istio-system}
spec:
  jwt: {issuer: form, jwks: '%s'}
  matching: {mode: AUTH_IF_MATCHED, rules: [{paths: [/form]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: headers, namespace: istio-system}
spec:
  hosts: [other.test]
  gateways: [default/gateway]
  http:
  - headers: {request: {set: {Authorization: Basic hush}}}
    directResponse: {status: 200}
`, only, whole, only), symmetric, private, hush
}

// TestNoSecretIsShown holds that nothing shows what is secret of a policy, that gateways verify
// with it all the same, and that who uses what was shown lets nobody in by it.
func TestNoSecretIsShown(t *testing.T) {
	policy, symmetric, private, hush := secretPolicy(t)
	port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, backend.Port()), "policy.yaml": policy})
	silent := func(where, text string) {
		t.Helper()
		for i, secret := range hush {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows secret %d: %s", where, i, text)
			}
		}
	}
	for verb, notes := range map[string]bool{
		"validate": false, "render istio": true, "render envoy": false, "render envoy --optimize=off": false, "render envoy --static": true, "render envoy -o json": false,
	} {
		var out bytes.Buffer
		for _, fetch := range []string{"control-plane", "envoy"} {
			out.Reset()
			if code := run(t.Context(), append(strings.Fields(verb), "--jwks-fetch", fetch, dir), &out, &out); code != exitClean {
				t.Fatalf("%s: exit %d: %s", verb, code, &out)
			}
			silent(verb+" by "+fetch, out.String())
		}
		if strings.Contains(out.String(), "note: secrets are not in this output") != notes {
			t.Errorf("%s: whether it shows all that there is should be said: %v", verb, notes)
		}
	}
	whole := static(t, dir, "--with-secrets", "--jwks-fetch", "envoy")
	if !strings.Contains(whole, hush[0]) || strings.Contains(whole, hush[1]) {
		t.Error("what a gateway gets lacks the symmetric key, or has a private one")
	}
	var istio, notes bytes.Buffer
	if code := run(t.Context(), []string{"render", "istio", dir}, &istio, &notes); code != exitClean {
		t.Fatalf("render istio: exit %d: %s", code, &notes)
	}
	again := newPolicyDir(t, map[string]string{"shown.yaml": istio.String()})
	envoytest.Require(t)
	verdicts := func(t *testing.T, e *envoytest.Envoy, want map[string]int) {
		t.Helper()
		address := e.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
		for issuer, key := range map[string]signingKey{"symmetric": symmetric, "whole": private} {
			if got := ask(t, address, "/", bearer(key.token(t, issuer, nil))...).Status; got != want[issuer] {
				t.Errorf("a token of %s: status %d, want %d", issuer, got, want[issuer])
			}
		}
	}
	for name, bootstrap := range map[string]string{"what render envoy shows": static(t, dir), "what render istio shows": static(t, again)} {
		t.Run(name, func(t *testing.T) {
			verdicts(t, envoytest.Run(t, envoytest.Options{Bootstrap: []byte(bootstrap)}), map[string]int{"symmetric": 401, "whole": 200})
		})
	}
	p := startPlane(t, dir, "--jwks-fetch", "envoy")
	verdicts(t, p.startGateway(t, envoytest.Options{}), map[string]int{"symmetric": 200, "whole": 200})
	for _, page := range []string{"/debug/status", "/debug/config", "/metrics", "/readyz"} {
		status, text := p.get(page)
		if status != http.StatusOK || page == "/debug/config" && !strings.Contains(text, "redacted") {
			t.Errorf("%s: %d %s", page, status, text)
		}
		silent(page, text)
	}
	// With a mistake in it the policy is told about, and not shown either.
	replace(t, filepath.Join(dir, "policy.yaml"), strings.Replace(policy, "issuer: symmetric", "isuer: symmetric", 1))
	eventually(t, "the mistake is told", func() bool { _, text := p.get("/readyz"); return strings.Contains(text, "isuer") })
	_, text := p.get("/debug/status")
	silent("status of a mistake", text)
	silent("the log", p.log.String())
	fetching := startPlane(t, newPolicyDir(t, map[string]string{"policy.yaml": policy}))
	eventually(t, "a fetch fails", func() bool { return strings.Contains(fetching.log.String(), "keys cannot be fetched") })
	for _, page := range []string{"/debug/status", "/metrics", "/readyz"} {
		_, text := fetching.get(page)
		silent(page+" of who fetches", text)
	}
	silent("the log of who fetches", fetching.log.String())
}
