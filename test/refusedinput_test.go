package test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

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
			p := startPlane(t, dir, "--state-dir", state)
			content := bytes.Repeat([]byte(c.line), total/c.files/len(c.line))
			for i := range c.files {
				write(t, filepath.Join(dir, fmt.Sprintf("large-%d.yaml", i)), string(content))
			}
			p.says(t, "PR0108")
			if status, _ := p.get("/readyz"); status != http.StatusOK {
				t.Errorf("readyz: %d, want 200: the last good policy is served", status)
			}
			if got := peak(t, p.cmd.Process.Pid); got > most {
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
