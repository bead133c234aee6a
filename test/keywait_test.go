package test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// slowness is what an issuer takes to answer.
const slowness = 300 * time.Millisecond

// newSlowIssuer publishes the keys of each set at an address of its own, slowly.
func newSlowIssuer(t *testing.T, sets ...policySet) *issuer {
	t.Helper()
	i := newIssuer(t, (*httptest.Server).Start)
	pages := map[string]string{}
	for n, s := range sets {
		pages[fmt.Sprintf("/%d", n)] = keySet(t, s.key)
	}
	i.does(func(w http.ResponseWriter, r *http.Request) {
		pause := time.NewTimer(slowness)
		defer pause.Stop()
		<-pause.C
		_, _ = io.WriteString(w, pages[r.URL.Path])
	})
	return i
}

// fetchedPolicy is the policy of a set whose keys are at an address.
func (s policySet) fetchedPolicy(uri string) string {
	return fmt.Sprintf(`apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: istio-system}
spec:
  jwtRules:
  - {issuer: %s, jwksUri: %q, timeout: 2s}
  - {issuer: %s, jwksUri: %q, timeout: 2s}
`, s.issuer, uri, sharedIssuer, uri) + s.rules()
}

// TestAJointEditWaitsForTheKeys edits an issuer's address together with the rules, under load
// on open connections: what was served stays until the keys at the new address are there.
func TestAJointEditWaitsForTheKeys(t *testing.T) {
	envoytest.Require(t)
	sets := [2]policySet{
		{issuer: "first.example", role: "reader", key: newSigningKey(t), extra: "/first"},
		{issuer: "second.example", role: "writer", key: newSigningKey(t), extra: "/second"},
	}
	i := newSlowIssuer(t, sets[:]...)
	policies := [2]string{sets[0].fetchedPolicy(i.server.URL + "/0"), sets[1].fetchedPolicy(i.server.URL + "/1")}
	flipJointly(t, newScene(t, policies[0]), policies, questions(t, sets), 20, 8)
}

// TestAMoveOfTheKeysRefusesNobody moves the address of the keys of one issuer, which are the
// same at both.
func TestAMoveOfTheKeysRefusesNobody(t *testing.T) {
	envoytest.Require(t)
	set := policySet{issuer: "first.example", role: "reader", key: newSigningKey(t), extra: "/first"}
	i := newSlowIssuer(t, set, set)
	s := newScene(t, set.fetchedPolicy(i.server.URL+"/0"))
	l := startTokenLoad(t, s.address, set)
	for n := 1; n <= 6; n++ {
		uri := fmt.Sprintf("%s/%d", i.server.URL, n%2)
		replace(t, s.policy, set.fetchedPolicy(uri))
		eventually(t, "the keys come from there", func() bool {
			status, err := s.status(t)
			return err == nil && len(status.Keys) == 1 && status.Keys[0].URI == uri && len(status.Waiting) == 0
		})
	}
	l.stop(t)
}

// TestARestartWithoutStateRefusesNobody holds that a control plane that knows no keys yet
// leaves the gateway what it has.
func TestARestartWithoutStateRefusesNobody(t *testing.T) {
	envoytest.Require(t)
	set := policySet{issuer: "first.example", role: "reader", key: newSigningKey(t), extra: "/first"}
	i := newSlowIssuer(t, set)
	s := newScene(t, set.fetchedPolicy(i.server.URL+"/0"))
	l := startTokenLoad(t, s.address, set)
	for range 3 {
		s.stop()
		s.start(t)
		eventually(t, "the gateway is served again", func() bool {
			status, err := s.status(t)
			return err == nil && len(status.Groups) == 1 && status.Groups[0].Serving != nil && len(status.Keys) == 1 && status.Keys[0].Keys == 1
		})
	}
	set.extra = "/other"
	replace(t, s.policy, set.fetchedPolicy(i.server.URL+"/0"))
	eventually(t, "an edit is enforced", func() bool { return ask(t, s.address, "/other").Status == 200 })
	l.stop(t)
}

