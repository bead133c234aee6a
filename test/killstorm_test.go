package test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// editStorm edits a policy file without end, as it is left alone to.
type editStorm struct {
	path string
	// mu is held over an edit, so whoever holds it has the file for himself.
	mu     sync.Mutex
	random *rand.Rand
	cancel context.CancelFunc
	done   sync.WaitGroup
}

// guards is a policy that guards two groups of gateways. Every version of it forbids /guarded.
func guards(version string) string {
	return denial("guard", "ingressgateway", "/guarded", version) + "---\n" + denial("second", "second", "/guarded", version)
}

// brokenGuards are policies that no gateway may be served.
func brokenGuards() []string {
	return []string{"kind: [", "", strings.ReplaceAll(guards("/x"), "DENY", "DENNY"), strings.ReplaceAll(guards("/x"), "rules:", "ruels:")}
}

func startEditStorm(t *testing.T, path string) *editStorm {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &editStorm{path: path, random: rand.New(rand.NewPCG(1, 2)), cancel: cancel}
	s.done.Go(func() {
		tick := time.NewTicker(15 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				s.edit(t, n)
			}
		}
	})
	t.Cleanup(s.stop)
	return s
}

func (s *editStorm) edit(t *testing.T, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	content := guards(fmt.Sprintf("/v%d", n))
	if n%4 == 3 {
		content = brokenGuards()[n/4%len(brokenGuards())]
	}
	way := replace
	if s.random.IntN(2) == 0 {
		way = write
	}
	way(t, s.path, content)
}

func (s *editStorm) stop() {
	s.cancel()
	s.done.Wait()
}

// kills is how many kills a test has: 100 in a soak.
func kills() int {
	if os.Getenv("PORTREEVE_SOAK") == "1" {
		return 100
	}
	return 20
}

// TestAStormOfKillsOpensNothing kills the control plane at random moments of a storm of edits. It
// starts each time, also among broken files, and neither a gateway that stays nor one that comes anew
// ever answers a request that every version of the policy forbids.
func TestAStormOfKillsOpensNothing(t *testing.T) {
	envoytest.Require(t)
	one, two, backend, state := envoytest.FreePort(t), envoytest.FreePort(t), envoytest.RunBackend(t), t.TempDir()
	second := strings.NewReplacer("name: gateway", "name: second", "istio: ingressgateway", "istio: second",
		"name: backend", "name: second", "gateways: [gateway]", "gateways: [second]", "backend.local", "second.local")
	dir := newPolicyDir(t, map[string]string{
		"one.yaml": routing(one, backend.Port()), "two.yaml": second.Replace(routing(two, backend.Port())), "policy.yaml": guards("/first"),
	})
	p := startPlane(t, dir, "--state-dir", state)
	gateway := p.startGateway(t, envoytest.Options{})
	listener := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", one))
	fresh := func() {
		e := p.startGateway(t, envoytest.Options{}, "--labels", "istio=second")
		defer e.Stop()
		address := e.MustListener(t, fmt.Sprintf("127.0.0.1_%d", two))
		if got := ask(t, address, "/guarded").Status; got != 403 {
			t.Errorf("a gateway that is new answers %d on /guarded, want 403", got)
		}
	}
	fresh() // what is good for its group is known from now on
	l := startLoad(t, listener, 2, func(status int) bool { return status == 403 })
	storm := startEditStorm(t, filepath.Join(dir, "policy.yaml"))
	random := rand.New(rand.NewPCG(3, 4))
	for i := range kills() {
		<-time.After(time.Duration(random.IntN(300)) * time.Millisecond)
		p.kill()
		func() {
			if i%3 == 0 { // the storm rests, so that nothing but the broken files is there
				storm.mu.Lock()
				defer storm.mu.Unlock()
				write(t, storm.path, brokenGuards()[i/3%len(brokenGuards())])
			}
			p.start(t, "--state-dir", state)
			eventually(t, "the gateway is connected again", func() bool {
				status, err := p.status(t)
				return err == nil && len(status.Gateways) > 0
			})
			if i%5 == 0 {
				fresh()
			}
		}()
	}
	storm.stop()
	write(t, storm.path, guards("/last"))
	eventually(t, "the last edit counts", func() bool { return ask(t, listener, "/last").Status == 403 })
	l.stop()
	if len(l.lost) > 0 {
		t.Errorf("%d of %d answers to a forbidden request were others than 403, first: %v", len(l.lost), l.requests, l.lost[0])
	}
	if aside, err := filepath.Glob(filepath.Join(state, "*.broken-*")); err != nil || len(aside) > 0 {
		t.Errorf("a kill left a broken state: %v, %v", aside, err)
	}
	t.Logf("%d kills, %d requests", kills(), l.requests)
}
