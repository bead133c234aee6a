package test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestAUserOfASocketIsHeldToItsMapping holds that over a Unix socket the user counts whom the kernel names: with a
// mapping of it the gateway is served, and without it is not.
func TestAUserOfASocketIsHeldToItsMapping(t *testing.T) {
	t.Parallel()
	envoytest.Require(t)
	port, dir := envoytest.FreePort(t), shortDir(t)
	file, socket := filepath.Join(dir, "gateways.yaml"), filepath.Join(dir, "xds.sock")
	user := func(uid int) string {
		return strings.Replace(mapping(fmt.Sprint(uid)), "namespace: edge", "namespace: istio-system, labels: {istio: ingressgateway}", 1)
	}
	write(t, file, user(os.Getuid()))
	p := newPlane(t, newPolicyDir(t, map[string]string{"routing.yaml": routing(port, envoytest.RunBackend(t).Port()), "policy.yaml": denial("guard", "ingressgateway", "/guarded")}))
	p.xds = "unix://" + socket
	p.start(t, "--require-identity", "--gateways", file)
	info, err := os.Lstat(socket)
	must(t, err)
	if info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("the socket is %v", info.Mode())
	}
	gateway := p.startGateway(t, envoytest.Options{})
	traffic := startLoad(t, gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port)), 2, func(status int) bool { return status == 403 })
	known := func() bool {
		status, err := p.status(t)
		return err == nil && len(status.Gateways) == 1 && regexp.MustCompile(fmt.Sprintf(`^uid %d \(pid [1-9]\d*\)$`, os.Getuid())).MatchString(status.Gateways[0].Identity)
	}
	if !known() {
		t.Error("the user is not on record")
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"status", "--admin-address", p.admin}, &out, &errs); code != exitClean || !strings.Contains(out.String(), fmt.Sprintf("from unix:%s (delta), identity uid %d (pid ", socket, os.Getuid())) {
		t.Errorf("status: exit %d: %s%s", code, out.String(), errs.String())
	}
	replace(t, file, user(os.Getuid()+1))
	const reason = "which no GatewayIdentity lists"
	eventually(t, "Envoy says why", func() bool {
		return strings.Contains(gateway.Log(), "closed: 7, ") && strings.Contains(gateway.Log(), reason)
	})
	if counted, lines := p.refusals(t); counted["identity"] == "0" || len(lines) == 0 || !strings.Contains(lines[0], reason) || len(p.streams(t, "")) > 0 {
		t.Errorf("%s are counted, logged:\n%s", counted["identity"], strings.Join(lines, ""))
	}
	replace(t, file, user(os.Getuid()))
	eventually(t, "the gateway is served again", known)
	traffic.stop()
	if len(traffic.lost) > 0 {
		t.Errorf("%d of %d requests failed: %v", len(traffic.lost), traffic.requests, traffic.lost[0])
	}
}