// TestAnEditToASilentIssuerCountsWhenTheFetchHasFailed holds that the old policy stays for as long as
// a fetch may take and that the new one counts then, closed.
func TestAnEditToASilentIssuerCountsWhenTheFetchHasFailed(t *testing.T) {
	envoytest.Require(t)
	key := newSigningKey(t)
	i := newIssuer(t, (*httptest.Server).Start)
	i.publishes(t, key)
	s := newKeyScene(t, i)
	eventually(t, "the key is there", func() bool { return s.verdict(t, key) == 200 })
	silent, timeout := silentIssuer(t), 2*time.Second
	s.edition++
	began := time.Now()
	replace(t, s.policy, patientlyTrusting(silent, s.edition, timeout))
	eventually(t, "the status says what is waited for", func() bool {
		status, err := s.status(t)
		return err == nil && len(status.Groups) == 1 && strings.Join(status.Groups[0].Waiting, " ") == silent
	})
	var out, errs strings.Builder
	run(t.Context(), []string{"status", "--admin-address", s.admin}, &out, &errs)
	if !strings.Contains(out.String(), "stays on generation 1") || !strings.Contains(out.String(), "until the keys of "+silent) {
		t.Errorf("status: %s%s", out.String(), errs.String())
	}
	if code, text := s.get("/readyz"); code != 200 || !strings.Contains(text, "waits for the keys of "+silent) {
		t.Errorf("/readyz: %d %s", code, text)
	}
	eventually(t, "the new policy counts", func() bool { return s.verdict(t, key) == 401 })
	took := time.Since(began)
	t.Logf("the new policy counts %v after the edit; a fetch may take %v", took, timeout)
	if took < timeout || took > timeout+time.Second {
		t.Errorf("the new policy counts after %v, want when a fetch that may take %v has failed", took, timeout)
	}
	if !s.edited(t) {
		t.Error("the new policy is not served")
	}
}

// TestAStartWithASilentIssuerOpensWhenTheFetchHasFailed holds that the listeners open when a fetch has
// failed.
func TestAStartWithASilentIssuerOpensWhenTheFetchHasFailed(t *testing.T) {
	envoytest.Require(t)
	port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	silent, timeout := silentIssuer(t), 2*time.Second
	dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, backend.Port()), "policy.yaml": patientlyTrusting(silent, 0, timeout)})
	began := time.Now()
	p := startPlane(t, dir)
	if code, text := p.get("/readyz"); code != 503 || !strings.Contains(text, "waits for the keys of "+silent) {
		t.Errorf("/readyz: %d %s", code, text)
	}
	eventually(t, "it is ready", func() bool {
		code, _ := p.get("/readyz")
		return code == 200
	})
	took := time.Since(began)
	t.Logf("ready %v after the start; a fetch may take %v", took, timeout)
	if took < timeout || took > timeout+2*time.Second {
		t.Errorf("ready %v after the start, want when a fetch that may take %v has failed", took, timeout)
	}
	address := p.startGateway(t, envoytest.Options{}).MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	if got := ask(t, address, "/", bearer(newSigningKey(t).token(t, "a", nil))...).Status; got != 401 {
		t.Errorf("a token: %d, want 401", got)
	}
}

// TestFlagsThatDoNotCountAreTold holds that the operator is told.
func TestFlagsThatDoNotCountAreTold(t *testing.T) {
	dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(1, 2)})
	for name, tc := range map[string]struct {
		flags []string
		want  bool
	}{
		"addresses, gateways fetch":       {[]string{"--jwks-fetch", "envoy", "--jwks-block-cidr", "10.0.0.0/8"}, true},
		"authorities, gateways fetch":     {[]string{"--jwks-fetch", "envoy", "--jwks-ca-file", newAuthority(t).file}, true},
		"neither":                         {[]string{"--jwks-fetch", "envoy"}, false},
		"both, the control plane fetches": {[]string{"--jwks-block-cidr", "10.0.0.0/8", "--jwks-ca-file", newAuthority(t).file}, false},
	} {
		p := startPlane(t, dir, tc.flags...)
		p.stop()
		if got := strings.Contains(p.log.String(), "do not count where gateways fetch keys"); got != tc.want {
			t.Errorf("%s: told %v, want %v:\n%s", name, got, tc.want, p.log)
		}
	}
}

// tokenLoad is clients that ask with a token that is to be let in all the time.
type tokenLoad struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	mu     sync.Mutex
	right  int
	wrong  map[int]int
}

func startTokenLoad(t *testing.T, address string, set policySet) *tokenLoad {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	l := &tokenLoad{cancel: cancel, wrong: map[int]int{}}
	q := question{path: "/guarded", token: set.key.token(t, set.issuer, map[string]any{"role": set.role})}
	for range 8 {
		c := dial(t, address)
		l.done.Go(func() { l.client(ctx, t, c, address, q) })
	}
	return l
}

func (l *tokenLoad) client(ctx context.Context, t *testing.T, c *envoytest.Client, address string, q question) {
	t.Helper()
	for ctx.Err() == nil {
		status, err := q.ask(c, address)
		if err != nil {
			t.Error(err)
			return
		}
		l.mu.Lock()
		if status == 200 {
			l.right++
		} else {
			l.wrong[status]++
		}
		l.mu.Unlock()
	}
}

// stop ends the load and holds that every answer was right.
func (l *tokenLoad) stop(t *testing.T) {
	t.Helper()
	l.cancel()
	l.done.Wait()
	if len(l.wrong) > 0 || l.right == 0 {
		t.Errorf("%d requests were let in, wrong answers: %v", l.right, l.wrong)
	}
	t.Logf("%d requests were let in, wrong answers: %v", l.right, l.wrong)
}
