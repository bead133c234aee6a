package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// startProcess runs the program on directories in a process of its own until the test ends.
func startProcess(t *testing.T, dir string, flags ...string) (*plane, *exec.Cmd) {
	t.Helper()
	return startProgram(t, []string{os.Args[0]}, dir, flags...)
}

// startProgram is startProcess with a command line that ends in the program.
func startProgram(t *testing.T, command []string, dir string, flags ...string) (*plane, *exec.Cmd) {
	t.Helper()
	p := &plane{dir: dir, log: &logBuffer{}, xds: address(t), admin: address(t)}
	arguments := append(command[1:], "serve", "--config", dir, "--xds-address", p.xds, "--admin-address", p.admin)
	c := exec.CommandContext(t.Context(), command[0], append(arguments, flags...)...)
	c.Env = append(os.Environ(), "PORTREEVE_TEST_RUN_MAIN=1")
	c.Stdout, c.Stderr = p.log, p.log
	must(t, c.Start())
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if t.Failed() {
			t.Logf("control plane log:\n%.4000s", p.log)
		}
	})
	eventually(t, "the control plane has read its files", func() bool {
		status, err := p.status(t)
		return err == nil && status.Latest != nil
	})
	return p, c
}

// peak returns the most memory, in MB, that a process has had resident.
func peak(t *testing.T, pid int) int {
	t.Helper()
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skipf("SKIPPED, NOT PASSED: %v", err)
	}
	for line := range strings.Lines(string(content)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, err := strconv.Atoi(strings.Fields(rest)[0])
			must(t, err)
			return kilobytes / 1000
		}
	}
	t.Fatal("no VmHWM")
	return 0
}

// TestRefusedInputTakesLittleMemory gives the plane 64 MiB that it refuses, in several forms, and
// holds its memory and the state directory to a bound.
func TestRefusedInputTakesLittleMemory(t *testing.T) {
	const total = 64 << 20
	most := 200
	if underRace {
		most *= 10 // a program that looks for races takes that much more
	}
	for name, c := range map[string]struct {
		files int
		line  string
	}{
		"one file of text":              {1, "some: text that is valid YAML, and no object\n"},
		"one file of policies":          {1, "---\n" + denial("a", "ingressgateway", "/a")},
		"eight files of short values":   {8, "- 1\n"},
		"eight files of policies":       {8, "---\n" + denial("a", "ingressgateway", "/a")},
		"a thousand files of documents": {1000, "---\na: 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, state := newPolicyDir(t, map[string]string{"guard.yaml": denial("guard", "ingressgateway", "/guarded")}), t.TempDir()
			p, c2 := startProcess(t, dir, "--state-dir", state)
			content := bytes.Repeat([]byte(c.line), total/c.files/len(c.line))
			for i := range c.files {
				write(t, filepath.Join(dir, fmt.Sprintf("large-%d.yaml", i)), string(content))
			}
			p.says(t, "PR0108")
			if status, _ := p.get("/readyz"); status != http.StatusOK {
				t.Errorf("readyz: %d, want 200: the last good policy is served", status)
			}
			if got := peak(t, c2.Process.Pid); got > most {
				t.Errorf("%d MB, want at most %d", got, most)
			} else {
				t.Logf("%d MB", got)
			}
			entries, err := os.ReadDir(state)
			must(t, err)
			for _, e := range entries {
				if info, err := e.Info(); err == nil && info.Size() > 1<<20 {
					t.Errorf("the state has %d bytes of %s", info.Size(), e.Name())
				}
			}
		})
	}
}
