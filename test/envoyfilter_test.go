package test

import (
	"path/filepath"
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
