package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/diag"
)

// What other control planes that read files get wrong, each held here on a real gateway.
// Edits and ConfigMap swaps are in edit_test.go, a killed control plane in killstorm_test.go and termination_test.go.

// enforced waits until the answer to a path is the status.
func (s *scene) enforced(t *testing.T, path string, status int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s answers %d", path, status), func() bool { return ask(t, s.address, path).Status == status })
}

func TestARemovedLineTakesEffect(t *testing.T) {
	envoytest.Require(t)
	s := newScene(t, denial("guard", "ingressgateway", "/one", "/two"))
	s.enforced(t, "/two", 403)
	replace(t, s.policy, denial("guard", "ingressgateway", "/one"))
	s.enforced(t, "/two", 200)
	if got := ask(t, s.address, "/one").Status; got != 403 {
		t.Errorf("/one: %d, want 403 by the line that stayed", got)
	}
	// With the last line everything shall pass, which is said.
	write(t, filepath.Join(s.dir, "open.yaml"), everythingPasses)
	must(t, os.Remove(s.policy))
	s.enforced(t, "/one", 200)
}

// litter are what lies beside policies and is none, made in a directory whose policy.yaml
// forbids /guarded. Each would open /guarded, or forbid /open, if it were read.
func litter() map[string]func(t *testing.T, dir string) {
	open, other := denial("guard", "ingressgateway", "/other"), denial("other", "ingressgateway", "/open")
	file := func(name, content string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			write(t, filepath.Join(dir, name), content)
		}
	}
	link := func(name, target string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			must(t, os.Symlink(target, filepath.Join(dir, name)))
		}
	}
	return map[string]func(*testing.T, string){
		"an editor's backup":           file("policy.yaml~", open),
		"another editor's backup":      file("policy.yaml.bak", open),
		"an editor's swap file":        file(".policy.yaml.swp", "b0VIM\x00"),
		"an editor's lock file":        link(".#policy.yaml", "somebody@somewhere.1"),
		"an editor's automatic copy":   file("#policy.yaml#", open),
		"a hidden file":                file(".policy.yaml", open),
		"a README":                     file("README.md", "# Policy\n\n```yaml\n"+other+"```\n"),
		"a symlink to the same file":   link("again.yaml", "policy.yaml"),
		"a symlink to the directory":   link("self", "."),
		"a symlink to itself, no YAML": link("loop.md", "loop.md"),
		"a dangling symlink, no YAML":  link("nowhere.md", "missing.md"),
		"an empty directory":           func(t *testing.T, dir string) { t.Helper(); must(t, os.Mkdir(filepath.Join(dir, "empty"), 0o700)) },
		"a hidden directory": func(t *testing.T, dir string) {
			t.Helper()
			must(t, os.Mkdir(filepath.Join(dir, ".git"), 0o700))
			write(t, filepath.Join(dir, ".git", "policy.yaml"), open)
		},
	}
}

// TestLitterNeitherOpensNorFreezesNorShadows puts everything beside the policy, one by one:
// the verdicts stay, no finding comes up, and an edit after each still takes effect.
func TestLitterNeitherOpensNorFreezesNorShadows(t *testing.T) {
	envoytest.Require(t)
	s := newScene(t, denial("guard", "ingressgateway", "/guarded"))
	i := 0
	for name, add := range litter() {
		add(t, s.dir)
		i++
		marker := fmt.Sprintf("/marker-%d", i)
		replace(t, s.policy, denial("guard", "ingressgateway", "/guarded", marker))
		eventually(t, name+": an edit still takes effect", func() bool { return ask(t, s.address, marker).Status == 403 })
		for path, want := range map[string]int{"/guarded": 403, "/open": 200} {
			if got := ask(t, s.address, path).Status; got != want {
				t.Errorf("%s: %s answers %d, want %d", name, path, got, want)
			}
		}
		if status, err := s.status(t); err != nil || status.Diagnostics.HasErrors() {
			t.Errorf("%s: %v, %v", name, status.Diagnostics, err)
		}
	}
	// And at the start, with all of it there.
	s.stop()
	again := startPlane(t, s.dir)
	if status, text := again.get("/readyz"); status != 200 {
		t.Errorf("a start among it: /readyz %d %s", status, text)
	}
}

