package test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestFourCommandsEnforcePolicyOverMutualTLS holds that init, issue, serve and bootstrap are all that it takes, and
// that a renewal and a revocation are taken up by what runs.
func TestFourCommandsEnforcePolicyOverMutualTLS(t *testing.T) {
	envoytest.Require(t)
	f, port := newFleet(t), envoytest.FreePort(t)
	dir := newPolicyDir(t, map[string]string{
		"routing.yaml": routing(port, envoytest.RunBackend(t).Port()), "policy.yaml": denial("guard", "ingressgateway", "/guarded"),
	})
	in := func(name string) string { return filepath.Join(f.ca, name) }
	p := startPlane(t, dir, "--xds-tls-cert", in("server/tls.crt"), "--xds-tls-key", in("server/tls.key"), "--xds-client-ca", in("ca.crt"),
		"--xds-client-crl", in("crl.pem"), "--gateways", in("gateways.yaml"))
	gateway := p.startGateway(t, envoytest.Options{}, "--tls-dir", f.pair)
	address := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	for path, want := range map[string]int{"/guarded": 403, "/open": 200} {
		if got := ask(t, address, path).Status; got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	theVerb(t, "ca", "renew", "--all", "--dir", f.ca)
	replace(t, filepath.Join(dir, "policy.yaml"), denial("guard", "ingressgateway", "/open"))
	eventually(t, "an edit after the renewal is enforced", func() bool { return ask(t, address, "/open").Status == 403 })

	theVerb(t, "ca", "revoke", "gateway", "--dir", f.ca)
	eventually(t, "the control plane says that it is revoked", func() bool { return strings.Contains(p.log.String(), "gateway/gateway is revoked") })
	if got := ask(t, address, "/open").Status; got != 403 {
		t.Errorf("after the revocation: %d, want the last policy's 403", got)
	}
}
