package test

import (
	"fmt"
	"io"
	"net"
	"regexp"
	"sync"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/xds/ack"
)

// balancer hands on TCP connections to a target, which may become another one, as a load balancer before replicas does.
type balancer struct {
	net.Listener
	mu     sync.Mutex
	target string
	open   []net.Conn
	done   sync.WaitGroup
}

func startBalancer(t *testing.T, target string) *balancer {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	b := &balancer{Listener: l, target: target}
	b.done.Go(b.serve)
	t.Cleanup(func() {
		_ = l.Close()
		b.moves("")
		b.done.Wait()
	})
	return b
}

func (b *balancer) serve() {
	for {
		c, err := b.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		other, err := net.Dial("tcp", b.target) //nolint:noctx // it is on loopback
		if err != nil {
			_ = c.Close()
			b.mu.Unlock()
			continue
		}
		b.open = append(b.open, c, other)
		b.mu.Unlock()
		for _, pair := range [][2]net.Conn{{c, other}, {other, c}} {
			b.done.Go(func() {
				_, _ = io.Copy(pair[0], pair[1])
				_ = pair[0].Close()
			})
		}
	}
}

// moves makes another address the target, and closes the connections to the one before.
func (b *balancer) moves(target string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.target = target
	for _, c := range b.open {
		_ = c.Close()
	}
	b.open = nil
}

// served reports whether a plane serves one gateway, which has all that it asked for.
func (p *plane) served(t *testing.T) bool {
	status, err := p.status(t)
	if err != nil || len(status.Gateways) != 1 || len(status.Gateways[0].Types) < 4 {
		return false
	}
	for _, typ := range status.Gateways[0].Types {
		if typ.State != ack.Accepted || typ.Accepted == "" {
			return false
		}
	}
	return true
}

// sent returns how many responses of a type a plane has sent.
func (p *plane) sent(t *testing.T, name string) string {
	t.Helper()
	_, metrics := p.get("/metrics")
	found := regexp.MustCompile(`portreeve_xds_responses_sent_total\{type="` + name + `"\} (\d+)`).FindStringSubmatch(metrics)
	if found == nil {
		t.Fatalf("there is no metric of %s", name)
	}
	return found[1]
}

// TestAGatewayThatMovesToAnotherReplicaSeesNoUpdate holds that replicas of one directory agree without talking: a
// gateway that a load balancer leads from one to the other and back is sent nothing again, reloads nothing, loses no
// request, and is served the next edit.
func TestAGatewayThatMovesToAnotherReplicaSeesNoUpdate(t *testing.T) {
	envoytest.Require(t)
	port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, backend.Port()), "policy.yaml": denial("guard", "ingressgateway", "/guarded")})
	replicas := []*plane{startPlane(t, dir), startPlane(t, dir)}
	b := startBalancer(t, replicas[0].xds)
	gateway := replicas[0].startGateway(t, envoytest.Options{}, "--xds-address", b.Addr().String())
	address := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	eventually(t, "the first replica serves the gateway", func() bool { return replicas[0].served(t) })
	const updates = `listener_manager.listener_(added|modified|removed|in_place_updated)|cluster_manager.cluster_(added|modified|removed)|config_reload$|update_rejected$`
	before, err := gateway.Stats(t.Context(), updates)
	must(t, err)
	l := startLoadOf(t, address, "/", 4, func(status int) bool { return status == 200 })
	for i := range 2 {
		to := replicas[1-i]
		asked := to.sent(t, "ECDS")
		b.moves(to.xds)
		eventually(t, "the other replica serves the gateway", func() bool { return to.served(t) && to.sent(t, "LDS") != "0" })
		if got := to.sent(t, "ECDS"); got != asked {
			t.Errorf("policy was sent again: %s responses, before it %s", got, asked)
		}
	}
	for _, name := range []string{"ECDS", "RDS", "EDS"} {
		if n := replicas[1].sent(t, name); n != "0" {
			t.Errorf("the second replica has sent %s responses of %s", n, name)
		}
	}
	l.stop()
	if len(l.lost) > 0 || l.requests == 0 {
		t.Errorf("%d of %d requests failed, first: %v", len(l.lost), l.requests, l.lost)
	}
	after, err := gateway.Stats(t.Context(), updates)
	must(t, err)
	for name, n := range after {
		if n != before[name] {
			t.Errorf("%s went from %d to %d", name, before[name], n)
		}
	}
	replace(t, dir+"/policy.yaml", denial("guard", "ingressgateway", "/other"))
	eventually(t, "the edit counts", func() bool { return ask(t, address, "/other").Status == 403 })
}
