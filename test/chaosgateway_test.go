package test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// chaosGateway is a gateway that is paused, killed and started again. It is safe for concurrent use.
type chaosGateway struct {
	number    int
	bootstrap []byte
	// addresses are those of its servers, the secure one last where it has it.
	addresses []string
	mu        sync.Mutex
	envoy     *envoytest.Envoy
	// life counts the kills, and away says that it was killed and does not serve again yet: requests may be lost then.
	life int
	away bool
	// paused says that it is stopped: it loses nothing, and is not asked what it runs.
	paused bool
}

// start runs Envoy and waits until it serves, or, where it is away, goes on while others wait for that.
func (g *chaosGateway) start(t testing.TB) {
	t.Helper()
	e := envoytest.Run(t, envoytest.Options{Bootstrap: g.bootstrap, Until: envoytest.AdminOpen, LogLevel: "warning"})
	g.mu.Lock()
	defer g.mu.Unlock()
	g.envoy = e
}

// kill ends it as no program can hinder.
func (g *chaosGateway) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.life++
	g.away, g.paused = true, false
	_ = syscall.Kill(g.envoy.PID(), syscall.SIGKILL)
	g.envoy.Stop()
}

// pause stops the process where it stands, or has it go on.
func (g *chaosGateway) pause(signal syscall.Signal) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.paused = signal == syscall.SIGSTOP
	_ = syscall.Kill(g.envoy.PID(), signal)
}

// excuse is how often it was killed, and whether it is away.
func (g *chaosGateway) excuse() (life int, away bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.life, g.away
}

// asked returns the Envoy that can be asked what it runs, or nil, and which life of it that is.
func (g *chaosGateway) asked() (*envoytest.Envoy, int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.paused {
		return nil, g.life
	}
	return g.envoy, g.life
}

// watch asks the gateway again and again what it runs, and tells the oracle, until the context ends.
func (g *chaosGateway) watch(ctx context.Context, oracle *chaosOracle, issuer *chaosIssuer, report *chaosReport) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			g.look(ctx, oracle, issuer, report)
		}
	}
}

// look asks once. What cannot be asked is asked again at the next tick.
func (g *chaosGateway) look(ctx context.Context, oracle *chaosOracle, issuer *chaosIssuer, report *chaosReport) {
	e, life := g.asked()
	if e == nil {
		return
	}
	policy, errPolicy := e.Get(ctx, "/config_dump?resource=ecds_filters")
	routes, errRoutes := e.Get(ctx, "/config_dump?resource=dynamic_route_configs")
	certificates, errCertificates := e.Get(ctx, "/certs")
	listeners, errListeners := e.Listeners(ctx)
	if errPolicy != nil || errRoutes != nil || errCertificates != nil || errListeners != nil {
		return
	}
	seen := chaosSeen{policy: marksIn(string(policy)), routes: marksIn(string(routes)), keys: issuer.namesIn(string(policy))}
	if g.number == secureGateway {
		seen.serials = serialsIn(string(certificates))
	}
	if err := oracle.sees(g.number, seen); err != nil {
		report.fault("%v", err)
	}
	if seen.policy != nil && seen.routes != nil && len(listeners) >= len(g.addresses) {
		g.back(life)
	}
}

// back notes that it serves again, unless it was killed meanwhile.
func (g *chaosGateway) back(life int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if life == g.life {
		g.away = false
	}
}

var chaosMark, chaosSerial = regexp.MustCompile(`/mark/\w+/\d+`), regexp.MustCompile(`"serial_number": "([0-9a-f]+)"`)

// marksIn are the marks in what a gateway runs, or nil where there are none.
func marksIn(dump string) []string {
	out := chaosMark.FindAllString(dump, -1)
	slices.Sort(out)
	return slices.Compact(out)
}

// chaosMarkOf is the file of a mark.
func chaosMarkOf(mark string) string { return strings.Split(mark, "/")[2] }

// serialsIn are the numbers of the certificates by which the servers of a gateway are known.
func serialsIn(dump string) (out []string) {
	for _, chain := range strings.Split(dump, `"cert_chain"`)[1:] {
		if match := chaosSerial.FindStringSubmatch(chain); match != nil && strings.Contains(chain, "one.test") {
			out = append(out, strings.TrimLeft(match[1], "0"))
		}
	}
	return out
}

// namesIn are the names of the issuer's keys, of all that it ever had, in what a gateway runs.
func (i *chaosIssuer) namesIn(dump string) (out []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for name := range i.ever {
		if strings.Contains(dump, name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func (g *chaosGateway) String() string { return fmt.Sprintf("gateway %d", g.number) }
