package test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// holdLease makes the test binary hold a write lease on a file until its standard input ends.
const holdLease = "PORTREEVE_TEST_HOLD_LEASE"

// heldLease is the process that TestMain becomes for it.
func heldLease(path string) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		// The kernel asks with a signal to give it back; this holder is one that does not.
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK)
	}
	fmt.Println(err)
	_, _ = bufio.NewReader(os.Stdin).ReadByte()
}

// lease has another process hold a write lease on a file.
func lease(t *testing.T, path string) (release func()) {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), holdLease+"="+path)
	in, err := c.StdinPipe()
	must(t, err)
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "<nil>\n" {
		t.Skipf("SKIPPED, NOT PASSED: no write lease can be had here: %s", line)
	}
	return func() {
		must(t, in.Close())
		must(t, c.Wait())
	}
}

// hangs make a file one that cannot be read, at once as a rename does, and return what repairs that.
func hangs(t *testing.T, path, content string) map[string]func() func() {
	t.Helper()
	pipe := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	return map[string]func() func(){
		"a named pipe": func() func() {
			must(t, syscall.Mkfifo(path+".new", 0o600))
			must(t, os.Rename(path+".new", path))
			return func() { replace(t, path, content) }
		},
		"a symlink to a blocking special file": func() func() {
			must(t, os.Symlink(pipe, path+".new"))
			must(t, os.Rename(path+".new", path))
			return func() { replace(t, path, content) }
		},
		"a write lease of another process": func() func() {
			release := lease(t, path)
			// Somebody touches it, so that it has to be read.
			must(t, os.Chtimes(path, time.Now(), time.Now()))
			return release
		},
	}
}

// TestAReadThatHangsFreezesNothing holds that a file that cannot be read, be it policy or the mesh
// configuration, freezes nothing: every endpoint answers, another file's edit takes effect, the
// plane ends when told to, and the file counts again when it can be read. Hangs are asserted at
// five times what is promised.
func TestAReadThatHangsFreezesNothing(t *testing.T) {
	envoytest.Require(t)
	const answer, leave = time.Second, 5 * time.Second
	for _, which := range []string{"policy", "mesh"} {
		for _, name := range []string{"a named pipe", "a symlink to a blocking special file", "a write lease of another process"} {
			t.Run(which+", "+name, func(t *testing.T) {
				t.Parallel()
				mesh := meshFile(t, "{}\n")
				s := newScene(t, denial("guard", "ingressgateway", "/guarded"), "--mesh-config", mesh)
				path, content := s.policy, denial("guard", "ingressgateway", "/guarded")
				if which == "mesh" {
					path, content = mesh, "{}\n"
				}
				l := startLoad(t, s.address, 1, forbidden)
				repair := hangs(t, path, content)[name]()
				s.says(t, "PR0110")
				for i := range 3 {
					for _, endpoint := range []string{"/readyz", "/healthz", "/metrics", "/debug/status", "/debug/config"} {
						began := time.Now()
						status, body := s.get(endpoint)
						if took := time.Since(began); took > 5*answer || status == 0 {
							t.Errorf("%s: %d after %v", endpoint, status, took)
						}
						if endpoint == "/readyz" && (status != http.StatusServiceUnavailable || !strings.Contains(body, "PR0110")) {
							t.Errorf("readyz: %d %s, want 503 and what cannot be read", status, body)
						}
					}
					marker := fmt.Sprintf("/marker-%d", i)
					replace(t, filepath.Join(s.dir, "other.yaml"), denial("other", "ingressgateway", marker))
					eventually(t, "another file's edit counts", func() bool { return ask(t, s.address, marker).Status == http.StatusForbidden })
				}
				repair()
				eventually(t, "it is ready again", func() bool { status, _ := s.get("/readyz"); return status == http.StatusOK })
				repair = hangs(t, path, content)[name]()
				s.says(t, "PR0110")
				began := time.Now()
				if code := s.stop(); code != exitClean || time.Since(began) > 5*leave {
					t.Errorf("it ended with %d after %v", code, time.Since(began))
				}
				repair()
				l.stop()
				if len(l.lost) > 0 {
					t.Errorf("%d of %d requests to the guarded path were not refused, first: %v", len(l.lost), l.requests, l.lost[0])
				}
			})
		}
	}
}

// TestAStartServesNobodyWithoutAFileThatCannotBeRead holds that nobody is served without it.
func TestAStartServesNobodyWithoutAFileThatCannotBeRead(t *testing.T) {
	dir := newPolicyDir(t, map[string]string{"gateway.yaml": routing(8080, 8081)})
	must(t, syscall.Mkfifo(filepath.Join(dir, "policy.yaml"), 0o600))
	p := startPlane(t, dir)
	p.says(t, "policy.yaml")
	if status, body := p.get("/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("readyz: %d %s, want 503", status, body)
	}
}
