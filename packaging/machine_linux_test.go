package packaging

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// bound is how long anything of a test may take.
const bound = 120 * time.Second

// machine is this machine's root under a layer in memory, with a systemd of its own as its first process and
// nothing but loopback.
type machine struct{ pid int }

// newMachine boots a machine, which is gone after the test.
func newMachine(t *testing.T) machine {
	t.Helper()
	unavailable(t)
	group := newGroup(t)
	console, err := os.Create(filepath.Join(t.TempDir(), "console"))
	must(t, err)
	c := exec.Command("sh", "testdata/machine.sh", t.TempDir(), envoytest.Require(t))
	c.Stdout, c.Stderr = console, console
	c.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWCGROUP,
		UseCgroupFD: true, CgroupFD: int(group.Fd()),
		Pdeathsig: syscall.SIGKILL,
	}
	runtime.LockOSThread() // the machine ends with the thread that started it
	must(t, c.Start())
	m := machine{c.Process.Pid}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(console.Name())
			systemd, _ := os.ReadFile(m.path("/dev/console"))
			units, _ := os.ReadFile(m.path("/run/units.log"))
			t.Logf("the console:\n%s%s\nthe units:\n%s", log, systemd, units)
		}
		_ = c.Process.Kill() // and with it all of the machine
		_ = c.Wait()
		runtime.UnlockOSThread()
	})
	eventually(t, "systemd has started", func() bool {
		out, _ := m.command(t.Context(), "systemctl", "is-system-running").Output()
		return strings.Contains("running degraded", strings.TrimSpace(string(out))) && len(out) > 0
	})
	return m
}

// unavailable ends the test, loudly, where no machine can be made.
func unavailable(t *testing.T) {
	t.Helper()
	missing := ""
	for _, program := range []string{"/usr/lib/systemd/systemd", "/usr/bin/dpkg", "/usr/bin/nsenter", "/usr/sbin/ip"} {
		if _, err := os.Stat(program); err != nil {
			missing = program
		}
	}
	switch {
	case os.Getuid() != 0:
		missing = "root"
	case missing == "":
		return
	}
	if os.Getenv("CI") == "true" || os.Getenv("PORTREEVE_REQUIRE_ENVOY") == "1" {
		t.Fatalf("packages cannot be installed here: no %s", missing)
	}
	t.Skipf("SKIPPED, NOT PASSED: packages cannot be installed here: no %s", missing)
}

// newGroup makes a control group for the processes of a machine, which is gone after the test.
func newGroup(t *testing.T) *os.File {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	must(t, err)
	for line := range strings.Lines(string(mounts)) {
		if !strings.Contains(line, " - cgroup2 ") {
			continue
		}
		dir, err := os.MkdirTemp(strings.Fields(line)[4], "portreeve-test-") //nolint:usetesting // a control group cannot be elsewhere
		must(t, err)
		group, err := os.Open(dir)
		must(t, err)
		t.Cleanup(func() {
			group.Close()
			eventually(t, "the control group is gone", func() bool { return removeGroup(dir) == nil })
		})
		return group
	}
	t.Skip("SKIPPED, NOT PASSED: packages cannot be installed here: there is no cgroup2 for a machine")
	return nil
}

// removeGroup removes a control group and those in it.
func removeGroup(dir string) error {
	within, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range within {
		if entry.IsDir() {
			if err := removeGroup(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	return os.Remove(dir)
}

// path is where a file of the machine is found from here.
func (m machine) path(name string) string {
	return filepath.Join("/proc", strconv.Itoa(m.pid), "root", name)
}

// command is a command on the machine.
func (m machine) command(ctx context.Context, args ...string) *exec.Cmd {
	enter := []string{"--target", strconv.Itoa(m.pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--root", "--wd"}
	c := exec.CommandContext(ctx, "nsenter", append(append(enter, "--"), args...)...)
	c.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", "SYSTEMD_PAGER="}
	return c
}

// run runs a shell command on the machine, which has to succeed, and returns what it prints.
func (m machine) run(t *testing.T, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	out, err := m.command(ctx, "sh", "-euc", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return strings.TrimSpace(string(out))
}

// client returns a client on the machine.
func (m machine) client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: m.dial}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: bound}
}

// dial connects from within the network of the machine: a socket stays where it was made.
func (m machine) dial(ctx context.Context, network, address string) (connection net.Conn, err error) {
	made := make(chan struct{})
	go func() {
		defer close(made)
		runtime.LockOSThread() // and never unlocked: the thread ends, as it is in another network
		there, openErr := os.Open(filepath.Join("/proc", strconv.Itoa(m.pid), "ns/net"))
		if err = openErr; err != nil {
			return
		}
		defer there.Close()
		if err = unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
			return
		}
		// An address and no name, so that the dialer starts no other thread.
		connection, err = (&net.Dialer{FallbackDelay: -1}).DialContext(ctx, network, address)
	}()
	<-made
	return connection, err
}

// eventually waits until something holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(bound)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("it did not come to pass that %s", what)
		case <-tick.C:
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
