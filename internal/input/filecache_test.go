package input

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
)

func TestACachedFileCountsOnlyWhileNothingOfItHasChanged(t *testing.T) {
	const text = "apiVersion: v1"
	old := time.Now().Add(-time.Hour)
	for name, c := range map[string]struct {
		change func(t *testing.T, path string)
		known  bool
	}{
		"nothing happened": {func(*testing.T, string) {}, true},
		"read by somebody": {func(t *testing.T, path string) {
			if _, err := os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
		}, true},
		"written": {func(t *testing.T, path string) { put(t, path, text+"x") }, false},
		"written, with the old size and the old time put back": {func(t *testing.T, path string) {
			put(t, path, "apiVersion: v2")
			backdate(t, path, old)
		}, false},
		"another file renamed into place, of the same size and time": {func(t *testing.T, path string) {
			put(t, path+".new", "apiVersion: v2")
			backdate(t, path+".new", old)
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.yaml")
			put(t, path, text)
			backdate(t, path, old)
			m := fileCache{}
			before := stat(t, path)
			m.note(path, before, []byte(text), time.Now().Add(2*rest))
			c.change(t, path)
			// Within one tick of the file system's clock nothing can tell; that is what rest is for.
			for deadline := time.Now().Add(time.Second); !c.known && sameChangeTime(before, stat(t, path)) && time.Now().Before(deadline); {
				c.change(t, path)
			}
			content, known := m.same(path, stat(t, path))
			if known != c.known || known && string(content) != text {
				t.Errorf("known: %v (%q), want %v", known, content, c.known)
			}
		})
	}
}

// TestAFileThatIsYoungIsNotCached holds that what was read shortly after it was written is not
// remembered: a second write within one tick of the file system's clock leaves no trace.
func TestAFileThatIsYoungIsNotCached(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.yaml")
	put(t, path, "a")
	m := fileCache{}
	m.note(path, stat(t, path), []byte("a"), time.Now().Add(2*rest))
	m.note(path, stat(t, path), []byte("a"), time.Now())
	if _, known := m.same(path, stat(t, path)); known {
		t.Error("a file that was written a moment ago is remembered")
	}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func backdate(t *testing.T, path string, to time.Time) {
	t.Helper()
	if err := os.Chtimes(path, to, to); err != nil {
		t.Fatal(err)
	}
}

func stat(t *testing.T, path string) os.FileInfo {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

func sameChangeTime(a, b os.FileInfo) bool {
	first, _ := disk.ChangeTime(a)
	second, _ := disk.ChangeTime(b)
	return first.Equal(second)
}