// TestASymlinkThatLeadsNowhereKeepsTheLastGoodPolicy holds for links that may have been policy.
func TestASymlinkThatLeadsNowhereKeepsTheLastGoodPolicy(t *testing.T) {
	envoytest.Require(t)
	s := newScene(t, denial("guard", "ingressgateway", "/guarded"))
	for name, target := range map[string]string{"dangling.yaml": "missing.yaml", "loop.yaml": "loop.yaml"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(s.dir, name)
			must(t, os.Symlink(target, path))
			eventually(t, "the finding names the link", func() bool {
				_, text := s.get("/debug/status")
				return strings.Contains(text, name)
			})
			if got := ask(t, s.address, "/guarded").Status; got != 403 {
				t.Errorf("/guarded: %d, want 403", got)
			}
			must(t, os.Remove(path))
			eventually(t, "the finding goes with the link", func() bool {
				status, err := s.status(t)
				return err == nil && !status.Diagnostics.HasErrors()
			})
		})
	}
}

func TestASymlinkOutOfTheDirectoryIsFollowed(t *testing.T) {
	envoytest.Require(t)
	s := newScene(t, denial("guard", "ingressgateway", "/guarded"))
	outside := t.TempDir()
	write(t, filepath.Join(outside, "more.yaml"), denial("more", "ingressgateway", "/more"))
	must(t, os.Symlink(filepath.Join(outside, "more.yaml"), filepath.Join(s.dir, "linked.yaml")))
	s.enforced(t, "/more", 403)
	must(t, os.Mkdir(filepath.Join(outside, "folder"), 0o700))
	write(t, filepath.Join(outside, "folder", "deep.yaml"), denial("deep", "ingressgateway", "/deep"))
	must(t, os.Symlink(filepath.Join(outside, "folder"), filepath.Join(s.dir, "linked")))
	s.enforced(t, "/deep", 403)
	// What a link leads to goes away: that is an error, and opens nothing.
	must(t, os.RemoveAll(filepath.Join(outside, "folder")))
	eventually(t, "the finding names the link", func() bool {
		_, text := s.get("/readyz")
		return strings.Contains(text, filepath.Join(s.dir, "linked"))
	})
	for _, path := range []string{"/deep", "/more", "/guarded"} {
		if got := ask(t, s.address, path).Status; got != 403 {
			t.Errorf("%s: %d, want 403", path, got)
		}
	}
}

func TestANewSubdirectoryIsSeen(t *testing.T) {
	envoytest.Require(t)
	s := newScene(t, denial("guard", "ingressgateway", "/guarded"))
	deep := filepath.Join(s.dir, "team", "shop")
	must(t, os.MkdirAll(deep, 0o700))
	write(t, filepath.Join(deep, "policy.yaml"), denial("shop", "ingressgateway", "/shop"))
	s.enforced(t, "/shop", 403)
	replace(t, filepath.Join(deep, "policy.yaml"), denial("shop", "ingressgateway", "/basket"))
	s.enforced(t, "/basket", 403)
	s.enforced(t, "/shop", 200)
	must(t, os.RemoveAll(filepath.Join(s.dir, "team")))
	s.enforced(t, "/basket", 200)
}

func TestTheSameObjectInTwoFilesIsAnErrorWithBothPlaces(t *testing.T) {
	envoytest.Require(t)
	s := newScene(t, denial("guard", "ingressgateway", "/guarded"))
	write(t, filepath.Join(s.dir, "zz-copy.yaml"), "\n"+denial("guard", "ingressgateway", "/other"))
	eventually(t, "the finding names both places", func() bool {
		_, text := s.get("/readyz")
		return strings.Contains(text, "zz-copy.yaml:4:") && strings.Contains(text, "policy.yaml:3:")
	})
	if got := ask(t, s.address, "/guarded").Status; got != 403 {
		t.Errorf("/guarded: %d, want 403 by the last good policy", got)
	}
	if got := ask(t, s.address, "/other").Status; got != 200 {
		t.Errorf("/other: %d, want 200: neither of two is picked", got)
	}
}

