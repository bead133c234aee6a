package test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestPlainTextIsRefusedWhereOthersReachIt holds that the program does not start so, and says what would do.
func TestPlainTextIsRefusedWhereOthersReachIt(t *testing.T) {
	t.Parallel()
	if apart(t) {
		return
	}
	dir := newPolicyDir(t, map[string]string{"guard.yaml": guardPolicy})
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"serve", "--config", dir, "--xds-address", "0.0.0.0:0", "--admin-address", "127.0.0.1:0"}, &out, &errs)
	for _, want := range []string{"other machines may reach it", "--xds-tls-cert", "portreeve ca init", "--xds-plaintext"} {
		if code != exitUsage || !strings.Contains(errs.String(), want) {
			t.Errorf("exit %d, and it does not say %q: %s", code, want, errs.String())
		}
	}
}

// newPlain starts a control plane that serves in plain text where other machines would reach it, if there were any in
// its namespace.
func newPlain(t *testing.T, dir string, flags ...string) *plane {
	t.Helper()
	p := newPlane(t, dir)
	own := p.xds
	p.xds = strings.Replace(own, "127.0.0.1", "0.0.0.0", 1)
	p.start(t, append([]string{"--xds-plaintext"}, flags...)...)
	p.xds = own
	return p
}

// TestPlainTextBearsNoKey holds that where plain text was asked for, a gateway is served until an edit brings a key: then its
// stream ends with the reason, it hears nothing of the key, is refused for as long as there is one, and goes on with
// what it has; and it is served again when the key is gone.
func TestPlainTextBearsNoKey(t *testing.T) {
	t.Parallel()
	if apart(t) {
		return
	}
	envoytest.Require(t)
	port := envoytest.FreePort(t)
	dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, envoytest.RunBackend(t).Port()), "policy.yaml": denial("guard", "ingressgateway", "/guarded")})
	p := newPlain(t, dir)
	gateway := p.startGateway(t, envoytest.Options{})
	traffic := startLoad(t, gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port)), 2, func(status int) bool { return status == 403 })
	streams := map[*caller]*asker{}
	for _, form := range forms() {
		c, a := p.opens(t, prober, nil, form)
		a.everything(ingress())
		must(t, a.until(func() bool { all, _ := c.heard("/guarded"); return all }))
		streams[c] = a
	}
	replace(t, filepath.Join(dir, "policy.yaml"), denial("guard", "ingressgateway", "/guarded")+"---\n"+symmetricPolicy)
	const reason = "holds a private or symmetric key, which is not sent in plain text"
	for c, a := range streams {
		a.ends(t, codes.PermissionDenied, reason)
		if _, some := c.heard(symmetric); some {
			t.Error("the key is sent")
		}
	}
	for _, form := range forms() {
		c, a := p.opens(t, prober, nil, form)
		a.everything(ingress())
		a.ends(t, codes.PermissionDenied, reason)
		if _, some := c.heard(symmetric, "/guarded", "type.googleapis.com/"); some {
			t.Error("something is sent to who comes then")
		}
	}
	eventually(t, "Envoy says why", func() bool { return strings.Contains(gateway.Log(), "closed: 7, what the gateway is served "+reason) })
	counted, lines := p.refusals(t)
	if n, err := strconv.Atoi(counted["plaintext"]); err != nil || n < 5 || len(lines) < 5 {
		t.Errorf("%d are counted, logged:\n%s", n, strings.Join(lines, ""))
	}
	replace(t, filepath.Join(dir, "policy.yaml"), denial("guard", "ingressgateway", "/guarded"))
	eventually(t, "the gateway is served again", func() bool { return len(p.streams(t, "")) == 1 })
	traffic.stop()
	if len(traffic.lost) > 0 {
		t.Errorf("%d of %d requests failed: %v", len(traffic.lost), traffic.requests, traffic.lost[0])
	}
}
