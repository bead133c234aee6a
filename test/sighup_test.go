package test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSIGHUPReadsEverythingAgain runs the program as a process of its own and holds that the
// signal does not end it, that every key is fetched at once, and that a file which changed
// without an event, a new size or a new time is read.
func TestSIGHUPReadsEverythingAgain(t *testing.T) {
	server := newKeyServer(t, keySet(t, newSigningKey(t)))
	server.Start()
	rule := fetchedRule("issuer", server.uri("http", "127.0.0.1"))
	dir, elsewhere := newPolicyDir(t, map[string]string{"policy.yaml": rule}), t.TempDir()
	path, link := filepath.Join(dir, "policy.yaml"), filepath.Join(elsewhere, "link")
	old := time.Now().Add(-time.Hour)
	must(t, os.Chtimes(path, old, old))
	must(t, os.Link(path, link))
	p := startPlane(t, dir)
	hangup := func() {
		t.Helper()
		must(t, p.cmd.Process.Signal(syscall.SIGHUP))
	}
	eventually(t, "the keys are fetched", func() bool {
		status, text := p.get("/readyz")
		return status == 200 && server.asked.Load() == 1 && strings.HasPrefix(text, "ready")
	})
	hangup()
	eventually(t, "the keys are fetched again", func() bool { return server.asked.Load() == 2 })

	// The watched name is not the one that is written to, so nothing is told.
	broken := strings.Replace(rule, "issuer:", "isuer :", 1)
	if broken == rule || len(broken) != len(rule) {
		t.Fatal("the edit is not of the same size")
	}
	write(t, link, broken)
	must(t, os.Chtimes(link, old, old))
	hangup()
	eventually(t, "the file is read", func() bool { _, text := p.get("/readyz"); return strings.Contains(text, "isuer") })

	asked := server.asked.Load()
	for range 50 {
		hangup()
	}
	write(t, link, rule)
	must(t, os.Chtimes(link, old, old))
	hangup()
	eventually(t, "the file is read once more", func() bool { _, text := p.get("/readyz"); return !strings.Contains(text, "isuer") })
	eventually(t, "the signals make a fetch", func() bool { return server.asked.Load() > asked })
	if p.gone() {
		t.Fatalf("it has ended: %v", p.cmd.ProcessState)
	}
	if code := p.stop(); code != exitClean {
		t.Errorf("it ends with %d, want %d", code, exitClean)
	}
}
