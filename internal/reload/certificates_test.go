package reload_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
)

// secure is a Gateway whose certificate is in a directory for secrets.
const secure = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g}\nspec: {selector: {istio: ingressgateway}, servers: [{port: {number: 8443, name: https, protocol: HTTPS}, hosts: [a.example], tls: {mode: SIMPLE, credentialName: web}}]}\n"

// clock is a time that a test sets. It begins late enough for every file to be settled.
type clock struct{ at atomic.Pointer[time.Time] }

func newClock(at time.Time) *clock {
	c := &clock{}
	c.at.Store(&at)
	return c
}

func (c *clock) now() time.Time { return *c.at.Load() }

func (c *clock) pass(d time.Duration) {
	at := c.now().Add(d)
	c.at.Store(&at)
}

// certificateScene is a reloader with a policy directory and one for secrets.
type certificateScene struct {
	*reload.Reloader
	published     *publisher
	log           bytes.Buffer
	dir, secrets  string
	clock         *clock
	settings      model.Settings
	stateLocation string
	state         *state.Dir
}

func newCertificateScene(t *testing.T) *certificateScene {
	t.Helper()
	s := &certificateScene{dir: t.TempDir(), secrets: t.TempDir(), clock: newClock(time.Now().Add(time.Hour)), settings: model.DefaultSettings(), stateLocation: t.TempDir()}
	s.settings.SecretsDirs = []string{s.secrets}
	write(t, s.dir, "gateway.yaml", secure)
	write(t, s.dir, "policy.yaml", policy("a", "/a"))
	must(t, os.Mkdir(filepath.Join(s.secrets, "web"), 0o700))
	s.start(t)
	return s
}

// start makes a reloader, as a new process would.
func (s *certificateScene) start(t *testing.T) {
	t.Helper()
	if s.state != nil {
		s.Close()
		must(t, s.state.Close())
	}
	s.state = openState(t, s.stateLocation)
	var err error
	s.published = &publisher{sent: map[string][]map[string]string{}}
	s.Reloader, err = reload.New(reload.Options{
		Publisher: s.published, Files: files(input.Options{Dirs: []string{s.dir}, SecretsDirs: s.settings.SecretsDirs, Now: s.clock.now}),
		Settings: s.settings, Keyring: &keyring{}, State: s.state, Logger: slog.New(slog.NewTextHandler(&s.log, nil)),
		Metrics: reload.NewMetrics(prometheus.NewRegistry()), Now: s.clock.now,
	})
	must(t, err)
}

// issue writes a new certificate that is good for a while from the scene's time on.
func (s *certificateScene) issue(t *testing.T, good time.Duration) {
	t.Helper()
	s.issueTo(t, "web", good)
}

// issueTo does so for a directory.
func (s *certificateScene) issueTo(t *testing.T, name string, good time.Duration) {
	t.Helper()
	certificate, private := pairOf(t, s.clock.now(), good)
	write(t, filepath.Join(s.secrets, name), "tls.crt", certificate)
	write(t, filepath.Join(s.secrets, name), "tls.key", private)
}

// pairOf returns a new certificate that is good for a while, and its key.
func pairOf(t *testing.T, now time.Time, good time.Duration) (certificate, private string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"a.example", "b.example"}, NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(good)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}

// codes returns the codes of those findings that are about certificates.
func codes(findings diag.List) string {
	var out []string
	for _, f := range findings {
		if strings.HasPrefix(string(f.Code), "PR11") {
			out = append(out, string(f.Code))
		}
	}
	return strings.Join(out, " ")
}

func (s *certificateScene) last(t *testing.T) map[string]string {
	t.Helper()
	sent := s.published.sent[group().Key]
	if len(sent) == 0 {
		t.Fatal("nothing was published")
	}
	return sent[len(sent)-1]
}

