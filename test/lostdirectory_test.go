package test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// twoDirs is a gateway whose routing and whose policy stand in directories of their own, with a
// state directory.
type twoDirs struct {
	*plane
	gateway           *envoytest.Envoy
	address           string
	port              int
	routes, policies  string
	policy, state     string
	bootstrapForLater []byte
}

func openTwoDirs(t *testing.T) *twoDirs {
	t.Helper()
	port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	root := t.TempDir()
	s := &twoDirs{port: port, routes: filepath.Join(root, "routes"), policies: filepath.Join(root, "policies"), state: filepath.Join(root, "state")}
	s.policy = filepath.Join(s.policies, "policy.yaml")
	must(t, os.Mkdir(s.routes, 0o700))
	must(t, os.Mkdir(s.policies, 0o700))
	write(t, filepath.Join(s.routes, "routing.yaml"), routing(port, backend.Port()))
	write(t, s.policy, denial("guard", "ingressgateway", "/guarded"))
	write(t, filepath.Join(s.policies, "more.yaml"), denial("more", "ingressgateway", "/more"))
	s.plane = startPlane(t, s.routes, s.flags()...)
	s.bootstrapForLater = s.bootstrap(t)
	s.gateway = envoytest.Run(t, envoytest.Options{Bootstrap: s.bootstrapForLater})
	s.address = s.listener(t, s.gateway)
	return s
}

func (s *twoDirs) flags() []string { return []string{"--config", s.policies, "--state-dir", s.state} }

func (s *twoDirs) listener(t *testing.T, gateway *envoytest.Envoy) string {
	t.Helper()
	return gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", s.port))
}

// restart ends the plane and starts another one with the same directories.
func (s *twoDirs) restart(t *testing.T, flags ...string) {
	t.Helper()
	if code := s.stop(); code != exitClean {
		t.Fatalf("the control plane ended with %d", code)
	}
	s.start(t, append(s.flags(), flags...)...)
}

// says waits until status has a finding that contains a text.
func (p *plane) says(t *testing.T, text string) {
	t.Helper()
	eventually(t, "status says "+text, func() bool {
		status, err := p.status(t)
		return err == nil && strings.Contains(strings.Join(status.Diagnostics.Lines(), "\n"), text)
	})
}

// waysToLose lose a directory; each returns what brings it back.
func waysToLose() map[string]func(t *testing.T, dir string) (back func()) {
	aside := func(t *testing.T, dir string) func() {
		t.Helper()
		must(t, os.Rename(dir, dir+"-away"))
		return func() {
			t.Helper()
			must(t, os.RemoveAll(dir))
			must(t, os.Rename(dir+"-away", dir))
		}
	}
	return map[string]func(t *testing.T, dir string) func(){
		"all files deleted": func(t *testing.T, dir string) func() {
			t.Helper()
			contents := map[string]string{}
			for _, name := range []string{"more.yaml", "policy.yaml"} { // in the order of rm *
				content, err := os.ReadFile(filepath.Join(dir, name))
				must(t, err)
				contents[name] = string(content)
				must(t, os.Remove(filepath.Join(dir, name)))
			}
			return func() {
				for name, content := range contents {
					write(t, filepath.Join(dir, name), content)
				}
			}
		},
		"removed and made again": func(t *testing.T, dir string) func() {
			t.Helper()
			back := aside(t, dir)
			must(t, os.Mkdir(dir, 0o700))
			return back
		},
		"removed": aside,
		"swapped for an empty one by symlink": func(t *testing.T, dir string) func() {
			t.Helper()
			back := aside(t, dir)
			must(t, os.Symlink(t.TempDir(), dir))
			return back
		},
		"another file system mounted over it": func(t *testing.T, dir string) func() {
			t.Helper()
			return mount(t, dir)
		},
	}
}

// mount puts an empty file system on a directory, and takes it away at the end of the test.
func mount(t *testing.T, dir string) (unmount func()) {
	t.Helper()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("SKIPPED, NOT PASSED: mounting is not permitted: %v", err)
	}
	mounted := true
	unmount = func() {
		if mounted {
			mounted = false
			must(t, unix.Unmount(dir, unix.MNT_DETACH))
		}
	}
	t.Cleanup(unmount)
	return unmount
}

