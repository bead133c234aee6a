package test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

func TestAnErrorReachesOnlyTheGatewaysThatItSelects(t *testing.T) {
	envoytest.Require(t)
	one, two, backend := envoytest.FreePort(t), envoytest.FreePort(t), envoytest.RunBackend(t)
	second := strings.NewReplacer("name: gateway", "name: second", "istio: ingressgateway", "istio: second",
		"name: backend", "name: second", "gateways: [gateway]", "gateways: [second]", "backend.local", "second.local")
	dir := newPolicyDir(t, map[string]string{
		"one.yaml":   routing(one, backend.Port()),
		"two.yaml":   second.Replace(routing(two, backend.Port())),
		"first.yaml": denial("first", "ingressgateway", "/old"), "second.yaml": denial("second", "second", "/old"),
	})
	p := startPlane(t, dir)
	first := p.startGateway(t, envoytest.Options{}).MustListener(t, fmt.Sprintf("127.0.0.1_%d", one))
	other := p.startGateway(t, envoytest.Options{}, "--labels", "istio=second").MustListener(t, fmt.Sprintf("127.0.0.1_%d", two))

	replace(t, filepath.Join(dir, "first.yaml"), strings.Replace(denial("first", "ingressgateway", "/new"), "action: DENY", "action: DENNY", 1))
	replace(t, filepath.Join(dir, "second.yaml"), denial("second", "second", "/new"))
	// Each worker of an Envoy takes an edit up by itself.
	eventually(t, "the other gateway takes its edit", func() bool { return ask(t, other, "/new").Status == 403 && ask(t, other, "/old").Status == 200 })
	if got := ask(t, first, "/old").Status; got != 403 {
		t.Errorf("gateway with the error, /old: %d, want 403 by the last good policy", got)
	}
	replace(t, filepath.Join(dir, "first.yaml"), denial("first", "ingressgateway", "/new"))
	eventually(t, "the repaired policy is enforced", func() bool { return ask(t, first, "/new").Status == 403 })
}

func TestAStartWithABrokenFileOpensNothing(t *testing.T) {
	envoytest.Require(t)
	broken := strings.Replace(denial("guard", "ingressgateway", "/guarded"), "rules:", "ruels:", 1)

	t.Run("with a state directory the last good policy is served", func(t *testing.T) {
		state := t.TempDir()
		s := newScene(t, denial("guard", "ingressgateway", "/guarded"), "--state-dir", state)
		s.stop()
		write(t, s.policy, broken)
		p := startPlane(t, s.dir, "--state-dir", state)
		gateway := p.startGateway(t, envoytest.Options{})
		s.gateway.Stop() // it holds the port
		port := s.address[strings.LastIndex(s.address, ":")+1:]
		address := gateway.MustListener(t, "127.0.0.1_"+port)
		if got := ask(t, address, "/guarded").Status; got != 403 {
			t.Errorf("/guarded: %d, want 403", got)
		}
		if got := ask(t, address, "/open").Status; got != 200 {
			t.Errorf("/open: %d, want 200", got)
		}
		if status, text := p.get("/readyz"); status != 200 || !strings.Contains(text, "ruels") {
			t.Errorf("/readyz: %d %s, want 200 and the finding", status, text)
		}
	})

	t.Run("without one the listeners that it reaches do not open", func(t *testing.T) {
		port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
		dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, backend.Port()), "policy.yaml": broken})
		p := startPlane(t, dir)
		gateway := p.startGateway(t, envoytest.Options{Until: envoytest.AdminOpen})
		eventually(t, "the gateway is connected", func() bool {
			status, err := p.status(t)
			return err == nil && len(status.Gateways) == 1
		})
		if listeners, err := gateway.Listeners(t.Context()); err != nil || len(listeners) > 0 {
			t.Errorf("listeners %v, %v; want none", listeners, err)
		}
		if status, text := p.get("/readyz"); status != 503 || !strings.Contains(text, `policy.yaml:7:3: error PR0203: spec has no field "ruels" (did you mean rules?)`) {
			t.Errorf("/readyz: %d %s, want 503 and the finding", status, text)
		}
		replace(t, filepath.Join(dir, "policy.yaml"), denial("guard", "ingressgateway", "/guarded"))
		address := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
		if got := ask(t, address, "/guarded").Status; got != 403 {
			t.Errorf("/guarded after the repair: %d, want 403", got)
		}
	})
}
