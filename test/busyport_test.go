package test

import (
	"bytes"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/xds/ack"
)

// TestAListenerComesWhenItsPortIsFree holds that a listener whose port another process has is there
// within five seconds of its being free, with nobody editing anything, in both protocols; and that
// status names the file of its Gateway meanwhile.
func TestAListenerComesWhenItsPortIsFree(t *testing.T) {
	envoytest.Require(t)
	for name, protocol := range protocols() {
		t.Run(name, func(t *testing.T) {
			busy, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			t.Cleanup(func() { _ = busy.Close() })
			port, backend := busy.Addr().(*net.TCPAddr).Port, envoytest.RunBackend(t)
			dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, backend.Port())})
			p := startPlane(t, dir)
			gateway := envoytest.Run(t, envoytest.Options{Bootstrap: bytes.Replace(p.bootstrap(t), []byte("DELTA_GRPC"), []byte(protocol), 1)})
			named := func() bool {
				var out, errs strings.Builder
				run(t.Context(), []string{"status", "--admin-address", p.admin}, &out, &errs)
				return strings.Contains(out.String(), "cannot bind") && strings.Contains(out.String(), "written at "+filepath.Join(dir, "routing.yaml")+":")
			}
			eventually(t, "status says that the listener is refused, and where it was written", named)
			p.stop()
			p.start(t)
			eventually(t, "status says so after a restart", named)
			eventually(t, "it was tried again", func() bool { return gateway.MustCounter(t, "listener_manager.lds.update_rejected") > 1 })
			must(t, busy.Close())
			freed := time.Now()
			address := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
			if took := time.Since(freed); took > 5*time.Second {
				t.Errorf("the listener came %s after its port was free", took)
			}
			if got := ask(t, address, "/").Status; got != 200 {
				t.Errorf("a request is answered %d", got)
			}
			eventually(t, "status says that all is well", func() bool {
				s, err := p.status(t)
				return err == nil && len(s.Gateways) == 1 && acceptedAll(s.Gateways[0])
			})
			if n := strings.Count(p.log.String(), "gateway takes what it had refused"); n != 1 {
				t.Errorf("the log tells %d times that the listener is taken", n)
			}
			if n := strings.Count(p.log.String(), "gateway refused configuration"); n != 2 {
				t.Errorf("the logs of two processes tell %d times of one refusal", n)
			}
		})
	}
}

func acceptedAll(g ack.Gateway) bool {
	for _, typ := range g.Types {
		if typ.State != ack.Accepted {
			return false
		}
	}
	return true
}
