package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/admin"
	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/diag"
)

// guardedTest is a PolicyTest that asks for the denial of a path.
func guardedTest(address, path string) string {
	return "apiVersion: portreeve.dev/v1alpha1\nkind: PolicyTest\nmetadata: {name: guarded, namespace: istio-system}\nspec:\n  tests:\n  - name: it stays shut\n    request: {url: 'http://" + address + path + "'}\n    expect: {verdict: denied, status: 403}\n"
}

// refusedBy reports whether the only group of the plane is kept from the latest policy by a finding of a code.
func refusedBy(t *testing.T, p *plane, code diag.Code) func() bool {
	t.Helper()
	return func() bool {
		status, err := p.status(t)
		return err == nil && len(status.Groups) == 1 && len(status.Groups[0].Refused) == 1 && status.Groups[0].Refused[0].Code == code
	}
}

// TestRequiredTestsKeepAGatewayShut makes edits that break a test or take it away while a guarded path is asked
// for, before and after a restart: every request is refused as before, and each edit that mends it moves on.
func TestRequiredTestsKeepAGatewayShut(t *testing.T) {
	envoytest.Require(t)
	state := t.TempDir()
	port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	dir := newPolicyDir(t, map[string]string{
		"routing.yaml": routing(port, backend.Port()), "policy.yaml": denial("guard", "ingressgateway", "/guarded"), "policytest.yaml": guardedTest(address, "/guarded"),
	})
	s := &scene{plane: startPlane(t, dir, "--require-tests", "--state-dir", state), policy: filepath.Join(dir, "policy.yaml")}
	s.gateway = s.startGateway(t, envoytest.Options{})
	s.address = s.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	tests := filepath.Join(dir, "policytest.yaml")
	l := startLoad(t, s.address, 4, func(status int) bool { return status == 403 })

	replace(t, s.policy, denial("guard", "ingressgateway", "/other"))
	eventually(t, "an edit that breaks the test is refused", refusedBy(t, s.plane, diag.CodeTestFailed))
	if _, text := s.get("/readyz"); !strings.Contains(text, "PR1505") {
		t.Errorf("/readyz does not say why: %s", text)
	}
	s.stop()
	s.start(t, "--require-tests", "--state-dir", state)
	eventually(t, "it is refused after a restart", refusedBy(t, s.plane, diag.CodeTestFailed))
	eventually(t, "requests were asked after the restart", func() bool { return l.more(100) })

	must(t, os.Remove(tests))
	eventually(t, "the policy without its test is refused", refusedBy(t, s.plane, diag.CodeUntested))
	write(t, tests, guardedTest(address, "/guarded"))
	replace(t, s.policy, denial("guard", "ingressgateway", "/guarded", "/more"))
	eventually(t, "what the test holds for takes effect", func() bool { return ask(t, s.address, "/more").Status == 403 })
	l.stop()
	if len(l.lost) > 0 {
		t.Errorf("%d of %d requests were not refused, first: %v", len(l.lost), l.requests, l.lost[0])
	}
	if status, err := s.status(t); err != nil || refusedGroups(status) > 0 {
		t.Errorf("a group is still refused: %v %v", status.Groups, err)
	}
	t.Logf("%d requests, all refused", l.requests)
}

func refusedGroups(status admin.Status) int {
	n := 0
	for _, g := range status.Groups {
		n += len(g.Refused)
	}
	return n
}

// TestATestAlonePushesNothing holds that an edit of PolicyTests alone, also with --require-tests, sends a gateway
// nothing.
func TestATestAlonePushesNothing(t *testing.T) {
	envoytest.Require(t)
	s := newScene(t, denial("guard", "ingressgateway", "/guarded"))
	updates := func() uint64 { return s.gateway.MustCounter(t, "listener_manager.lds.update_success") }
	before, version := updates(), s.generation(t)
	write(t, filepath.Join(s.dir, "policytest.yaml"), guardedTest(s.address, "/guarded"))
	eventually(t, "the test is read", func() bool { return s.generation(t) > version })
	replace(t, s.policy, denial("guard", "ingressgateway", "/more"))
	eventually(t, "the next edit takes effect", func() bool { return ask(t, s.address, "/more").Status == 403 })
	if got := updates(); got != before {
		t.Errorf("%d updates of listeners, want none", got-before)
	}
}
