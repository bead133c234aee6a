package test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestAKilledControlPlaneLosesNoRequest kills the control plane under load and starts it again: no
// request fails, and the gateway is sent nothing that it has already.
func TestAKilledControlPlaneLosesNoRequest(t *testing.T) {
	envoytest.Require(t)
	port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, backend.Port()), "policy.yaml": denial("guard", "ingressgateway", "/guarded")})
	p := startPlane(t, dir)
	gateway := p.startGateway(t, envoytest.Options{})
	listener := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	l := startLoad(t, listener, 8, func(status int) bool { return status == 403 })
	before := counters(t, gateway)
	p.kill()
	eventually(t, "the gateway has lost its control plane", func() bool { return gateway.MustCounter(t, "control_plane.connected_state") == 0 })
	p.start(t)
	gateway.MustReach(t, "control_plane.connected_state", 1)
	eventually(t, "the gateway has subscribed again", func() bool {
		status, err := p.status(t)
		return err == nil && len(status.Gateways) == 1 && len(status.Gateways[0].Types) >= 5
	})
	l.stop()
	if len(l.lost) > 0 {
		t.Errorf("%d of %d requests failed, first: %v", len(l.lost), l.requests, l.lost[0])
	}
	after := counters(t, gateway)
	for name, n := range before {
		if after[name] != n {
			t.Errorf("%s went from %d to %d", name, n, after[name])
		}
	}
	// The stream works: an edit arrives.
	replace(t, filepath.Join(dir, "policy.yaml"), denial("guard", "ingressgateway", "/other"))
	eventually(t, "an edit after the restart is enforced", func() bool { return ask(t, listener, "/other").Status == 403 })
}

// counters returns what Envoy counts when a listener or a filter configuration changes.
func counters(t *testing.T, gateway *envoytest.Envoy) map[string]uint64 {
	t.Helper()
	out := map[string]uint64{}
	stats, err := gateway.Stats(t.Context(), "listener_manager.listener_(added|modified|removed|in_place_updated)|extension_config_discovery.*config_reload$|rds.*config_reload$")
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range stats {
		out[name] = n
	}
	if len(out) < 4 {
		t.Fatalf("too few counters to prove anything: %v", out)
	}
	return out
}

// TestTerminationIsQuickAndClean ends the program by SIGTERM while a gateway is connected.
func TestTerminationIsQuickAndClean(t *testing.T) {
	envoytest.Require(t)
	port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, backend.Port())})
	p := startPlane(t, dir)
	gateway := p.startGateway(t, envoytest.Options{})
	gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	must(t, p.cmd.Process.Signal(os.Interrupt))
	select {
	case <-p.ended:
		if code := p.cmd.ProcessState.ExitCode(); code != exitClean {
			t.Errorf("it ended with %d, want %d", code, exitClean)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("still running 5 s after the signal")
	}
}
