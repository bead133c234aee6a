package who

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
)

// TestADiskThatHangsTakesNothingFromOthers holds for a directory that hangs, and for a git that does.
func TestADiskThatHangsTakesNothingFromOthers(t *testing.T) {
	good, hung := t.TempDir(), t.TempDir()
	for _, dir := range []string{good, hung} {
		if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := New(Options{})
	w.disk = disk.New(disk.Options{Timeout: 50 * time.Millisecond})
	release, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		_ = w.disk.Do(hung, func() error { <-release; return nil })
	}()
	<-done // it is given up, and still hangs
	defer func() {
		close(release)
		for len(w.disk.Stuck()) > 0 {
			_, _ = w.disk.Stat(good)
		}
	}()
	got := w.Of(t.Context(), []File{{Path: filepath.Join(hung, "a.yaml")}, {Path: filepath.Join(good, "a.yaml")}})
	if len(got) != 1 || got[0].File != filepath.Join(good, "a.yaml") || got[0].Owner == "" {
		t.Errorf("got %+v, want the owner of the file on the disk that answers", got)
	}
}
