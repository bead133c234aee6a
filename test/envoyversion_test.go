package test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/xds/node"
)

// TestStatusShowsTheVersionOfAGatewaysEnvoy holds that a stock Envoy says which it is, that it is one of
// those that were tested, and that status shows it.
func TestStatusShowsTheVersionOfAGatewaysEnvoy(t *testing.T) {
	release := envoytest.Release(t)
	p := startPlane(t, newPolicyDir(t, map[string]string{"routing.yaml": answers("one", `hosts: [one.test]`)}))
	p.startGateway(t, envoytest.Options{})
	eventually(t, "the gateway is connected", func() bool { return strings.Contains(p.log.String(), "gateway connected") })
	if log := p.log.String(); !strings.Contains(log, "envoy="+release+" ") || strings.Contains(log, "newer than those that were tested") {
		t.Errorf("the log is\n%s", log)
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"status", "--admin-address", p.admin}, &out, &errs); code != exitClean || !strings.Contains(out.String(), ", Envoy "+release+",") {
		t.Errorf("exit %d: %s%s", code, &out, &errs)
	}
}

// TestAGatewayMovesToTheNextEnvoy starts one gateway with each supported Envoy in turn, by the same bootstrap: each is
// served, takes everything and answers alike.
func TestAGatewayMovesToTheNextEnvoy(t *testing.T) {
	envoytest.Require(t)
	port := envoytest.FreePort(t)
	p := startPlane(t, newPolicyDir(t, map[string]string{
		"routing.yaml": routing(port, envoytest.RunBackend(t).Port()), "policy.yaml": denial("guard", "ingressgateway", "/guarded"),
	}))
	bootstrap := p.bootstrap(t)
	for _, release := range node.Tested() {
		e := envoytest.Run(t, envoytest.Options{Bootstrap: bootstrap, Binary: envoyOf(t, release)})
		address := e.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
		for path, want := range map[string]int{"/guarded": 403, "/": 200} {
			if got := ask(t, address, path).Status; got != want {
				t.Errorf("%s: %s is answered with %d, want %d", release, path, got, want)
			}
		}
		eventually(t, "it has taken everything", func() bool {
			var out, errs bytes.Buffer
			code := run(t.Context(), []string{"status", "--admin-address", p.admin}, &out, &errs)
			return code == exitClean && strings.Contains(out.String(), ", Envoy "+release.String()+",") && !strings.Contains(out.String(), " pending ") && !strings.Contains(out.String(), " refused ")
		})
		e.Stop()
	}
}

// envoyOf is the Envoy of a release, under the terms of envoytest.Require.
func envoyOf(t *testing.T, release node.Release) string {
	t.Helper()
	found, err := exec.CommandContext(t.Context(), "sh", "../tools/envoy.sh", fmt.Sprintf("%d.%d", release.Major, release.Minor)).Output()
	if err != nil && os.Getenv("CI") != "true" && os.Getenv("PORTREEVE_REQUIRE_ENVOY") != "1" {
		t.Skipf("SKIPPED, NOT PASSED: no Envoy %s: %v", release, err)
	}
	must(t, err)
	return filepath.Clean(strings.TrimSpace(string(found)))
}