// second is routing for gateways with another label.
func second(routing string) string {
	return strings.NewReplacer("name: gateway", "name: second", "istio: ingressgateway", "istio: second",
		"name: backend", "name: second", "gateways: [gateway]", "gateways: [second]", "backend.local", "second.local").Replace(routing)
}

// TestABadPolicyAtTheStartClosesOnlyItsGateways holds, for a misspelt action and for broken keys, that
// only the gateways that it selects stay closed; /readyz and status say why.
func TestABadPolicyAtTheStartClosesOnlyItsGateways(t *testing.T) {
	envoytest.Require(t)
	keys := `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: broken, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwtRules: [{issuer: a, jwks: '{"keys": [{"kty":"RSX"}]}'}]
`
	for name, broken := range map[string]string{
		"a misspelt action": strings.Replace(denial("broken", "ingressgateway", "/guarded"), "DENY", "DENNY", 1),
		"broken keys":       keys,
	} {
		t.Run(name, func(t *testing.T) {
			one, two, backend := envoytest.FreePort(t), envoytest.FreePort(t), envoytest.RunBackend(t)
			dir := newPolicyDir(t, map[string]string{
				"one.yaml": routing(one, backend.Port()), "two.yaml": second(routing(two, backend.Port())),
				"broken.yaml": broken, "fine.yaml": denial("fine", "second", "/guarded"),
			})
			p := startPlane(t, dir)
			reached := p.startGateway(t, envoytest.Options{Until: envoytest.AdminOpen})
			other := p.startGateway(t, envoytest.Options{}, "--labels", "istio=second").MustListener(t, fmt.Sprintf("127.0.0.1_%d", two))
			if got := ask(t, other, "/guarded").Status; got != 403 {
				t.Errorf("the other gateway, /guarded: %d, want 403", got)
			}
			if got := ask(t, other, "/open").Status; got != 200 {
				t.Errorf("the other gateway, /open: %d, want 200", got)
			}
			eventually(t, "both gateways are connected", func() bool {
				status, err := p.status(t)
				return err == nil && len(status.Gateways) == 2
			})
			if listeners, err := reached.Listeners(t.Context()); err != nil || len(listeners) > 0 {
				t.Errorf("the gateway that it selects listens: %v, %v", listeners, err)
			}
			if status, text := p.get("/readyz"); status != 503 || !strings.Contains(text, "broken.yaml:") {
				t.Errorf("/readyz: %d %s, want 503 and the finding", status, text)
			}
			var out, errs strings.Builder
			if code := run(t.Context(), []string{"status", "--admin-address", p.admin}, &out, &errs); code != exitFindings || !strings.Contains(out.String(), "broken.yaml:") {
				t.Errorf("status: exit %d, want %d and the finding: %s%s", code, exitFindings, &out, &errs)
			}
			out.Reset()
			if code := run(t.Context(), []string{"validate", dir}, &out, &errs); code != exitFindings || !strings.Contains(out.String(), "broken.yaml:") {
				t.Errorf("validate: exit %d, want %d and the finding: %s%s", code, exitFindings, &out, &errs)
			}
		})
	}
}

