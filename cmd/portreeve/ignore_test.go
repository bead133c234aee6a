package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

const envoyFilter = `apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: limit, namespace: istio-system}
spec:
  workloadSelector: {labels: {istio: ingressgateway}}
  configPatches: []
`

// TestIgnore holds that an EnvoyFilter is an error in every verb that compiles, that
// --ignore makes it a warning there, and that nothing else can be ignored.
func TestIgnore(t *testing.T) {
	wasm := newPolicyDir(t, map[string]string{"sign-in.yaml": "apiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\nmetadata: {name: sign-in}\nspec: {phase: AUTHN}\n"})
	dir := newPolicyDir(t, map[string]string{"filter.yaml": envoyFilter, "denial.yaml": denial("guard", "ingressgateway", "/guarded")})
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"validate":                                 {[]string{"validate", dir}, exitFindings, "error PR0221"},
		"validate, ignoring":                       {[]string{"validate", "--ignore", "EnvoyFilter", dir}, exitClean, "warning PR0220"},
		"render envoy":                             {[]string{"render", "envoy", dir}, exitFindings, "error PR0221"},
		"render envoy, ignoring":                   {[]string{"render", "envoy", "--ignore", "EnvoyFilter", dir}, exitClean, "warning PR0220"},
		"render istio":                             {[]string{"render", "istio", dir}, exitFindings, "error PR0221"},
		"render istio, ignoring":                   {[]string{"render", "istio", "--ignore", "EnvoyFilter", dir}, exitClean, "warning PR0220"},
		"12: an extension that may guard":          {[]string{"validate", wasm}, exitFindings, "error PR0221"},
		"12: an extension that may guard, ignored": {[]string{"validate", "--ignore", "WasmPlugin", wasm}, exitClean, "warning PR0220"},
		"12: another kind ignored is not enough":   {[]string{"validate", "--ignore", "EnvoyFilter", wasm}, exitFindings, "error PR0221"},
		"a policy cannot be ignored":               {[]string{"validate", "--ignore", "AuthorizationPolicy", dir}, exitUsage, "AuthorizationPolicy"},
		"nor what is a warning anyway":             {[]string{"validate", "--ignore", "Sidecar", dir}, exitUsage, "Sidecar"},
		"serve refuses it too":                     {[]string{"serve", "--config", dir, "--ignore", "Gateway"}, exitUsage, "Gateway"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if code := run(t.Context(), c.args, &out, &out); code != c.code {
				t.Errorf("exit %d, want %d", code, c.code)
			}
			if !strings.Contains(out.String(), c.want) {
				t.Errorf("the output lacks %q:\n%s", c.want, out.String())
			}
		})
	}
}

// TestAnEnvoyFilterKeepsTheLastGoodPolicy holds that a gateway stays on what it had when an
// EnvoyFilter comes, and with --ignore goes on.
func TestAnEnvoyFilterKeepsTheLastGoodPolicy(t *testing.T) {
	envoytest.Require(t)
	for name, c := range map[string]struct {
		flags []string
		want  int // of a path that is forbidden together with the filter
	}{"refused": {nil, 200}, "ignored": {[]string{"--ignore", "EnvoyFilter"}, 403}} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, denial("guard", "ingressgateway", "/guarded"), c.flags...)
			before := s.generation(t)
			replace(t, filepath.Join(s.dir, "policy.yaml"), denial("guard", "ingressgateway", "/guarded", "/new")+"---\n"+envoyFilter)
			eventually(t, "the edit is read", func() bool { return s.generation(t) > before })
			if c.want == 403 {
				s.enforced(t, "/new", c.want)
			} else if got := ask(t, s.address, "/new").Status; got != c.want {
				t.Errorf("/new: %d, want %d", got, c.want)
			}
			if got := ask(t, s.address, "/guarded").Status; got != 403 {
				t.Errorf("/guarded: %d, want 403", got)
			}
		})
	}
}
