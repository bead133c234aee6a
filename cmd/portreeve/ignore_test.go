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

// wasmPlugin is one that authorizes, unless it has another phase.
const wasmPlugin = `apiVersion: extensions.istio.io/v1alpha1
kind: WasmPlugin
metadata: {name: rights, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  url: oci://example.com/rights:1
  phase: AUTHZ
`

// TestIgnore holds that an EnvoyFilter is an error in every verb that compiles, that
// --ignore makes it a warning there, and that nothing else can be ignored.
func TestIgnore(t *testing.T) {
	dir := newPolicyDir(t, map[string]string{"filter.yaml": envoyFilter, "denial.yaml": denial("guard", "ingressgateway", "/guarded")})
	plugin := newPolicyDir(t, map[string]string{"plugin.yaml": wasmPlugin})
	numbers := newPolicyDir(t, map[string]string{"plugin.yaml": strings.Replace(wasmPlugin, "AUTHZ", "STATS", 1)})
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"a plugin that authorizes":     {[]string{"validate", plugin}, exitFindings, "error PR0221"},
		"ignored":                      {[]string{"validate", "--ignore", "WasmPlugin", plugin}, exitClean, "warning PR0220"},
		"where another kind is":        {[]string{"validate", "--ignore", "EnvoyFilter", plugin}, exitFindings, "error PR0221"},
		"rendered, ignored":            {[]string{"render", "envoy", "--ignore", "WasmPlugin", plugin}, exitClean, "warning PR0220"},
		"a plugin that counts":         {[]string{"validate", numbers}, exitClean, "warning PR0220"},
		"validate":                     {[]string{"validate", dir}, exitFindings, "error PR0221"},
		"validate, ignoring":           {[]string{"validate", "--ignore", "EnvoyFilter", dir}, exitClean, "warning PR0220"},
		"render envoy":                 {[]string{"render", "envoy", dir}, exitFindings, "error PR0221"},
		"render envoy, ignoring":       {[]string{"render", "envoy", "--ignore", "EnvoyFilter", dir}, exitClean, "warning PR0220"},
		"render istio":                 {[]string{"render", "istio", dir}, exitFindings, "error PR0221"},
		"render istio, ignoring":       {[]string{"render", "istio", "--ignore", "EnvoyFilter", dir}, exitClean, "warning PR0220"},
		"a policy cannot be ignored":   {[]string{"validate", "--ignore", "AuthorizationPolicy", dir}, exitUsage, "AuthorizationPolicy"},
		"nor what is a warning anyway": {[]string{"validate", "--ignore", "Sidecar", dir}, exitUsage, "Sidecar"},
		"serve refuses it too":         {[]string{"serve", "--config", dir, "--ignore", "Gateway"}, exitUsage, "Gateway"},
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

// TestWhatCannotBeHonouredKeepsTheLastGoodPolicy holds that a gateway stays on what it had when
// an EnvoyFilter or a plugin that guards comes, and with --ignore goes on.
func TestWhatCannotBeHonouredKeepsTheLastGoodPolicy(t *testing.T) {
	envoytest.Require(t)
	for name, c := range map[string]struct {
		object string
		flags  []string
		want   int // of a path that is forbidden together with the object
	}{
		"a filter, refused": {envoyFilter, nil, 200},
		"a filter, ignored": {envoyFilter, []string{"--ignore", "EnvoyFilter"}, 403},
		"a plugin, refused": {wasmPlugin, nil, 200},
		"a plugin, ignored": {wasmPlugin, []string{"--ignore", "WasmPlugin"}, 403},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, denial("guard", "ingressgateway", "/guarded"), c.flags...)
			before := s.generation(t)
			replace(t, filepath.Join(s.dir, "policy.yaml"), denial("guard", "ingressgateway", "/guarded", "/new")+"---\n"+c.object)
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
