// Package test has the tests of the whole: the program that is built, run as people run it, and a
// real Envoy. They know nothing of its inside.
package test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/admin"
	"github.com/portreeve/portreeve/internal/envoytest"
)

// bound is how long anything may take before a test gives up.
const bound = 20 * time.Second

// plane is a control plane, and the policy directory that it watches.
type plane struct {
	*process        // the last that was started
	dir, xds, admin string
	log             logFile
}

// newPolicyDir writes policy files into a new directory.
func newPolicyDir(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		write(t, filepath.Join(dir, name), content)
	}
	return dir
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	return string(content)
}

// meshFile writes a mesh configuration, outside of any directory of policy, and returns its path.
func meshFile(t testing.TB, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mesh.yaml")
	write(t, file, content)
	return file
}

// replace puts a file in place by renaming, as a careful editor does.
func replace(t testing.TB, path, content string) {
	t.Helper()
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	write(t, temporary, content)
	if err := os.Rename(temporary, path); err != nil {
		t.Fatal(err)
	}
}

// newPlane is a control plane on a directory that does not run yet.
func newPlane(t testing.TB, dir string) *plane {
	t.Helper()
	return &plane{dir: dir, log: logFile(filepath.Join(t.TempDir(), "log")), xds: address(t), admin: address(t)}
}

// startPlane runs `portreeve serve` on a directory until the test ends.
func startPlane(t testing.TB, dir string, flags ...string) *plane {
	t.Helper()
	p := newPlane(t, dir)
	p.start(t, flags...)
	return p
}

func address(t testing.TB) string { return fmt.Sprintf("127.0.0.1:%d", envoytest.FreePort(t)) }

// start runs the program and waits until it has read its files.
func (p *plane) start(t testing.TB, flags ...string) {
	t.Helper()
	p.startAs(t, command(context.Background(), p.serve(flags...)...))
}

// serve is the command line of the program.
func (p *plane) serve(flags ...string) []string {
	return append([]string{"serve", "--config", p.dir, "--xds-address", p.xds, "--admin-address", p.admin}, flags...)
}

// startAs is start with a command that becomes the program.
func (p *plane) startAs(t testing.TB, c *exec.Cmd) {
	t.Helper()
	running := startProcess(t, c, p.log)
	p.process = running
	t.Cleanup(func() {
		running.stop()
		if t.Failed() {
			log := p.log.String()
			t.Logf("the end of the control plane's log:\n%s", log[max(0, len(log)-16000):])
		}
	})
	eventually(t, "the control plane has read its files", func() bool {
		if running.gone() {
			t.Fatalf("the control plane has ended: %v\n%s", running.cmd.ProcessState, p.log)
		}
		status, err := p.status(t)
		return err == nil && status.Latest != nil
	})
}

// get asks the admin interface.
func (p *plane) get(path string) (int, string) {
	response, err := http.Get("http://" + p.admin + path) //nolint:noctx // bounded by the test
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	var body bytes.Buffer
	_, _ = body.ReadFrom(response.Body)
	return response.StatusCode, body.String()
}

// eventually waits, asking again and again, until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	inTime(t, bound, what, holds)
}

// inTime is eventually for what may take longer than anything else does.
func inTime(t testing.TB, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(limit)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited too long: %s", what)
		}
	}
}

// startGateway runs Envoy with the bootstrap that the program prints.
func (p *plane) startGateway(t testing.TB, o envoytest.Options, flags ...string) *envoytest.Envoy {
	t.Helper()
	o.Bootstrap = p.bootstrap(t, flags...)
	e := envoytest.Run(t, o)
	t.Cleanup(func() { envoytest.NoDeprecations(t, e) })
	return e
}

// bootstrap is what the verb prints for a gateway of this control plane.
func (p *plane) bootstrap(t testing.TB, flags ...string) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	args := append([]string{"bootstrap", "--envoy-admin-address", "127.0.0.1:0"}, flags...)
	if !slices.Contains(flags, "--xds-address") {
		args = append(args, "--xds-address", p.xds)
	}
	if code := run(t.Context(), args, &out, &errs); code != exitClean {
		t.Fatalf("bootstrap: exit %d: %s", code, errs.String())
	}
	return out.Bytes()
}

// ask sends one request on a connection of its own and returns the answer.
func ask(t testing.TB, address, path string, header ...string) *envoytest.Answer {
	t.Helper()
	c := dial(t, address)
	answer, err := c.Get(t.Context(), "http://"+address+path, header...)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func dial(t testing.TB, address string) *envoytest.Client {
	t.Helper()
	c, err := envoytest.Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// status asks as the status verb does.
func (p *plane) status(t testing.TB) (admin.Status, error) {
	t.Helper()
	var out admin.Status
	status, text := p.get("/debug/status")
	if status != http.StatusOK {
		return out, fmt.Errorf("status %d: %s", status, text)
	}
	return out, json.Unmarshal([]byte(text), &out)
}