func forbidden(status int) bool { return status == http.StatusForbidden }

// TestALostDirectoryOpensNothing loses the directory of policy in each way, under load: no request
// passes that was refused before, also when the plane is started again while it is lost, for the
// gateway that stayed and for one that is new; and an edit counts when the directory is back.
func TestALostDirectoryOpensNothing(t *testing.T) {
	envoytest.Require(t)
	for name, lose := range waysToLose() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openTwoDirs(t)
			l := startLoad(t, s.address, 2, forbidden)
			back := lose(t, s.policies)
			s.says(t, "PR0109")
			if status, body := s.get("/readyz"); !strings.Contains(body, "PR0109") {
				t.Errorf("readyz: %d %s; want it to say that the directory is lost", status, body)
			}
			replace(t, filepath.Join(s.routes, "more.yaml"), denial("later", "ingressgateway", "/later"))
			s.says(t, "PR0109")
			s.restart(t)
			s.says(t, "PR0109")
			s.gateway.Stop()
			s.gateway = envoytest.Run(t, envoytest.Options{Bootstrap: s.bootstrapForLater})
			s.stopped(t, l)
			l = startLoad(t, s.listener(t, s.gateway), 2, forbidden)
			back()
			replace(t, filepath.Join(s.policies, "more.yaml"), denial("more", "ingressgateway", "/back"))
			eventually(t, "an edit counts again", func() bool { return ask(t, s.address, "/back").Status == http.StatusForbidden })
			s.stopped(t, l)
		})
	}
}

// stopped ends a load that saw nothing else than what was asked for. A connection that ends with
// its gateway is no answer.
func (s *twoDirs) stopped(t *testing.T, l *load) {
	t.Helper()
	l.stop()
	answered := slices.DeleteFunc(slices.Clone(l.lost), func(err error) bool { return !strings.HasPrefix(err.Error(), "status") })
	if len(answered) > 0 {
		t.Errorf("%d of %d requests were answered otherwise, first: %v", len(answered), l.requests, answered[0])
	}
}

// TestAPlaneThatStartsBeforeTheVolumeServesTheLastGood holds that a plane that is started before the
// directory of policy is mounted serves what the state directory has, takes the volume when it comes,
// and refuses when it goes.
func TestAPlaneThatStartsBeforeTheVolumeServesTheLastGood(t *testing.T) {
	envoytest.Require(t)
	s := openTwoDirs(t)
	away := s.policies + "-volume"
	must(t, os.Rename(s.policies, away))
	must(t, os.Mkdir(s.policies, 0o700))
	l := startLoad(t, s.address, 2, forbidden)
	s.restart(t)
	s.says(t, "PR0109")
	unmount := func() { must(t, unix.Unmount(s.policies, unix.MNT_DETACH)) }
	if err := unix.Mount(away, s.policies, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("SKIPPED, NOT PASSED: mounting is not permitted: %v", err)
	}
	eventually(t, "the volume is read", func() bool {
		status, err := s.status(t)
		return err == nil && !status.Diagnostics.HasErrors()
	})
	write(t, filepath.Join(away, "more.yaml"), denial("more", "ingressgateway", "/volume"))
	eventually(t, "an edit of the volume counts", func() bool { return ask(t, s.address, "/volume").Status == http.StatusForbidden })
	unmount()
	s.says(t, "PR0109")
	s.stopped(t, l)
}

// TestOnlyADirectoryThatIsNamedMayBeEmpty holds that who means it says so.
func TestOnlyADirectoryThatIsNamedMayBeEmpty(t *testing.T) {
	envoytest.Require(t)
	s := openTwoDirs(t)
	s.restart(t, "--allow-empty", s.policies)
	replace(t, filepath.Join(s.routes, "guard.yaml"), denial("other", "ingressgateway", "/other"))
	must(t, os.Remove(s.policy))
	must(t, os.Remove(filepath.Join(s.policies, "more.yaml")))
	eventually(t, "what was deleted counts no more", func() bool { return ask(t, s.address, "/guarded").Status == http.StatusOK })
	if got := ask(t, s.address, "/other").Status; got != http.StatusForbidden {
		t.Errorf("/other: %d, want 403", got)
	}
}
