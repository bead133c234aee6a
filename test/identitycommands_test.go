package test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// shell is a directory in which somebody types commands.
type shell string

// newShell makes one that finds the program by its name.
func newShell(t *testing.T) shell {
	t.Helper()
	path, err := program()
	must(t, err)
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "bin"), 0o700))
	must(t, os.Symlink(path, filepath.Join(dir, "bin", "portreeve")))
	return shell(dir)
}

// command is a line as the shell runs it, which becomes the program.
func (s shell) command(line string) *exec.Cmd {
	c := command(context.Background())
	sh := exec.Command("sh", "-c", "exec "+line) //nolint:gosec,noctx // of the test; it dies with the tests
	sh.Dir, sh.SysProcAttr = string(s), c.SysProcAttr
	sh.Env = append(c.Env, "PATH="+filepath.Join(string(s), "bin")+":"+os.Getenv("PATH"))
	return sh
}

// types runs a line and returns what it prints.
func (s shell) types(t *testing.T, line string) string {
	t.Helper()
	out, err := s.command(line).Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
	return string(out)
}

// next is the command of a verb that another one has said comes next.
func next(t *testing.T, said, verb string) string {
	t.Helper()
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "portreeve "+verb) {
			return line
		}
	}
	t.Fatalf("nothing was said of %q:\n%s", verb, said)
	return ""
}

// TestFourCommandsAreAllThatIsTyped types `portreeve ca init` and then what each command says comes next, as it stands. Only
// ports are added, since tests run beside each other. The tutorial's policy is enforced.
func TestFourCommandsAreAllThatIsTyped(t *testing.T) {
	t.Parallel()
	envoytest.Require(t)
	s, port := newShell(t), envoytest.FreePort(t)
	_, token := testKeys(t)
	p := newPlane(t, filepath.Join(string(s), "policy"))
	must(t, os.Mkdir(p.dir, 0o700))
	write(t, filepath.Join(p.dir, "routing.yaml"), routing(port, envoytest.RunBackend(t).Port()))
	write(t, filepath.Join(p.dir, "policy.yaml"), tutorial(t, "AUTH_IF_MATCHED", "/productpage"))

	initialized := s.types(t, "portreeve ca init")
	issued := s.types(t, next(t, initialized, "ca issue gateway"))
	p.startAs(t, s.command(next(t, initialized, "serve")+" --xds-address "+p.xds+" --admin-address "+p.admin))
	s.types(t, next(t, issued, "bootstrap")+" --xds-address "+p.xds+" --envoy-admin-address 127.0.0.1:0")

	gateway := envoytest.Run(t, envoytest.Options{Bootstrap: []byte(readFile(t, filepath.Join(string(s), "envoy.yaml")))})
	checkVerdicts(t, gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port)), tutorialVerdicts("/productpage", "/api/v1/products/1", token))
	if len(p.streams(t, rightID)) != 1 {
		t.Error("the gateway is not known by its identity")
	}
	envoytest.NoDeprecations(t, gateway)
}
