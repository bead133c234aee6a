package test

import (
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// pair is two control planes over the same files, each with a state directory of its own, and a gateway that was told of both.
type pair struct {
	// has is the one that the gateway is connected to, and other the other one.
	has, other *plane
	dir        string
	gateway    *envoytest.Envoy
	address    string
	// open and guarded are requests all the while: such that pass, and such that policy forbids.
	open, guarded *load
}

func startPair(t *testing.T) *pair {
	t.Helper()
	envoytest.Require(t)
	port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	p := &pair{dir: newPolicyDir(t, map[string]string{"routing.yaml": routing(port, backend.Port()), "policy.yaml": denial("guard", "ingressgateway", "/guarded")})}
	p.has, p.other = startPlane(t, p.dir, "--state-dir", t.TempDir()), startPlane(t, p.dir, "--state-dir", t.TempDir())
	p.gateway = p.has.startGateway(t, envoytest.Options{}, "--xds-address", p.has.xds, "--xds-address", p.other.xds)
	p.address = p.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	eventually(t, "one of them serves the gateway", func() bool { return p.has.served(t) || p.other.served(t) })
	if p.other.served(t) {
		p.has, p.other = p.other, p.has
	}
	p.open = startLoadOf(t, p.address, "/", 4, func(status int) bool { return status == 200 })
	p.guarded = startLoadOf(t, p.address, "/guarded", 2, func(status int) bool { return status == 403 })
	return p
}

// updates returns how often the gateway was made to change anything.
func (p *pair) updates(t *testing.T) map[string]uint64 {
	t.Helper()
	out, err := p.gateway.Stats(t.Context(), `listener_manager.listener_(added|modified|removed|in_place_updated)|cluster_manager.cluster_(added|modified|removed)|config_reload$|update_rejected$`)
	must(t, err)
	return out
}

// edit forbids one more path, and waits until that holds.
func (p *pair) edit(t *testing.T, path string) {
	t.Helper()
	replace(t, p.dir+"/policy.yaml", denial("guard", "ingressgateway", "/guarded", path))
	inTime(t, 2*bound, "the edit holds", func() bool { return ask(t, p.address, path).Status == 403 })
}

// takeOver ends the one that the gateway has, and holds that the other one takes over and has nothing to send that was not there.
func (p *pair) takeOver(t *testing.T, end func()) {
	t.Helper()
	before, sent := p.updates(t), p.sent(t)
	end()
	eventually(t, "the other control plane serves the gateway", func() bool { return p.other.served(t) })
	if diff := cmp.Diff(before, p.updates(t)); diff != "" {
		t.Errorf("the gateway changed something (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(sent, p.sent(t)); diff != "" {
		t.Errorf("what was there was sent again (-before +after):\n%s", diff)
	}
	p.has, p.other = p.other, p.has
}

// sent returns how many responses the other one has sent, of the types whose first answer it need not give.
func (p *pair) sent(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, name := range []string{"ECDS", "RDS", "EDS"} {
		out[name] = p.other.sent(t, name)
	}
	return out
}

// undisturbed ends the requests, and holds that none was lost and none that is forbidden got through.
func (p *pair) undisturbed(t *testing.T) {
	t.Helper()
	for what, l := range map[string]*load{"open": p.open, "guarded": p.guarded} {
		l.stop()
		if len(l.lost) > 0 || l.requests == 0 {
			t.Errorf("%s: %d of %d requests went wrong: %v", what, len(l.lost), l.requests, l.lost[:min(1, len(l.lost))])
		}
		t.Logf("%d requests (%s), %d went wrong", l.requests, what, len(l.lost))
	}
}

// TestAControlPlaneThatIsKilledIsTakenOver holds that the gateway goes on by another one when its own is killed: no request
// is lost, policy holds, edits count, and nothing is sent again, also not when the first one comes back and takes over in turn.
func TestAControlPlaneThatIsKilledIsTakenOver(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	first, began := p.has, time.Now()
	p.takeOver(t, first.kill)
	t.Logf("the other control plane had the gateway %v after the kill", time.Since(began))
	p.edit(t, "/while-it-is-down")
	before := p.updates(t)
	first.start(t, "--state-dir", t.TempDir())
	if diff := cmp.Diff(before, p.updates(t)); diff != "" {
		t.Errorf("the gateway changed something when the first one came back (-before +after):\n%s", diff)
	}
	p.edit(t, "/when-it-is-back")
	p.takeOver(t, func() { p.has.stop() })
	p.edit(t, "/back-again")
	p.undisturbed(t)
}

// TestAControlPlaneThatHangsIsLeft holds that the gateway leaves a control plane that keeps its connection and says nothing, and gets edits from another one.
func TestAControlPlaneThatHangsIsLeft(t *testing.T) {
	t.Parallel()
	p := startPair(t)
	hung, began := p.has, time.Now()
	must(t, syscall.Kill(hung.cmd.Process.Pid, syscall.SIGSTOP))
	t.Cleanup(func() { _ = syscall.Kill(hung.cmd.Process.Pid, syscall.SIGCONT) })
	p.edit(t, "/while-it-hangs")
	t.Logf("an edit reached the gateway %v after its control plane began to hang", time.Since(began))
	p.other, p.has = p.has, p.other
	must(t, syscall.Kill(hung.cmd.Process.Pid, syscall.SIGCONT))
	eventually(t, "the one that hung has no gateway", func() bool {
		status, err := hung.status(t)
		return err == nil && len(status.Gateways) == 0 && p.has.served(t)
	})
	p.edit(t, "/afterwards")
	p.undisturbed(t)
}

// TestOneControlPlaneDoesNotPassForAnother holds that each must show the certificate of its own name, also where another one that the
// gateway was told of has the certificate that is shown.
func TestOneControlPlaneDoesNotPassForAnother(t *testing.T) {
	t.Parallel()
	envoytest.Require(t)
	f := newFleet(t)
	signer := f.signer(t)
	ofTheName := signer.issue(t, "localhost")
	right, wrong := startPeers(t, "", f.server(t, ofTheName)), startPeers(t, "", f.server(t, ofTheName))
	_, port, err := net.SplitHostPort(right.address)
	must(t, err)
	e := f.gateway(t, "localhost:"+port, envoytest.Live, "--xds-address", wrong.address)
	eventually(t, "the gateway is connected to the right one", func() bool { return len(right.seen()) > 0 })
	right.end()
	eventually(t, "it is refused by the other one's name", func() bool { return e.MustCounter(t, "cluster.xds-grpc.ssl.fail_verify_san") > 0 })
	eventually(t, "the gateway is connected again", func() bool { return len(right.seen()) > 1 })
	if n := len(wrong.seen()); n != 0 {
		t.Errorf("the other one got %d streams with the certificate of the first", n)
	}
}
