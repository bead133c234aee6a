package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/admin"
	"github.com/portreeve/portreeve/internal/envoytest"
)

// bound is how long anything may take before a test gives up.
const bound = 20 * time.Second

// TestMain lets the test binary be the program, so that a test can kill it.
func TestMain(m *testing.M) {
	if os.Getenv("PORTREEVE_TEST_RUN_MAIN") == "1" {
		main()
	}
	if path := os.Getenv(holdLease); path != "" {
		heldLease(path)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// logBuffer is the program's standard error.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// plane is a control plane that runs in the test, and the policy directory that it watches.
type plane struct {
	dir, xds, admin string
	log             *logBuffer
	stop            func() int
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

// startPlane runs `portreeve serve` on a directory until the test ends.
func startPlane(t testing.TB, dir string, flags ...string) *plane {
	t.Helper()
	p := &plane{dir: dir, log: &logBuffer{}, xds: address(t), admin: address(t)}
	p.start(t, flags...)
	return p
}

func address(t testing.TB) string { return fmt.Sprintf("127.0.0.1:%d", envoytest.FreePort(t)) }

func (p *plane) start(t testing.TB, flags ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan int, 1)
	args := append([]string{"serve", "--config", p.dir, "--xds-address", p.xds, "--admin-address", p.admin}, flags...)
	go func() { done <- run(ctx, args, p.log, p.log) }()
	p.stop = sync.OnceValue(func() int {
		cancel()
		select {
		case code := <-done:
			return code
		case <-time.After(bound):
			t.Error("the control plane did not stop")
			return -1
		}
	})
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("control plane log:\n%s", p.log)
		}
	})
	eventually(t, "the control plane has read its files", func() bool {
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
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(bound)
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
	args := append([]string{"bootstrap", "--xds-address", p.xds, "--envoy-admin-address", "127.0.0.1:0"}, flags...)
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
