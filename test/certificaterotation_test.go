package test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/diag"
)

// secureLoad is clients that each ask on one connection over TLS without a pause.
type secureLoad struct {
	cancel   context.CancelFunc
	done     sync.WaitGroup
	mu       sync.Mutex
	requests int
	failed   []error
}

func (s *secureScene) startLoad(t *testing.T, name string, clients int) *secureLoad {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &secureLoad{cancel: cancel}
	for range clients {
		c, err := s.handshake(t, name, nil)
		must(t, err)
		must(t, c.SetDeadline(time.Time{}))
		l.done.Go(func() { l.client(ctx, c, name) })
	}
	t.Cleanup(l.stop)
	return l
}

// client asks until the load ends, or until its connection does.
func (l *secureLoad) client(ctx context.Context, c *secureClient, name string) {
	for ctx.Err() == nil {
		status, header, _, err := c.get(name, "/")
		if err == nil && status != 200 {
			err = fmt.Errorf("status %d", status)
		}
		if err == nil && header.Get("Connection") == "close" {
			err = errors.New("the answer announces that the connection is closed")
		}
		l.mu.Lock()
		l.requests++
		if err != nil {
			l.failed = append(l.failed, err)
		}
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// further waits until the load has had more answers.
func (l *secureLoad) further(t *testing.T, more int) {
	t.Helper()
	count := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.requests + len(l.failed)*more
	}
	target := count() + more
	eventually(t, "the load goes on", func() bool { return count() >= target })
}

func (l *secureLoad) stop() {
	l.cancel()
	l.done.Wait()
}

// updates are Envoy's counters of what it was sent, by discovery service.
func (s *secureScene) updates(t *testing.T) map[string]uint64 {
	t.Helper()
	all, err := s.gateway.Stats(t.Context(), `(update_success|config_reload)$`)
	must(t, err)
	out := map[string]uint64{}
	for name, value := range all {
		if regexp.MustCompile(`(lds|cds|rds\..*|extension_config_discovery\..*|sds\..*|cluster\..*)\.(update_success|config_reload)$`).MatchString(name) {
			out[name] = value
		}
	}
	return out
}

// withoutSecrets leaves the counters out that secrets move.
func withoutSecrets(counters map[string]uint64) map[string]uint64 {
	out := map[string]uint64{}
	for name, value := range counters {
		if !strings.Contains(name, "sds.") {
			out[name] = value
		}
	}
	return out
}

// TestACertificateRotationLosesNoRequest replaces certificates again and again under load: no request
// fails and no connection ends, new connections see the new certificate, and Envoy is sent nothing but
// secrets.
func TestACertificateRotationLosesNoRequest(t *testing.T) {
	a := newAuthority(t)
	secretsDir := t.TempDir()
	put := func(c tls.Certificate) {
		// As Kubernetes mounts a Secret: the files are replaced together, by a symlink.
		certificate, key := pems(t, c)
		data := fmt.Sprintf("..%d", time.Now().UnixNano())
		must(t, os.MkdirAll(filepath.Join(secretsDir, "files", data), 0o700))
		write(t, filepath.Join(secretsDir, "files", data, "tls.crt"), certificate)
		write(t, filepath.Join(secretsDir, "files", data, "tls.key"), key)
		must(t, os.Symlink(data, filepath.Join(secretsDir, "files", "..new")))
		must(t, os.Rename(filepath.Join(secretsDir, "files", "..new"), filepath.Join(secretsDir, "files", "..data")))
	}
	put(a.issue(t, "files.test"))
	for _, name := range []string{"tls.crt", "tls.key"} {
		must(t, os.Symlink("..data/"+name, filepath.Join(secretsDir, "files", name)))
	}
	s := newSecureScene(t, a, secretOf(t, "one", a.issue(t, "one.test")), func(port int) []string {
		return []string{
			server(port, "one", "HTTPS", "one.test", "mode: SIMPLE, credentialName: one"),
			server(port, "files", "HTTPS", "files.test", "mode: SIMPLE, credentialName: files"),
		}
	}, "--secrets-dir", secretsDir)
	for name, rotate := range map[string]func(tls.Certificate){
		"one.test":   func(c tls.Certificate) { replace(t, s.secrets, secretOf(t, "one", c)) },
		"files.test": put,
	} {
		t.Run(name, func(t *testing.T) {
			l := s.startLoad(t, name, 8)
			before, began := s.updates(t), time.Now()
			closed := s.gateway.MustCounter(t, "http.outbound_"+fmt.Sprintf("127.0.0.1_%d", s.port)+".downstream_cx_active")
			if closed < 8 {
				t.Errorf("%d connections, want the load's", closed)
			}
			const rotations = 10
			var slowest time.Duration
			for range rotations {
				next := a.issue(t, name)
				start := time.Now()
				rotate(next)
				eventually(t, "the new certificate is served", func() bool { return s.shownCertificate(t, name) == string(next.Certificate[0]) })
				slowest = max(slowest, time.Since(start))
				l.further(t, 100)
			}
			l.stop()
			if len(l.failed) > 0 {
				t.Errorf("%d of %d requests failed, first: %v", len(l.failed), l.requests, l.failed[0])
			}
			after := s.updates(t)
			if diff := cmp.Diff(withoutSecrets(before), withoutSecrets(after)); diff != "" {
				t.Errorf("more than secrets was sent (-before +after):\n%s", diff)
			}
			if len(after) == len(withoutSecrets(after)) || cmp.Equal(before, after) {
				t.Errorf("the counters of secrets did not move: %v", after)
			}
			t.Logf("%d rotations in %v, slowest %v from write to new handshake; %d requests on 8 connections, 0 failed", rotations, time.Since(began).Round(time.Millisecond), slowest.Round(time.Millisecond), l.requests)
		})
	}
}

// TestABrokenCertificateKeepsTheLastGood breaks the certificate in every way and holds that
// the last good one stays, that the finding says where, and that mending it is enough.
func TestABrokenCertificateKeepsTheLastGood(t *testing.T) {
	a := newAuthority(t)
	good := a.issue(t, "one.test")
	s := newSecureScene(t, a, secretOf(t, "one", good), func(port int) []string {
		return []string{server(port, "one", "HTTPS", "one.test", "mode: SIMPLE, credentialName: one")}
	})
	certificate, _ := pems(t, a.issue(t, "one.test"))
	_, key := pems(t, good)
	for name, c := range map[string]struct {
		secret string
		code   diag.Code
		line   int
	}{
		"expired":         {secretOf(t, "one", a.ended(t, "one.test")), diag.CodeExpired, 7},
		"another's key":   {secretWith("one", "tls.crt", certificate, "tls.key", key), diag.CodeKeyMismatch, 0},
		"no key":          {secretWith("one", "tls.crt", certificate), diag.CodePrivateKey, 7},
		"not PEM":         {secretWith("one", "tls.crt", "nonsense", "tls.key", key), diag.CodeCertificate, 7},
		"another name":    {secretOf(t, "other", good), diag.CodeCredential, 0},
		"not YAML at all": {"apiVersion: v1\nkind: Secret\ndata: {tls.key: [\n" + key, diag.CodeYAML, 0},
	} {
		t.Run(name, func(t *testing.T) {
			replace(t, s.secrets, c.secret)
			eventually(t, "the finding is told", func() bool {
				status, err := s.status(t)
				must(t, err)
				for _, f := range status.Diagnostics.Errors() {
					if f.Code == c.code && f.Pos.Line > 0 && (c.line == 0 || f.Pos.Line == c.line) {
						return true
					}
				}
				return false
			})
			if got := s.shownCertificate(t, "one.test"); got != string(good.Certificate[0]) {
				t.Error("the last good certificate is not served")
			}
			if got := s.secureStatus(t, "one.test", "one.test", nil); got != 200 {
				t.Errorf("status %d", got)
			}
			good = a.issue(t, "one.test")
			replace(t, s.secrets, secretOf(t, "one", good))
			eventually(t, "a good certificate is taken up", func() bool { return s.shownCertificate(t, "one.test") == string(good.Certificate[0]) })
		})
	}
}

// TestASecretCountsInTheGatewaysNamespaceOnly holds that a Secret counts in the gateway's namespace only:
// another gateway gets no listener, and is told why.
func TestASecretCountsInTheGatewaysNamespaceOnly(t *testing.T) {
	a := newAuthority(t)
	s := newSecureScene(t, a, secretOf(t, "one", a.issue(t, "one.test")), func(port int) []string {
		return []string{server(port, "one", "HTTPS", "one.test", "mode: SIMPLE, credentialName: one")}
	})
	other := s.startGateway(t, envoytest.Options{Until: envoytest.AdminOpen}, "--namespace", "elsewhere")
	var out, errs strings.Builder
	eventually(t, "status says what is missing", func() bool {
		out.Reset()
		code := run(t.Context(), []string{"status", "--admin-address", s.admin}, &out, &errs)
		return code == exitFindings && strings.Contains(out.String(), "no Secret one is in the namespace elsewhere")
	})
	eventually(t, "the log says it", func() bool { return strings.Contains(s.log.String(), "no Secret one is in the namespace elsewhere") })
	if listeners, err := other.Listeners(t.Context()); err != nil || len(listeners) > 0 {
		t.Errorf("it listens: %v, %v", listeners, err)
	}
	if status, text := s.get("/readyz"); status != 200 {
		t.Errorf("/readyz: %d %s", status, text)
	}
}

// TestStatusTellsTheDaysThatACertificateHasLeft holds that status and metrics tell how long
// certificates are still good.
func TestStatusTellsTheDaysThatACertificateHasLeft(t *testing.T) {
	a := newAuthority(t)
	s := newSecureScene(t, a, secretOf(t, "one", a.issue(t, "one.test"), a.pem()), func(port int) []string {
		return []string{server(port, "one", "HTTPS", "one.test", "mode: MUTUAL, credentialName: one")}
	})
	var out, errs strings.Builder
	if code := run(t.Context(), []string{"status", "--admin-address", s.admin}, &out, &errs); code != exitClean {
		t.Errorf("status: exit %d", code)
	}
	for _, want := range []string{"certificate istio-system/one (one.test): 0 days left, valid until ", "authority istio-system/one (CN=test authority): 0 days left, valid until "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("status lacks %q:\n%s", want, out.String())
		}
	}
	_, metrics := s.get("/metrics")
	for _, kind := range []string{"server", "authority"} {
		seconds := regexp.MustCompile(`portreeve_certificate_expiry_seconds\{kind="` + kind + `",name="one",namespace="istio-system"\} (3[0-9]{3}|2[0-9]{3})`)
		if !seconds.MatchString(metrics) {
			t.Errorf("no metric of the %s: %s", kind, metrics)
		}
	}
}

