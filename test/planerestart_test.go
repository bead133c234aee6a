package test

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// restart stops the control plane, does what is to be done meanwhile, starts it again, and
// waits until the gateway has subscribed anew.
func (s *shop) restart(t *testing.T, meanwhile func(), flags ...string) {
	t.Helper()
	s.stop()
	eventually(t, "the gateway has lost its control plane", func() bool { return s.gateway.MustCounter(t, "control_plane.connected_state") == 0 })
	meanwhile()
	s.start(t, flags...)
	eventually(t, "the gateway has subscribed again", func() bool {
		status, err := s.status(t)
		return err == nil && len(status.Gateways) == 1 && len(status.Gateways[0].Types) >= 5
	})
}

// TestARefusedFileIsStillTriedAfterARestart holds that a file which a gateway could not use is still
// known to be refused, and still tried again, after the control plane was started anew.
func TestARefusedFileIsStillTriedAfterARestart(t *testing.T) {
	envoytest.Require(t)
	for name, form := range protocols() {
		for kind, content := range map[string]string{"missing": "", "broken": "nonsense"} {
			t.Run(name+" "+kind, func(t *testing.T) {
				t.Parallel()
				a := newAuthority(t)
				file := filepath.Join(t.TempDir(), "ca.pem")
				if content != "" {
					write(t, file, content)
				}
				s := openShop(t, toWeb, web(closingBackend(t, a, nil, "web.example"))+speaking("web", "mode: SIMPLE, sni: web.example, caCertificates: "+file)).over(t, form)
				for range 2 {
					eventually(t, "status says that the secret is refused", func() bool { return refusedSecrets(t, s.plane) == 1 })
					s.restart(t, func() {})
				}
				eventually(t, "status says so after the restart", func() bool { return refusedSecrets(t, s.plane) == 1 })
				replace(t, file, a.pem())
				eventually(t, "the backend is served", func() bool { return ask(t, s.address, "/").Status == 200 })
				eventually(t, "status says so", func() bool { return refusedSecrets(t, s.plane) == 0 })
			})
		}
	}
}

// TestClustersThatChangeWhileItIsDownTakeEffect holds that what changed while the control plane was down,
// as all clusters may with another version of it, takes effect and fails no request.
func TestClustersThatChangeWhileItIsDownTakeEffect(t *testing.T) {
	envoytest.Require(t)
	for name, form := range protocols() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, two := named(t, "one", 200), named(t, "two", 200)
			s := openShop(t, toWeb, web(one)).over(t, form)
			l := startLoad(t, s.address, 4, func(status int) bool { return status == 200 })
			for i := range 4 {
				port := []string{two, one}[i%2]
				s.restart(t, func() {
					replace(t, s.services, web(port)+ruleFor(fmt.Sprintf("  trafficPolicy: {connectionPool: {tcp: {maxConnections: %d}}}\n", 100+i)))
				})
				eventually(t, "the edit counts", func() bool {
					return ask(t, s.address, "/").Header.Get("Backend") == map[string]string{one: "one", two: "two"}[port]
				})
			}
			before := s.gateway.MustCounter(t, "cluster_manager.cluster_modified")
			s.restart(t, func() {})
			l.stop()
			if len(l.lost) > 0 {
				t.Errorf("%d of %d requests failed, first: %v", len(l.lost), l.requests, l.lost[0])
			}
			if after := s.gateway.MustCounter(t, "cluster_manager.cluster_modified"); after != before || before != 4 {
				t.Errorf("clusters were made %d times, and %d times after a restart without an edit", before, after)
			}
		})
	}
}

// TestAnUpdateThatIsCutShortLosesNoRequest has a gateway get no further than that it is sent a new cluster when its control plane ends.
// It then asks for routes before it asks for clusters, and loses nothing by that. It is
// so in delta: in state-of-the-world nobody knows then what the gateway has.
func TestAnUpdateThatIsCutShortLosesNoRequest(t *testing.T) {
	envoytest.Require(t)
	port, backends := envoytest.FreePort(t), []string{named(t, "0", 200), named(t, "1", 200)}
	edition := func(n int) string {
		host := fmt.Sprintf("web%d.test", n)
		return shopRouting(port, leadingTo(host)) + serviceAt(host, "STATIC", "127.0.0.1", backends[n%2])
	}
	dir, state := newPolicyDir(t, map[string]string{"shop.yaml": edition(0)}), t.TempDir()
	p := startPlane(t, dir, "--state-dir", state)
	gateway := p.startGateway(t, envoytest.Options{})
	address := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	l := startLoad(t, address, 2, func(status int) bool { return status == 200 })
	for n := 1; n < 6; n += 2 {
		must(t, syscall.Kill(gateway.PID(), syscall.SIGSTOP))
		replace(t, filepath.Join(dir, "shop.yaml"), edition(n))
		eventually(t, "the gateway is sent the edit", func() bool {
			status, err := p.status(t)
			return err == nil && len(status.Groups) == 1 && status.Groups[0].Serving != nil && status.Groups[0].Serving.Seq > 1
		})
		p.stop()
		must(t, syscall.Kill(gateway.PID(), syscall.SIGCONT))
		replace(t, filepath.Join(dir, "shop.yaml"), edition(n+1))
		p.start(t, "--state-dir", state)
		eventually(t, "the edit counts", func() bool {
			requests, err := gateway.Counter(t.Context(), fmt.Sprintf("cluster.outbound|80||web%d.test;.upstream_rq_total", n+1))
			if err != nil && !errors.Is(err, envoytest.ErrNoStat) {
				t.Fatal(err)
			}
			return requests > 0
		})
	}
	l.stop()
	if len(l.lost) > 0 {
		t.Errorf("%d of %d requests failed, first: %v", len(l.lost), l.requests, l.lost[0])
	}
}
