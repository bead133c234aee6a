package test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/chain"
	"github.com/portreeve/portreeve/internal/envoytest"
)

// receiver is who a webhook tells. It keeps every body, in the order of their coming.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil || q.Header.Get("Content-Type") == "" {
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.bodies = append(r.bodies, string(body))
	}))
	t.Cleanup(r.Close)
	return r
}

// told returns each event that came, once: at least once is what is promised.
func (r *receiver) told() (out []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := map[string]bool{}
	for _, body := range r.bodies {
		if !seen[body] {
			seen[body] = true
			out = append(out, body)
		}
	}
	return out
}

// day is a control plane that records what happens, and a gateway.
type day struct {
	*plane
	// server and client are the directories of the pairs, and bundle the authorities of gateways.
	server, client, bundle string
	authority              authority
	issuer                 *issuer
	keys                   []signingKey
	receiver               *receiver
	others                 *others
	record                 string
	public                 string
	flags                  []string
	port                   int
	backend                *envoytest.Backend
	// secrets must never be told, and seen is how many events have been looked at.
	secrets []string
	seen    int
}

func newDay(t *testing.T) *day {
	t.Helper()
	own := t.TempDir()
	d := &day{authority: newAuthority(t), issuer: newIssuer(t, (*httptest.Server).Start), receiver: newReceiver(t), others: newOthers(t), record: filepath.Join(own, "audit.log"), port: envoytest.FreePort(t), backend: envoytest.RunBackend(t)}
	d.server, d.client, d.bundle = filepath.Join(own, "server"), filepath.Join(own, "client"), filepath.Join(own, "bundle.pem")
	swap(t, d.server, d.pair(t))
	swap(t, d.client, files(t, d.authority.identified(t, rightID), d.authority))
	write(t, d.bundle, bundled(d.authority))
	key, hmac, sinks := filepath.Join(own, "key.pem"), filepath.Join(own, "hmac"), filepath.Join(own, "sinks.yaml")
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	must(t, err)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	d.public = filepath.Join(own, "key.pub")
	der, err = x509.MarshalPKIXPublicKey(public)
	must(t, err)
	write(t, d.public, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	d.hides(text)
	write(t, key, text)
	shared := "hush-" + rand.Text() + rand.Text()
	d.hides(shared)
	write(t, hmac, shared+"\n")
	write(t, sinks, fmt.Sprintf("webhooks:\n- {name: hook, url: %q, hmacKeyFile: %q, insecure: true}\n", d.receiver.URL, hmac)+d.others.sinks())
	d.plane = newPlane(t, newPolicyDir(t, map[string]string{
		"routing.yaml": routing(d.port, d.backend.Port()), "policy.yaml": denial("guard", "ingressgateway", "/guarded"), "symmetric.yaml": symmetricPolicy, "alert.yaml": everythingAlert,
		"gateways.yaml": "apiVersion: portreeve.dev/v1alpha1\nkind: GatewayIdentity\nmetadata: {name: right}\n" +
			"spec: {principals: [\"" + rightID + "\"], namespace: istio-system, labels: {istio: ingressgateway}}\n",
	}))
	d.hides(symmetric)
	d.flags = []string{
		"--xds-tls-cert", filepath.Join(d.server, "tls.crt"), "--xds-tls-key", filepath.Join(d.server, "tls.key"), "--xds-client-ca", d.bundle, "--state-dir", t.TempDir(),
		"--audit-log", d.record, "--audit-key", key, "--audit-sinks", sinks, "--audit-spool", t.TempDir(),
	}
	return d
}

// pair is a new pair of the control plane.
func (d *day) pair(t *testing.T) map[string]string {
	t.Helper()
	out := files(t, d.authority.issue(t, "localhost", "127.0.0.1"))
	d.hides(out["tls.key"])
	return out
}

// hides notes what must not be told, line by line.
func (d *day) hides(secret string) {
	for line := range strings.Lines(secret) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "-----") {
			d.secrets = append(d.secrets, line)
		}
	}
}

// publishes makes a key, with which the issuer signs from now on, and sends a token of it with a claim that nobody may tell.
func (d *day) publishes(t *testing.T) {
	t.Helper()
	key := newSigningKey(t)
	private, err := json.Marshal(key.private)
	must(t, err)
	var members struct{ D string }
	must(t, json.Unmarshal(private, &members))
	d.hides(members.D)
	d.keys = append(d.keys, key)
	d.issuer.publishes(t, d.keys...)
}

// asksWith is the address of the keys of the issuer, with a secret in it.
func (d *day) asksWith() string {
	d.hides("hush-query")
	return d.issuer.server.URL + "/?key=hush-query"
}