// TestACertificateThatEndsWhileItIsServed holds that it is only warned about: an edit of policy
// is still taken, also by the next process. A certificate that comes in expired is refused.
func TestACertificateThatEndsWhileItIsServed(t *testing.T) {
	s := newCertificateScene(t)
	s.issue(t, 24*time.Hour)
	s.Join(group())
	must(t, s.Reload(t.Context(), input.Change{}))
	if got := s.Status(); codes(got.Diagnostics) != "" || len(got.Certificates) != 1 || got.Certificates[0].DaysLeft != 0 || got.Certificates[0].Expired {
		t.Fatalf("at the start: %+v", got)
	}
	first := s.last(t)

	s.clock.pass(48 * time.Hour)
	if c := s.Status().Certificates[0]; !c.Expired || c.DaysLeft != -2 || !c.Serving {
		t.Errorf("after its end: %+v", c)
	}
	edit := func(path, want string) {
		t.Helper()
		before := s.last(t)
		write(t, s.dir, "policy.yaml", policy("a", path))
		must(t, s.Reload(t.Context(), input.Change{}))
		if got := s.Status(); codes(got.Diagnostics) != want || len(got.Groups[0].Refused) > 0 {
			t.Errorf("an edit: %v", got.Diagnostics)
		}
		if after := s.last(t); after[resourcev3.ExtensionConfigType] == before[resourcev3.ExtensionConfigType] || after[resourcev3.SecretType] != first[resourcev3.SecretType] {
			t.Errorf("an edit of policy gives %v after %v", after, before)
		}
	}
	edit("/b", "PR1110")

	s.start(t)
	s.Join(group())
	must(t, s.Reload(t.Context(), input.Change{}))
	edit("/c", "PR1110")

	good := s.last(t)
	s.issue(t, -time.Hour)
	must(t, s.Reload(t.Context(), input.Change{}))
	if got := s.Status(); codes(got.Diagnostics) != "PR1109" || codes(got.Groups[0].Refused) != "PR1109" || got.Groups[0].Serving == nil {
		t.Errorf("another expired one: %+v", got)
	}
	// That it is there, refused, does not make it one that is served.
	write(t, s.dir, "policy.yaml", policy("a", "/d"))
	must(t, s.Reload(t.Context(), input.Change{}))
	if got := s.Status(); codes(got.Diagnostics) != "PR1109" || len(got.Groups[0].Refused) != 1 {
		t.Errorf("an edit beside a refused certificate: %+v", got)
	}
	if after := s.last(t); after[resourcev3.ExtensionConfigType] != good[resourcev3.ExtensionConfigType] {
		t.Error("the last good generation does not stay")
	}

	s.issue(t, 24*time.Hour)
	must(t, s.Reload(t.Context(), input.Change{}))
	if got := s.Status(); codes(got.Diagnostics) != "" || s.last(t)[resourcev3.SecretType] == first[resourcev3.SecretType] {
		t.Errorf("a good one: %+v", got)
	}
}

// TestANewCertificateChangesSecretsOnly holds that nothing else gets another version.
func TestANewCertificateChangesSecretsOnly(t *testing.T) {
	s := newCertificateScene(t)
	s.issue(t, 24*time.Hour)
	s.Join(group())
	must(t, s.Reload(t.Context(), input.Change{}))
	before := s.last(t)
	s.issue(t, 24*time.Hour)
	must(t, s.Reload(t.Context(), input.Change{}))
	for kind, version := range s.last(t) {
		if changed := version != before[kind]; changed != (kind == resourcev3.SecretType) {
			t.Errorf("%s: changed is %v", kind, changed)
		}
	}
}

// TestTheLogSpeaksOfCertificatesThatEnd holds that it does so from thirty days before the
// end on, and once a day.
func TestTheLogSpeaksOfCertificatesThatEnd(t *testing.T) {
	s := newCertificateScene(t)
	s.issue(t, 31*24*time.Hour+time.Hour)
	must(t, s.Reload(t.Context(), input.Change{}))
	said := func() int { return strings.Count(s.log.String(), "a certificate ends soon") }
	warner := reload.NewCertificates(s.Reloader)
	for _, step := range []struct {
		pass time.Duration
		want int
	}{{0, 0}, {2 * time.Hour, 1}, {time.Hour, 1}, {24 * time.Hour, 2}, {40 * 24 * time.Hour, 3}} {
		s.clock.pass(step.pass)
		warner.Warn()
		if got := said(); got != step.want {
			t.Errorf("after another %v it was said %d times, want %d", step.pass, got, step.want)
		}
	}
	if strings.Contains(s.log.String(), "BEGIN") {
		t.Error("the log has a certificate or key")
	}
}

func TestCertificateMetric(t *testing.T) {
	s := newCertificateScene(t)
	s.issue(t, 24*time.Hour)
	must(t, s.Reload(t.Context(), input.Change{}))
	s.clock.pass(s.Status().Certificates[0].NotAfter.Add(-time.Minute).Sub(s.clock.now()))
	registry := prometheus.NewRegistry()
	registry.MustRegister(reload.NewCertificates(s.Reloader))
	got, err := registry.Gather()
	must(t, err)
	if len(got) != 1 || got[0].GetName() != "portreeve_certificate_expiry_seconds" || len(got[0].GetMetric()) != 1 || got[0].GetMetric()[0].GetGauge().GetValue() != 60 {
		t.Errorf("the metrics are %v", got)
	}
}

// TestHalfAPair holds that a certificate without its key, as there is for a moment while
// files are replaced one by one, refuses the generation and takes nothing away.
func TestHalfAPair(t *testing.T) {
	s := newCertificateScene(t)
	s.issue(t, 24*time.Hour)
	s.Join(group())
	must(t, s.Reload(t.Context(), input.Change{}))
	before := len(s.published.sent[group().Key])
	key := filepath.Join(s.secrets, "web", "tls.key")
	must(t, os.Remove(key))
	must(t, s.Reload(t.Context(), input.Change{Settled: []string{key}}))
	if got := s.Status(); codes(got.Diagnostics) != "PR1104" || got.Diagnostics.Errors()[0].Pos.File != filepath.Join(s.secrets, "web", "tls.crt") {
		t.Errorf("without the key: %v", got.Diagnostics)
	}
	if got := len(s.published.sent[group().Key]); got != before {
		t.Errorf("published %d times, want %d", got, before)
	}
}
