package test

import (
	"context"
	"crypto/x509"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

var chaosSeed = flag.Uint64("chaos.seed", 0, "seed of the schedule of TestChaos; 0: 1, and in a soak another one each time")

// chaosLength is how long the run takes: 10 minutes in a soak.
func chaosLength() time.Duration {
	if os.Getenv("PORTREEVE_SOAK") == "1" {
		return 10 * time.Minute
	}
	return time.Minute
}

// chaosPatienceToSettle bounds how long everything may take to be as it should when all faults have ended.
const chaosPatienceToSettle = 2 * time.Minute

// chaos is a control plane, gateways, an issuer and a disk, to which things happen.
type chaos struct {
	t        *testing.T
	report   *chaosReport
	oracle   *chaosOracle
	files    *chaosFiles
	plane    *chaosPlane
	gateways []*chaosGateway
	issuer   *chaosIssuer
	disk     smallDisk
	load     *chaosLoad
	record   *chaosRecord
	ca       string
}

// TestChaos lets everything happen at once that happens to a control plane and its gateways, under load: edits good and bad,
// kills, pauses, a full disk, issuers that are not well, rotated keys and certificates, a clock that steps. No answer is one that
// was right at no moment of its request, no request is lost but at a gateway that was killed, what the control plane takes is flat, and
// the record is whole. The seed gives the schedule.
func TestChaos(t *testing.T) {
	envoytest.Require(t)
	t.Parallel()
	if withMounts(t) {
		return
	}
	seed := *chaosSeed
	if seed == 0 {
		seed = 1
	}
	if *chaosSeed == 0 && chaosLength() > time.Minute {
		seed = uint64(time.Now().UnixNano())
	}
	c := newChaos(t, seed)
	c.run(seed)
	c.report.tell(t)
}

// TestChaosFindsWhatIsWrong holds that a verdict that is wrong is found, and a request that is lost: a file is edited without
// anybody's knowledge so that the gateways run what looks as it should, and a gateway is killed.
func TestChaosFindsWhatIsWrong(t *testing.T) {
	envoytest.Require(t)
	t.Parallel()
	if withMounts(t) {
		return
	}
	c := newChaos(t, 1)
	defer c.begin(1)()
	w := c.files.now
	replace(t, c.files.path(0), deny("door0", "", w.mark(0), "/shop"))
	eventually(t, "the verdict is found", func() bool { return c.report.number("wrong verdicts") > 0 })
	if n := c.report.number("requests lost"); n > 0 {
		t.Errorf("%d requests were lost before a gateway was killed", n)
	}
	must(t, syscall.Kill(c.gateways[1].envoy.PID(), syscall.SIGKILL))
	eventually(t, "the lost request is found", func() bool { return c.report.number("requests lost") > 0 })
}

func newChaos(t *testing.T, seed uint64) *chaos {
	t.Helper()
	c := &chaos{t: t, report: newChaosReport(seed), issuer: newChaosIssuer(t), disk: newSmallDisk(t), ca: filepath.Join(t.TempDir(), "ca")}
	site := chaosSite{issuer: c.issuer.server.URL, securePort: envoytest.FreePort(t), backends: map[string]string{}}
	for _, name := range []string{"one", "two", "extra"} {
		site.backends[name] = named(t, name, 200)
	}
	theVerb(t, "ca", "init", "--dir", c.ca)
	for g := range chaosGateways {
		site.ports[g], site.gatewayLabels[g] = envoytest.FreePort(t), fmt.Sprintf("chaos%d", g)
		theVerb(t, "ca", "issue", "gateway", site.gatewayLabels[g], "--labels", "istio="+site.gatewayLabels[g], "--dir", c.ca)
	}
	authority := newAuthority(t)
	certificate := func() (string, string) {
		issued := authority.make(t, &x509.Certificate{ // valid whatever the clock of the control plane says
			DNSNames: []string{"one.test"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: time.Now().AddDate(0, 0, -2), NotAfter: time.Now().AddDate(0, 0, 2),
		})
		leaf, err := x509.ParseCertificate(issued.Certificate[0])
		must(t, err)
		return leaf.SerialNumber.Text(16), secretOf(t, "one", issued)
	}
	first := firstWorld(certificate)
	c.oracle = newChaosOracle(first, c.issuer.names())
	c.issuer.oracle = c.oracle
	c.files = &chaosFiles{dir: t.TempDir(), site: site, oracle: c.oracle, now: first, certificate: certificate}
	c.files.writeAll(t)
	roots := x509.NewCertPool()
	roots.AddCert(authority.certificate)
	c.load = &chaosLoad{oracle: c.oracle, issuer: c.issuer, report: c.report, roots: roots}
	c.startAll(site)
	return c
}

// startAll starts the control plane and the gateways. They speak delta, as bootstrap has it: in state-of-the-world a gateway that was away
// for several editions of the routes while the control plane was started anew may lose requests (docs/delivery.md).
func (c *chaos) startAll(site chaosSite) {
	c.t.Helper()
	in := func(name string) string { return filepath.Join(c.ca, name) }
	c.plane = &chaosPlane{plane: newPlane(c.t, c.files.dir), offset: filepath.Join(c.t.TempDir(), "offset"), flags: []string{
		"--xds-tls-cert", in("server/tls.crt"), "--xds-tls-key", in("server/tls.key"), "--xds-client-ca", in("ca.crt"), "--xds-client-crl", in("crl.pem"),
		"--gateways", in("gateways.yaml"), "--state-dir", filepath.Join(c.disk.dir, "state"),
	}}
	c.record = newChaosRecord(c.t, c.disk.dir)
	c.plane.flags = append(c.plane.flags, c.record.flags()...)
	write(c.t, c.plane.offset, "0")
	c.starts()
	for g := range chaosGateways {
		label := site.gatewayLabels[g]
		bootstrap := c.plane.bootstrap(c.t, "--tls-dir", in("gateways/istio-system/"+label), "--name", label, "--labels", "istio="+label)
		gateway := &chaosGateway{number: g, bootstrap: bootstrap, addresses: []string{fmt.Sprintf("127.0.0.1:%d", site.ports[g])}, away: true}
		if g == secureGateway {
			gateway.addresses = append(gateway.addresses, fmt.Sprintf("127.0.0.1:%d", site.securePort))
		}
		c.gateways = append(c.gateways, gateway)
		gateway.start(c.t)
	}
}

// begin has clients ask and all be watched, and waits until everything serves. What it returns ends that.
func (c *chaos) begin(seed uint64) (end func()) {
	c.t.Helper()
	ctx, stop := context.WithCancel(c.t.Context())
	var watching sync.WaitGroup
	watching.Go(func() { c.plane.measure(ctx) })
	for _, g := range c.gateways {
		watching.Go(func() { g.watch(ctx, c.oracle, c.issuer, c.report) })
		c.load.clients(ctx, g, seed)
	}
	c.settle()
	return func() {
		stop()
		watching.Wait()
		c.load.done.Wait()
	}
}

// run does the steps of a schedule for as long as the run takes, and ends with everything as it should be.
func (c *chaos) run(seed uint64) {
	c.t.Helper()
	schedule, end := newChaosSchedule(seed), time.Now().Add(chaosLength())
	stop := c.begin(seed)
	defer stop()
	for done := false; !done && !c.report.failed(); {
		step := schedule.next()
		<-time.After(step.after)
		c.do(step)
		// Where it settles every fault has ended.
		done = step.do == settleEnforce && time.Now().After(end)
	}
	stop()
	c.plane.flat(c.report)
	if !c.report.failed() {
		c.planes(chaosStep{do: endPlane})
		c.record.whole(c.report)
	}
}

// do does a step, and notes it.
func (c *chaos) do(s chaosStep) {
	c.t.Helper()
	c.report.step("%v", s)
	c.report.counts("steps", 1)
	c.report.counts(string(s.do), 1)
	if said := c.doing(s); said != "" {
		c.report.step("    %s", said)
	}
}

// doing does a step and returns what there is to say of it.
func (c *chaos) doing(s chaosStep) string {
	c.t.Helper()
	switch s.do {
	case editDoor, editRole, editRoutes, editLocal, removeDoor, burst, rotateSecret, breakFile, breakLocal, repair:
		return c.edits(s)
	case killPlane, endPlane, startPlaneAgain, pausePlane, resumePlane, hangUp, stepClock:
		return c.planes(s)
	case pauseGateway:
		c.gateways[s.target].pause(syscall.SIGSTOP)
	case resumeGateway:
		c.gateways[s.target].pause(syscall.SIGCONT)
	case killGateway:
		c.gateways[s.target].kill()
	case startGatewayAgain:
		c.gateways[s.target].start(c.t)
	case fillDisk:
		c.record.full(true)
		c.disk.fill(c.t)
	case freeDisk:
		c.disk.free(c.t)
		c.record.full(false)
	case failIssuer:
		return c.issuer.fail(s.pick)
	case healIssuer:
		c.issuer.answers(c.t)
	case rotateKeys:
		return c.rotatesKeys()
	case renewCertificates:
		return c.renews(s)
	case settleEnforce:
		c.settle()
	}
	return ""
}

func (c *chaos) edits(s chaosStep) string {
	c.t.Helper()
	switch s.do {
	case editDoor:
		return c.files.flipDoor(c.t, s.pick)
	case editRole:
		return c.files.changeRole(c.t, s.pick)
	case editRoutes:
		return c.files.changeRoutes(c.t, s.pick)
	case editLocal:
		c.files.changeLocal(c.t, s.pick)
	case removeDoor:
		c.files.remove(c.t, chaosFile(s.pick%chaosDoors))
	case burst:
		c.files.burst(c.t, s.pick)
	case rotateSecret:
		return c.files.rotateSecret(c.t)
	case breakFile:
		c.kept()
		said := c.files.breaks(c.t, s.pick)
		c.holds(0, 1, 2)
		return said
	case breakLocal:
		c.kept()
		c.files.breaksLocal(c.t)
		c.holds(localGateway)
	default:
		c.files.repairs(c.t)
	}
	return ""
}

func (c *chaos) planes(s chaosStep) string {
	c.t.Helper()
	switch s.do {
	case killPlane:
		c.plane.killed()
		c.record.killed()
	case endPlane:
		c.plane.end(c.t)
		c.record.ended()
	case startPlaneAgain:
		c.starts()
	case pausePlane:
		c.plane.pause(c.t, syscall.SIGSTOP)
	case resumePlane:
		c.plane.pause(c.t, syscall.SIGCONT)
	case hangUp:
		must(c.t, c.plane.cmd.Process.Signal(syscall.SIGHUP))
	default:
		return c.plane.steps(c.t, s.pick)
	}
	return ""
}

func (c *chaos) starts() {
	c.t.Helper()
	c.plane.run(c.t)
	c.record.began()
}

// rotatesKeys rotates, and waits until the gateways have the keys and the disk too: without the disk a control plane that is
// killed now begins with the keys of before.
func (c *chaos) rotatesKeys() string {
	c.t.Helper()
	said := c.issuer.rotate(c.t)
	must(c.t, c.plane.cmd.Process.Signal(syscall.SIGHUP))
	c.await("the gateways and the disk have the keys", func() string {
		for g := range c.gateways {
			if c.oracle.behind(g) == "keys" {
				return fmt.Sprintf("gateway %d has not", g)
			}
		}
		if !c.issuer.kept(filepath.Join(c.disk.dir, "state")) {
			return "the disk has not"
		}
		return ""
	})
	return said
}

// kept waits until what is written is served and on disk: what is broken after that takes nothing away.
func (c *chaos) kept() {
	c.t.Helper()
	c.await("what is written is served and on disk", func() string {
		for g := range c.gateways {
			if behind := c.oracle.behind(g); behind != "" {
				return fmt.Sprintf("gateway %d is behind with its %s", g, behind)
			}
		}
		status, err := c.plane.status(c.t)
		if err != nil || status.State == nil || !status.State.UnwrittenSince.IsZero() {
			return fmt.Sprintf("the state is not on disk: %v", err)
		}
		return ""
	})
}

// holds waits until the control plane says what is broken. Before that it may serve what is written beside it: the file may
// still be in motion.
func (c *chaos) holds(gateways ...int) {
	c.t.Helper()
	c.await("the control plane sees what is broken", func() string {
		if status, err := c.plane.status(c.t); err != nil || !status.Diagnostics.HasErrors() {
			return fmt.Sprintf("it does not: %v", err)
		}
		return ""
	})
	c.oracle.holds(gateways...)
}

// renews renews the certificates of the control plane and of its gateways.
func (c *chaos) renews(s chaosStep) string {
	c.t.Helper()
	of := []string{"--all", c.files.site.gatewayLabels[s.target]}[s.pick%2]
	theVerb(c.t, "ca", "renew", of, "--dir", c.ca)
	return of
}

// settle waits, when every fault has ended, until each gateway has the newest of everything and answers by it.
func (c *chaos) settle() {
	c.t.Helper()
	must(c.t, c.plane.cmd.Process.Signal(syscall.SIGHUP))
	var before [chaosGateways]int64
	c.await("every gateway has the newest", func() string {
		for g, gateway := range c.gateways {
			_, away := gateway.excuse()
			if behind := c.oracle.behind(g); away || behind != "" {
				return fmt.Sprintf("gateway %d (away: %t) is behind with its %s", g, away, behind)
			}
			before[g] = c.load.answered[g].Load()
		}
		return ""
	})
	c.await("every gateway answers", func() string {
		for g := range c.gateways {
			if c.load.answered[g].Load() < before[g]+100 {
				return fmt.Sprintf("gateway %d does not", g)
			}
		}
		return ""
	})
}

// await asks until there is nothing that is missing, for a long but bounded time.
func (c *chaos) await(what string, missing func() string) {
	c.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(chaosPatienceToSettle)
	for said := missing(); said != ""; said = missing() {
		select {
		case <-tick.C:
			if c.report.failed() {
				return
			}
		case <-end:
			c.report.fault("waited too long: %s; %s", what, said)
			return
		}
	}
}
