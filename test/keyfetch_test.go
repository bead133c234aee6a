package test

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/internal/jwks"
)

// issuer is the server of a token issuer. What it answers can be changed at any time.
type issuer struct {
	server *httptest.Server
	mu     sync.Mutex
	answer http.HandlerFunc
}

func newIssuer(t *testing.T, start func(*httptest.Server)) *issuer {
	t.Helper()
	i := &issuer{}
	i.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.mu.Lock()
		answer := i.answer
		i.mu.Unlock()
		answer(w, r)
	}))
	start(i.server)
	t.Cleanup(i.server.Close)
	return i
}

func (i *issuer) does(answer http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = answer
}

// publishes makes the issuer answer with a key set.
func (i *issuer) publishes(t *testing.T, keys ...signingKey) {
	t.Helper()
	set := keySet(t, keys...)
	i.does(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, set) })
}

// trusting is a policy that asks for a token of one issuer. Each edition is another
// policy, which makes the control plane fetch at once.
func trusting(uri string, edition int) string { return patientlyTrusting(uri, edition, time.Second) }

// patientlyTrusting is trusting with the time that a fetch may take.
func patientlyTrusting(uri string, edition int, timeout time.Duration) string {
	return fmt.Sprintf(`apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: istio-system}
spec: {jwtRules: [{issuer: a, jwksUri: %q, timeout: %s, outputPayloadToHeader: x-edition-%d}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: tokens, namespace: istio-system}
spec: {rules: [{from: [{source: {requestPrincipals: ["*"]}}]}]}
`, uri, timeout, edition)
}

// keyScene is a gateway whose policy takes keys from an issuer.
type keyScene struct {
	*plane
	policy, address string
	issuer          *issuer
	edition         int
}

func newKeyScene(t *testing.T, i *issuer, flags ...string) *keyScene {
	t.Helper()
	port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	s := &keyScene{issuer: i}
	dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, backend.Port()), "policy.yaml": trusting(i.server.URL, s.edition)})
	s.policy = filepath.Join(dir, "policy.yaml")
	s.plane = startPlane(t, dir, flags...)
	s.address = s.startGateway(t, envoytest.Options{}).MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	return s
}

// touch edits the policy, so that the keys are fetched again.
func (s *keyScene) touch(t *testing.T) {
	t.Helper()
	s.edition++
	replace(t, s.policy, trusting(s.issuer.server.URL, s.edition))
}

// source returns what the control plane says of the issuer's keys.
func (s *keyScene) source(t *testing.T) jwks.SourceStatus {
	t.Helper()
	status, err := s.status(t)
	if err != nil || len(status.Keys) != 1 {
		t.Fatalf("keys %+v, %v; want one source", status.Keys, err)
	}
	return status.Keys[0]
}

// edited reports whether the latest edition of the policy is what the gateway is served.
func (s *keyScene) edited(t *testing.T) bool {
	t.Helper()
	_, text := s.get("/debug/config")
	return strings.Contains(text, fmt.Sprintf("x-edition-%d", s.edition))
}

func (s *keyScene) verdict(t *testing.T, key signingKey) int {
	t.Helper()
	return ask(t, s.address, "/", bearer(key.token(t, "a", nil))...).Status
}

// rotates has the issuer publish other keys and the control plane fetch them, and holds that
// what follows from it is seen at the gateway at most a second after they were handed out.
func (s *keyScene) rotates(t *testing.T, what string, holds func() bool, keys ...signingKey) {
	t.Helper()
	set, handed := keySet(t, keys...), make(chan time.Time, 100)
	s.issuer.does(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, set)
		handed <- time.Now()
	})
	s.touch(t)
	eventually(t, what, holds)
	took := time.Since(<-handed)
	t.Logf("%s: %v after the refresh", what, took)
	if took > time.Second {
		t.Errorf("%s: %v after the refresh, want at most 1 s", what, took)
	}
}

func TestKeysRotate(t *testing.T) {
	envoytest.Require(t)
	first, second := newSigningKey(t), newSigningKey(t)
	i := newIssuer(t, (*httptest.Server).Start)
	i.publishes(t, first)
	s := newKeyScene(t, i)
	eventually(t, "the first key is there", func() bool { return s.verdict(t, first) == 200 })
	if got := s.verdict(t, second); got != 401 {
		t.Errorf("a key that is not published: %d, want 401", got)
	}
	s.rotates(t, "the second key is there", func() bool { return s.verdict(t, second) == 200 }, first, second)
	if got := s.verdict(t, first); got != 200 {
		t.Errorf("the first key while both are published: %d, want 200", got)
	}
	s.rotates(t, "the first key is gone", func() bool { return s.verdict(t, first) == 401 }, second)
	if got := s.verdict(t, second); got != 200 {
		t.Errorf("the second key: %d, want 200", got)
	}
}