// broken is policy with a mistake, in which and beside which there are secrets.
func (d *day) broken(policy string) string {
	d.hides("hush-key")
	return strings.Replace(policy, "spec", "sepc", 1) + "---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: broken, namespace: istio-system}\n" +
		"spec: {jwtRules: [{issuer: broken, jwks: '{\"keys\": [{\"kty\": \"oct\", \"k\": \"hush-key\"}'}]}\n"
}

// visits sends a request with a token.
func (d *day) visits(t *testing.T, address string) {
	t.Helper()
	token := d.keys[len(d.keys)-1].token(t, "a", map[string]any{"secret": "hush-claim"})
	d.hides(token)
	d.hides("hush-claim")
	ask(t, address, "/", bearer(token)...)
}

// lines are those of the record, with all but what comes whenever it does: signatures, and what groups are served.
func (d *day) events(t *testing.T) (out []string) {
	t.Helper()
	for e, err := range chain.Read(d.record) {
		must(t, err)
		if e.Type != audit.ChainSigned && e.Type != audit.GenerationPublished {
			out = append(out, fmt.Sprintf("%s %s", e.Type, e.Outcome))
		}
	}
	return out
}

// step does something, and holds that what is recorded from then on is exactly that. What one step brings may come in any order.
func (d *day) step(t *testing.T, what string, do func(), want ...string) {
	t.Helper()
	do()
	var got []string
	eventually(t, what+" is recorded", func() bool {
		got = d.events(t)[d.seen:]
		return len(got) >= len(want)
	})
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
	d.seen += len(got)
}

// verify holds that the record is as it was written, by its key.
func (d *day) verify(t *testing.T) {
	t.Helper()
	var out, errs strings.Builder
	code := run(t.Context(), []string{"audit", "verify", d.record, "--public-key", d.public, "-o", "json"}, &out, &errs)
	var report chain.Report
	if err := json.Unmarshal([]byte(out.String()), &report); code != exitClean || err != nil || report.Fault != nil || report.Lost > 0 || report.Signatures == 0 || report.Lines == 0 {
		t.Fatalf("the record is not as it was written: exit %d, %s%s%v", code, out.String(), errs.String(), err)
	}
}

// gateway starts the gateway.
func (d *day) comes(t *testing.T) *envoytest.Envoy {
	t.Helper()
	return d.startGateway(t, envoytest.Options{}, "--tls-dir", d.client)
}

// file is one of the policy directory.
func (d *day) file(name string) string { return filepath.Join(d.plane.dir, name) }

// busyListener adds a server to the routing whose port another process has.
func (d *day) busyListener(t *testing.T) (routed string, free func()) {
	t.Helper()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = busy.Close() })
	return strings.Replace(routing(d.port, d.backend.Port()), "    hosts: [\"*\"]\n---", fmt.Sprintf("    hosts: [\"*\"]\n  - port: {number: %d, name: busy, protocol: HTTP}\n    bind: 127.0.0.1\n    hosts: [\"*\"]\n---", busy.Addr().(*net.TCPAddr).Port), 1),
		func() { must(t, busy.Close()) }
}

// stranger is a gateway whose identity does not allow what it claims, and that gives up when it is told so.
func (d *day) stranger(t *testing.T) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(d.authority.certificate)
	own := d.authority.identified(t, "spiffe://cluster.local/ns/elsewhere/gateway/other")
	c := newCaller(t, d.xds, 9, &tls.Config{RootCAs: roots, ServerName: "localhost", NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own}})
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	a, err := askDelta(ctx, c)
	must(t, err)
	a.everything(ingress())
	if err := a.until(func() bool { return false }); err == nil || !strings.Contains(err.Error(), "PermissionDenied") {
		t.Fatalf("a stranger is told %v", err)
	}
}

