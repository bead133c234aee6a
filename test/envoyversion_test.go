package test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
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
