package test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/xds/ack"
)

// TestWhatStaysBadStaysRefused holds that routes which a gateway refuses are tried again, and policy is
// not, as Envoy would say yes to it unread; that neither is taken for accepted; and that each refusal
// stands in the log once.
func TestWhatStaysBadStaysRefused(t *testing.T) {
	envoytest.Require(t)
	long := strings.Repeat("n", 200)
	for name, protocol := range protocols() {
		t.Run(name, func(t *testing.T) {
			port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
			dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, backend.Port()), "policy.yaml": denial("guard", "ingressgateway", "/guarded")})
			p := startPlane(t, dir)
			bootstrap := bytes.Replace(p.bootstrap(t), []byte("DELTA_GRPC"), []byte(protocol), 1)
			low := bytes.ReplaceAll(bootstrap, []byte("32768"), []byte("100"))
			address := envoytest.Run(t, envoytest.Options{Bootstrap: low}).MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
			replace(t, filepath.Join(dir, "policy.yaml"), strings.Replace(denial("guard", "ingressgateway", "/long"), "  rules:\n", "  rules:\n  - from: [{source: {namespaces: [\""+long+"*\"]}}]\n", 1))
			replace(t, filepath.Join(dir, "routing.yaml"), strings.Replace(routing(port, backend.Port()), "  - route:\n", "  - match: [{uri: {regex: \"/"+long+"[a-z]+\"}}]\n    route:\n", 1))
			nonces := map[string]map[string]bool{"ECDS": {}, "RDS": {}}
			refused := func() int {
				status, err := p.status(t)
				must(t, err)
				n := 0
				for _, typ := range status.Gateways[0].Types {
					if seen := nonces[typ.Name]; seen != nil && typ.State == ack.Refused {
						seen[typ.Sent.Nonce] = true
						n++
					}
				}
				return n
			}
			eventually(t, "both are refused, and the routes were tried three times more", func() bool { return refused() == 2 && len(nonces["RDS"]) > 3 })
			if n := len(nonces["ECDS"]); n != 1 {
				t.Errorf("the policy was sent %d times", n)
			}
			for kind := range nonces {
				if n := strings.Count(p.log.String(), "type="+kind); n != 1 {
					t.Errorf("the log tells %d times of one refusal of %s", n, kind)
				}
			}
			if got := ask(t, address, "/guarded").Status; got != 403 {
				t.Errorf("/guarded: %d, want 403 by what the gateway had", got)
			}
		})
	}
}