// TestADayOnRecord has all happen that can happen to policy, and holds that each event is recorded once and in order, over restarts and a
// kill; that the chain verifies and is signed; that a webhook was told the same lines; and that nothing told a secret.
func TestADayOnRecord(t *testing.T) {
	t.Parallel()
	envoytest.Require(t)
	d := newDay(t)
	const read, connected, disconnected = "generation.read success", "gateway.connected success", "gateway.disconnected success"
	policy := denial("guard", "ingressgateway", "/guarded")
	var gateway *envoytest.Envoy
	d.step(t, "a start", func() { d.start(t, d.flags...) }, "plane.started success", read)
	d.step(t, "a gateway comes", func() { gateway = d.comes(t) }, connected)
	address := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", d.port))
	d.step(t, "a good edit", func() { replace(t, d.file("policy.yaml"), strings.Replace(policy, "/guarded", "/more", 1)) }, read)
	d.step(t, "a bad edit", func() { replace(t, d.file("policy.yaml"), d.broken(policy)) }, "generation.read refused")
	d.step(t, "it is mended", func() { replace(t, d.file("policy.yaml"), policy) }, read)
	d.publishes(t)
	d.step(t, "an issuer", func() { write(t, d.file("tokens.yaml"), trusting(d.asksWith(), 1)) }, read, "keys.fetched success")
	d.visits(t, address)
	d.publishes(t)
	d.step(t, "its keys rotate", func() { must(t, d.plane.cmd.Process.Signal(syscall.SIGHUP)) }, "keys.rotated success")
	d.visits(t, address)
	routed, free := d.busyListener(t)
	d.step(t, "a gateway refuses a listener", func() { replace(t, d.file("routing.yaml"), routed) }, read, "response.refused refused")
	gateway.MustReach(t, "listener_manager.lds.update_rejected", 3) // it is sent again
	d.step(t, "it takes it", free, "response.accepted success")
	d.step(t, "a stranger is refused", func() { d.stranger(t) }, "gateway.refused refused")
	d.step(t, "the certificate of the control plane changes", func() { swap(t, d.server, d.pair(t)) }, "certificate.changed success")
	d.step(t, "the gateway goes", gateway.Stop, disconnected)
	d.step(t, "it is back", func() { gateway = d.comes(t) }, connected)
	d.step(t, "SIGTERM", func() { d.stop() }, disconnected, "plane.stopped success")
	d.verify(t)
	d.step(t, "a restart", func() { d.start(t, d.flags...) }, "plane.started success", read, connected)
	d.kill()
	d.verify(t)
	d.step(t, "a start after a kill", func() { d.start(t, d.flags...) }, "plane.started success", read, connected)
	d.toldTheSame(t)
	d.alertable(t)
	d.step(t, "the end", func() { d.stop() }, disconnected, "plane.stopped success")
	d.verify(t)
	d.tellsNoSecret(t)
	whole := strings.Join(d.whole(t), "\n")
	if n := strings.Count(whole, `"unstopped":true`); n != 1 {
		t.Errorf("%d starts say that the process before has recorded no end, want 1", n)
	}
}

// whole are the lines of the record.
func (d *day) whole(t *testing.T) (out []string) {
	t.Helper()
	for e, err := range chain.Read(d.record) {
		must(t, err)
		out = append(out, string(e.Bytes))
	}
	return out
}

// toldTheSame holds that the webhook gets all that is in the file, in its order.
func (d *day) toldTheSame(t *testing.T) {
	t.Helper()
	want := d.whole(t)
	var missing []string
	defer func() {
		for _, line := range missing {
			t.Logf("the webhook lacks %.300s", line)
		}
	}()
	eventually(t, "the webhook is told everything", func() bool {
		told := d.receiver.told()
		missing = slices.DeleteFunc(slices.Clone(want), func(line string) bool { return slices.Contains(told, line) })
		return len(missing) == 0
	})
	if diff := cmp.Diff(want, d.receiver.told()[:len(want)]); diff != "" {
		t.Errorf("the webhook was told otherwise than the file (-file +webhook):\n%s", diff)
	}
	d.others.toldAll(t, want[len(want)-1])
}

// tellsNoSecret looks for all that is secret in the file, in what each receiver was told, and in the log.
func (d *day) tellsNoSecret(t *testing.T) {
	t.Helper()
	for where, text := range map[string]string{
		"the file": strings.Join(d.whole(t), "\n"), "the webhook": strings.Join(d.receiver.told(), "\n"), "the log": d.plane.log.String(), "alerts": d.others.alerts.String(),
		"the collector": d.others.otlp.String(), "syslog": d.others.syslog.String(), "the head": readFile(t, d.record+".head"),
	} {
		if len(text) == 0 {
			t.Errorf("%s is empty", where)
		}
		for i, secret := range d.secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s tells secret %d", where, i)
			}
		}
	}
}

// alertable holds that each metric that is to be alerted on is there, but for those of what this day has none of at that moment:
// certificates in Secrets, refusals that stand, and TLS of the admin interface.
func (d *day) alertable(t *testing.T) {
	t.Helper()
	rules := readFile(t, "../examples/monitoring/rules.yml")
	_, metrics := d.get("/metrics")
	names := regexp.MustCompile(`\b(portreeve_[a-z_]+)`).FindAllStringSubmatch(rules, -1)
	if len(names) < 10 {
		t.Fatalf("examples/monitoring/rules.yml names %d metrics", len(names))
	}
	absent := []string{"portreeve_certificate_expiry_seconds", "portreeve_xds_standing_refusals", "portreeve_admin_certificate_expiry_seconds"}
	for _, name := range names {
		if !slices.Contains(absent, name[1]) && !strings.Contains(metrics, "\n"+name[1]) {
			t.Errorf("/metrics has no %s", name[1])
		}
	}
}