// TestABadAnswerKeepsTheLastGoodKeys holds for each way in which an issuer can be unwell.
func TestABadAnswerKeepsTheLastGoodKeys(t *testing.T) {
	envoytest.Require(t)
	key := newSigningKey(t)
	i := newIssuer(t, (*httptest.Server).Start)
	i.publishes(t, key)
	s := newKeyScene(t, i)
	eventually(t, "the key is there", func() bool { return s.verdict(t, key) == 200 })
	for name, answer := range map[string]http.HandlerFunc{
		"a page instead of keys": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>login</html>")) },
		"an error":               func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"no answer in time":      func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"a way to the metadata": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/keys", http.StatusFound)
		},
		"two MiB": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(strings.Repeat(" ", 2<<20))) },
		"no key":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) },
	} {
		t.Run(name, func(t *testing.T) {
			i.does(answer)
			s.touch(t)
			eventually(t, "the failure is told", func() bool { return s.source(t).Error != "" })
			t.Logf("status says: %s", s.source(t).Error)
			if got := s.verdict(t, key); got != 200 {
				t.Errorf("with the last good key: %d, want 200", got)
			}
			i.publishes(t, key)
			s.touch(t)
			eventually(t, "the recovery is told", func() bool { return s.source(t).Error == "" })
		})
	}
}

func TestAnIssuerIsBelievedByItsAuthorityOnly(t *testing.T) {
	envoytest.Require(t)
	key := newSigningKey(t)
	i := newIssuer(t, (*httptest.Server).StartTLS)
	i.publishes(t, key)
	t.Run("is not believed", func(t *testing.T) {
		s := newKeyScene(t, i)
		eventually(t, "the failure is told", func() bool { return s.source(t).Error != "" })
		if got := s.verdict(t, key); got != 401 {
			t.Errorf("%d, want 401", got)
		}
	})
	t.Run("unless its authority is given", func(t *testing.T) {
		authority := filepath.Join(t.TempDir(), "ca.pem")
		write(t, authority, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.server.Certificate().Raw})))
		s := newKeyScene(t, i, "--jwks-ca-file", authority)
		eventually(t, "the key is there", func() bool { return s.verdict(t, key) == 200 })
	})
}

// TestAServerNoLongerBelievedTakesNoKeysAway holds that a server that is no longer believed takes no
// keys away.
func TestAServerNoLongerBelievedTakesNoKeysAway(t *testing.T) {
	envoytest.Require(t)
	ours, theirs, key, other := newAuthority(t), newAuthority(t), newSigningKey(t), newSigningKey(t)
	var certificate atomic.Pointer[tls.Certificate]
	show := func(a authority) {
		issued := a.issue(t, "127.0.0.1")
		certificate.Store(&issued)
	}
	show(ours)
	i := newIssuer(t, func(s *httptest.Server) {
		s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*certificate.Load()}}, nil
		}}
		s.StartTLS()
	})
	i.publishes(t, key)
	s := newKeyScene(t, i, "--jwks-ca-file", ours.file)
	eventually(t, "the key is there", func() bool { return s.verdict(t, key) == 200 })
	show(theirs)
	i.publishes(t, other)
	s.touch(t)
	eventually(t, "the failure is told", func() bool { return strings.Contains(s.source(t).Error, "certificate") })
	eventually(t, "the edit is served", func() bool { return s.edited(t) })
	if got := s.verdict(t, key); got != 200 {
		t.Errorf("with the last good key: %d, want 200", got)
	}
	if got := s.verdict(t, other); got != 401 {
		t.Errorf("with the key of who is not believed: %d, want 401", got)
	}
}

// TestTheControlPlaneOutlivesAnIssuerThatIsDown holds for a start: nothing opens, and the keys arrive
// soon after the issuer; and for a restart: the keys that were there still count.
func TestTheControlPlaneOutlivesAnIssuerThatIsDown(t *testing.T) {
	envoytest.Require(t)
	key := newSigningKey(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	i := newIssuer(t, func(s *httptest.Server) { s.URL = "http://" + address })
	s := newKeyScene(t, i, "--state-dir", state)
	eventually(t, "the failure is told", func() bool { return s.source(t).Error != "" })
	if got := s.verdict(t, key); got != 401 {
		t.Errorf("before the issuer is up: %d, want 401", got)
	}
	if got := ask(t, s.address, "/").Status; got != 403 {
		t.Errorf("without a token: %d, want 403", got)
	}
	// However long it was down: an edit of its policy ends the pause, and begins it anew.
	s.touch(t)
	eventually(t, "the edit is read", func() bool { return s.edited(t) })
	i.publishes(t, key)
	up := startOn(t, i, address)
	since := time.Now()
	eventually(t, "the keys are there", func() bool { return s.verdict(t, key) == 200 })
	took := time.Since(since)
	t.Logf("200 after the issuer is up: %v", took)
	if took > 2*time.Second {
		t.Errorf("200 came %v after the issuer was up, want at most 2 s", took)
	}
	up.Close()

	s.stop()
	again := startPlane(t, s.dir, "--state-dir", state)
	port := envoytest.FreePort(t)
	write(t, filepath.Join(s.dir, "routing.yaml"), routing(port, envoytest.RunBackend(t).Port()))
	restarted := again.startGateway(t, envoytest.Options{}).MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	if got := ask(t, restarted, "/", bearer(key.token(t, "a", nil))...).Status; got != 200 {
		t.Errorf("after a restart with the issuer down: %d, want 200", got)
	}
}

// startOn starts the issuer on an address that was chosen before.
func startOn(t *testing.T, i *issuer, address string) *httptest.Server {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: i.server.Config.Handler, ReadHeaderTimeout: bound}}
	server.Start()
	t.Cleanup(server.Close)
	return server
}
