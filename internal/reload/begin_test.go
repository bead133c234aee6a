package reload_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/translate/model"
)

// TestTheFirstReadingWaitsForFilesInMotion holds that half of a file, valid and open as it
// may be, serves nobody: not at the first reading, and not at a later one while it goes on.
func TestTheFirstReadingWaitsForFilesInMotion(t *testing.T) {
	dir, path := t.TempDir(), ""
	now := time.Now().Add(time.Hour)
	var log strings.Builder
	p := &publisher{sent: map[string][]map[string]string{}}
	r, err := reload.New(reload.Options{
		Publisher: p, Files: files(input.Options{Dirs: []string{dir}, Now: func() time.Time { return now }, Logger: slog.New(slog.NewTextHandler(&log, nil))}),
		Settings: model.DefaultSettings(), Keyring: &keyring{}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Metrics: reload.NewMetrics(prometheus.NewRegistry()), Now: func() time.Time { return now },
	})
	must(t, err)
	read := func() {
		t.Helper()
		must(t, r.Reload(t.Context(), input.Change{Settled: []string{path}}))
	}
	// touched writes a piece of the file, 10 ms before it is read.
	touched := func(content string) {
		t.Helper()
		path = filepath.Join(dir, "a.yaml")
		write(t, dir, "a.yaml", content)
		must(t, os.Chtimes(path, now, now.Add(-10*time.Millisecond)))
	}
	write(t, dir, "gateway.yaml", listener)
	whole := policy("a", "/a") + "---\n" + policy("guard", "/guarded")
	half := policy("a", "/a")

	for piece := range 3 {
		touched(half + strings.Repeat("# more\n", piece))
		read()
		if piece == 0 {
			r.Join(group())
		}
		if n := len(p.sent[group().Key]); n != 0 {
			t.Fatalf("piece %d: half a file was published", piece)
		}
		status := r.Status()
		if status.Ready || r.Again().After == 0 || len(status.Groups[0].Refused) != 1 || !strings.Contains(status.Diagnostics[0].String(), "a.yaml") || !strings.Contains(status.Diagnostics[0].Message, "still being written") || !strings.Contains(status.Diagnostics[0].Hint, "rested for 10 s") {
			t.Errorf("piece %d: again %v, status %+v; want not ready, deferred, refused for a.yaml", piece, r.Again().After > 0, status)
		}
		now = now.Add(20 * time.Millisecond)
	}
	now = now.Add(6 * time.Second)
	touched(half)
	read()
	if !strings.Contains(log.String(), "no policy is read before they rest") {
		t.Errorf("the log does not say what it waits for:\n%s", &log)
	}

	touched(whole)
	now = now.Add(time.Second)
	read()
	if status := r.Status(); !status.Ready || r.Again().After > 0 || len(p.sent[group().Key]) != 1 {
		t.Errorf("the file rests: published %d times, status %+v", len(p.sent[group().Key]), status)
	}
	// From now on a new file in motion is left out until it rests and refuses nobody.
	write(t, dir, "new.yaml", policy("new", "/new"))
	path = filepath.Join(dir, "new.yaml")
	must(t, os.Chtimes(path, now, now))
	read()
	if status := r.Status(); !status.Ready || r.Again().After == 0 || status.Diagnostics.HasErrors() {
		t.Errorf("a new file in motion: status %+v", status)
	}
}

// TestAFileThatGoesAwayNoLongerKeepsTheFirstReadingWaiting holds for the log named x.yaml
// that somebody removes as the finding tells them to.
func TestAFileThatGoesAwayNoLongerKeepsTheFirstReadingWaiting(t *testing.T) {
	dir := t.TempDir()
	now := time.Now().Add(time.Hour)
	r, err := reload.New(reload.Options{
		Publisher: &publisher{sent: map[string][]map[string]string{}}, Files: files(input.Options{Dirs: []string{dir}, Now: func() time.Time { return now }}), Settings: model.DefaultSettings(), Keyring: &keyring{}, Logger: slog.New(slog.DiscardHandler),
		Metrics: reload.NewMetrics(prometheus.NewRegistry()), Now: func() time.Time { return now },
	})
	must(t, err)
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "log.yaml", "GET /\n")
	must(t, os.Chtimes(filepath.Join(dir, "log.yaml"), now, now))
	must(t, r.Reload(t.Context(), input.Change{}))
	if r.Status().Ready {
		t.Error("ready although a file is in motion")
	}
	must(t, os.Remove(filepath.Join(dir, "log.yaml")))
	must(t, r.Reload(t.Context(), input.Change{}))
	if status := r.Status(); !status.Ready || r.Again().After > 0 {
		t.Errorf("not ready after the file has gone: %+v", status)
	}
}