// TestNoKeyIsTold looks for a private key in everything that the program prints, logs,
// serves and keeps, while it is good and while it is broken.
func TestNoKeyIsTold(t *testing.T) {
	a := newAuthority(t)
	state, secretsDir := t.TempDir(), t.TempDir()
	one, files := a.issue(t, "one.test"), a.issue(t, "files.test")
	_, oneKey := pems(t, one)
	filesCertificate, filesKey := pems(t, files)
	must(t, os.Mkdir(filepath.Join(secretsDir, "files"), 0o700))
	write(t, filepath.Join(secretsDir, "files", "tls.crt"), filesCertificate)
	write(t, filepath.Join(secretsDir, "files", "tls.key"), filesKey)
	s := newSecureScene(t, a, secretOf(t, "one", one), func(port int) []string {
		return []string{
			server(port, "one", "HTTPS", "one.test", "mode: SIMPLE, credentialName: one"),
			server(port, "files", "HTTPS", "files.test", "mode: SIMPLE, credentialName: files"),
		}
	}, "--secrets-dir", secretsDir, "--state-dir", state)
	said := &telling{plane: s.plane, flags: []string{"--secrets-dir", secretsDir}}
	said.everything(t)
	for _, want := range []string{"kubernetes://one", "kubernetes://files", "BEGIN CERTIFICATE", "[redacted]"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("nothing was said of %s, so this test cannot find anything", want)
		}
	}
	// Broken in ways that findings stand beside the key, also where nothing can be parsed.
	for i, broken := range []string{
		strings.Replace(secretOf(t, "one", one), "tls.crt", "tls.cert", 1),
		strings.Replace(secretOf(t, "one", one), "-----BEGIN PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\nAAAA", 1),
		strings.Replace(secretOf(t, "one", one), "stringData:", "stringData: {tls.key: \"", 1),
		strings.ReplaceAll(secretOf(t, "one", one), "\n    ", "\n"),
		strings.Replace(secretOf(t, "one", one), "stringData:\n", "stringdata:\n", 1),
		// No manifest at all: the key alone, and the key where its path should be.
		oneKey,
		"a: " + strings.ReplaceAll(oneKey, "\n", " "),
		secretOf(t, "one", one) + "---\n" + strings.Replace(secureRouting(1, 1, server(1, "a", "HTTPS", `"*"`, fmt.Sprintf("mode: SIMPLE, serverCertificate: /a, privateKey: %q", oneKey))), "name: gateway", "name: inline", 1),
	} {
		replace(t, s.secrets, broken)
		eventually(t, fmt.Sprintf("the breakage %d is seen", i), func() bool {
			status, err := s.status(t)
			return err == nil && status.Diagnostics.HasErrors()
		})
		said.everything(t)
		replace(t, s.secrets, secretOf(t, "one", one))
		eventually(t, "it is mended", func() bool {
			status, err := s.status(t)
			return err == nil && !status.Diagnostics.HasErrors()
		})
	}
	said.end()
	said.holdsNothingOf(t, "the manifest's", oneKey)
	said.holdsNothingOf(t, "the directory's", filesKey)
	kept := filepath.Join(state, "generations.json")
	info, err := os.Stat(kept)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the state has the mode %v", info.Mode())
	}
}