// TestAStartWaitsForAFileThatIsBeingWritten writes a policy for longer than a start waits, in
// pieces, of which the first is valid by itself and opens /guarded. No gateway is served
// before the last piece is there.
func TestAStartWaitsForAFileThatIsBeingWritten(t *testing.T) {
	envoytest.Require(t)
	port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	open := routing(port, backend.Port()) + "---\n"
	dir := newPolicyDir(t, map[string]string{"all.yaml": open})
	w := startWriter(t, filepath.Join(dir, "all.yaml"))
	p := startPlane(t, dir)
	gateway := p.startGateway(t, envoytest.Options{Until: envoytest.AdminOpen})
	eventually(t, "readiness says what it waits for", func() bool {
		status, text := p.get("/readyz")
		return status == 503 && strings.Contains(text, "all.yaml: ") && strings.Contains(text, "still being written")
	})
	eventually(t, "the gateway is connected", func() bool {
		status, err := p.status(t)
		return err == nil && len(status.Gateways) == 1
	})
	<-w.second
	listeners, err := gateway.Listeners(t.Context())
	if paused := w.finish(denial("guard", "ingressgateway", "/guarded")); paused > 40*time.Millisecond {
		t.Skipf("NOT RUN: the machine let the writer pause for %v, which is a file at rest", paused)
	}
	if err != nil || len(listeners) > 0 {
		t.Errorf("half a file opened listeners: %v, %v", listeners, err)
	}
	address := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	if got := ask(t, address, "/guarded").Status; got != 403 {
		t.Errorf("/guarded: %d, want 403", got)
	}
	if status, text := p.get("/readyz"); status != 200 {
		t.Errorf("/readyz: %d %s, want 200", status, text)
	}
}

// writer appends to a file every few milliseconds.
type writer struct {
	path   string
	second chan struct{} // closed when it has written for a second
	stop   chan struct{}
	paused chan time.Duration // its longest pause
}

func startWriter(t *testing.T, path string) *writer {
	t.Helper()
	w := &writer{path, make(chan struct{}), make(chan struct{}), make(chan time.Duration, 1)}
	began := make(chan struct{})
	go w.run(began)
	<-began
	return w
}

func (w *writer) run(began chan struct{}) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var longest time.Duration
	start := time.Now()
	last, over := start, false
	for i := 0; ; i++ {
		select {
		case <-w.stop:
			w.paused <- max(longest, time.Since(last))
			return
		case <-tick.C:
		}
		f, err := os.OpenFile(w.path, os.O_WRONLY|os.O_APPEND, 0)
		if err == nil {
			_, _ = fmt.Fprintf(f, "# piece %d\n", i)
			_ = f.Close()
		}
		now := time.Now()
		if i == 0 {
			close(began)
		} else {
			longest = max(longest, now.Sub(last))
		}
		if last = now; !over && now.Sub(start) > time.Second {
			over = true
			close(w.second)
		}
	}
}

// finish stops the writer, appends the rest and returns the longest pause there was.
func (w *writer) finish(rest string) time.Duration {
	close(w.stop)
	paused := <-w.paused
	if f, err := os.OpenFile(w.path, os.O_WRONLY|os.O_APPEND, 0); err == nil {
		_, _ = f.WriteString(rest)
		_ = f.Close()
	}
	return paused
}

// TestAMisspeltTargetIsAWarningThatNamesIt holds that a policy which reaches no gateway is
// said to, and that the others stay.
func TestAMisspeltTargetIsAWarningThatNamesIt(t *testing.T) {
	envoytest.Require(t)
	s := newScene(t, denial("guard", "ingressgateway", "/guarded"))
	target := `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: target, namespace: istio-system}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gatewey}]
  action: DENY
  rules: [{}]
`
	for name, c := range map[string]struct{ content, names string }{
		"a selector":  {denial("selected", "ingresgateway", "/open"), "ingresgateway"},
		"a targetRef": {target, "gatewey"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(s.dir, "misspelt.yaml")
			replace(t, path, c.content)
			eventually(t, "a warning names it", func() bool {
				status, err := s.status(t)
				must(t, err)
				for _, f := range status.Diagnostics {
					if f.Severity == diag.Warning && f.Pos.File == path && strings.Contains(f.Message, c.names) && strings.Contains(f.Hint, "did you mean") {
						return true
					}
				}
				return false
			})
			status, err := s.status(t)
			must(t, err)
			if status.Diagnostics.HasErrors() {
				t.Errorf("errors: %v", status.Diagnostics)
			}
			for path, want := range map[string]int{"/guarded": 403, "/open": 200} {
				if got := ask(t, s.address, path).Status; got != want {
					t.Errorf("%s: %d, want %d", path, got, want)
				}
			}
		})
	}
}
